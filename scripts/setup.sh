#!/usr/bin/env bash
# Makes sure that everything is there that the named parts (run, test, audit, bench, pg) need. Quick when it is. Otherwise it first
# lists all that only the user can provide, then installs the rest step by step, with the installers' output in a log file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/path.sh

log=target/setup.log
lacks=()       # what only the user can provide, and how
packages=()    # system packages to install
steps=()       # the commands of the steps,
names=()       # their names,
durations=()   # and about how long they take on two cores

lack() { lacks+=("$*"); }

# plan NAME DURATION COMMAND...: adds a step. Neither of the words of COMMAND contains a space.
plan() {
    names+=("$1")
    durations+=("$2")
    steps+=("${*:3}")
}

# --- Rust ---

channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)

# Prints what of Rust is missing. Looks at files, because asking rustup takes longer; they also tell for a Rust that is not
# from rustup. `rustc` must not install anything here: rustup would add the toolchain, but not what an installed one lacks.
rust_lacks() {
    local sysroot version
    if ! sysroot=$(RUSTUP_AUTO_INSTALL=0 rustc --print sysroot 2>/dev/null); then
        echo "the toolchain, "
        return
    fi
    version=$(rustc --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n' "$channel" "$version" | sort -V | head -n 1)" = "$channel" ] ||
        printf 'version %s instead of %s, ' "$channel" "$version"
    [ -d "$sysroot/lib/rustlib/wasm32-unknown-unknown/lib" ] || printf 'the target wasm32-unknown-unknown, '
    [ -x "$sysroot/bin/cargo-clippy" ] || printf 'clippy, '
    [ -x "$sysroot/bin/rustfmt" ] || printf 'rustfmt, '
    compgen -G "$sysroot/lib/rustlib/*/bin/llvm-profdata" >/dev/null || printf 'llvm-tools, '
}

rust() {
    local home=${CARGO_HOME:-$HOME/.cargo} absent
    if ! command -v cargo >/dev/null; then
        if [ -x "$home/bin/cargo" ]; then
            lack "Rust is in $home/bin, which is not on PATH. Run: . $home/env"
        else
            lack "Rust. Install rustup from https://rustup.rs; it gets the version that is needed."
        fi
        return
    fi
    absent=$(rust_lacks)
    [ -n "$absent" ] || return 0
    if [ "$(command -v cargo)" -ef "$(command -v rustup)" ]; then
        plan "Rust $channel: ${absent%, } (with rustup)" "1 minute" install_rust
    else
        lack "Rust $channel or newer with the target wasm32-unknown-unknown, clippy, rustfmt and llvm-tools." \
            "$(command -v cargo) is not from rustup, and it lacks ${absent%, }. Install these the way you installed it," \
            "or install rustup from https://rustup.rs and put $home/bin first on PATH."
    fi
}

install_rust() {
    # Without a name it installs what rust-toolchain.toml says, and what an installed toolchain lacks of it.
    rustup toolchain install --no-self-update
    local absent
    absent=$(rust_lacks)
    if [ -n "$absent" ]; then
        echo "Still missing: ${absent%, }. Is RUSTUP_TOOLCHAIN set, or \`rustup override\`? \`rustup show\` tells."
        return 1
    fi
}

# --- Tools that cargo and npm install ---

# tool CRATE VERSION DURATION [FEATURE FLAGS]: a program of this version in .tools/bin or elsewhere on PATH.
tool() {
    local crate=$1 version=$2 duration=$3 asked=("$1" --version)
    shift 3
    case $crate in
        wasm-bindgen-cli) asked=(wasm-bindgen --version) ;;
        cargo-llvm-cov) asked=(cargo-llvm-cov llvm-cov --version) ;;
    esac
    if [[ " $("${asked[@]}" 2>/dev/null) " != *" $version "* ]]; then
        plan "$crate $version, into .tools/" "$duration" install_tool "$crate" "$version" "$@"
    fi
}

install_tool() {
    local crate=$1 version=$2 level=0
    shift 2
    if cargo binstall -V >/dev/null 2>&1 && cargo binstall --no-confirm --root .tools "$crate@$version"; then return; fi
    # Most of these wait for disks and compilers; optimising them would only make the first run longer.
    [ "$crate" = wasm-bindgen-cli ] && level=1
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=$level CARGO_PROFILE_RELEASE_STRIP=true
    export CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64
    # In target/tools a build that failed goes on where it stopped.
    local from=(install --root .tools --target-dir target/tools --version "$version" "$@" "$crate")
    # A lock file may name a crate that is no longer to be had; newer ones do as well.
    cargo "${from[@]}" --locked || cargo "${from[@]}"
}

npm_installed=frontend/node_modules/.lock-installed

node_version() {
    local version
    if ! version=$(node --version 2>/dev/null) || ! command -v npm >/dev/null; then
        lack "Node 20 or newer, with npm: https://nodejs.org"
    elif [ "$(cut -d . -f 1 <<<"${version#v}")" -lt 20 ]; then
        lack "Node 20 or newer: https://nodejs.org. $(command -v node) is $version."
    fi
}

npm_packages() {
    cmp -s frontend/package-lock.json $npm_installed ||
        plan "npm packages of the client, into frontend/node_modules/" "1 minute" install_npm_packages
}

install_npm_packages() {
    (cd frontend && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci)
    cp frontend/package-lock.json $npm_installed
}

# --- System packages ---

# The command that makes apt-get root's: nothing for root, sudo where it can work.
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=sudo
fi

# system DESCRIPTION PACKAGES...: the Debian packages that bring what the description says.
system() {
    if ! command -v apt-get >/dev/null; then
        lack "$1, from your system's package manager."
    else
        packages+=("${@:2}")
    fi
}

system_packages() {
    if [ ${#packages[@]} -eq 0 ]; then return; fi
    if [ "${INSTALL_SYSTEM_PACKAGES-yes}" = no ] || [ -z "${as_root+known}" ]; then
        lack "System packages, as root: apt-get install ${packages[*]}"
    else
        plan "system packages ${packages[*]} (with $as_root${as_root:+ }apt-get)" "1 minute" install_system_packages
    fi
}

install_system_packages() {
    local output deadline=$((SECONDS + 300))
    # `update` ignores Lock::Timeout. When it fails for another reason, the lists that are there may still do.
    until output=$(LC_ALL=C $as_root apt-get update -qq 2>&1); do
        printf '%s\n' "$output"
        if [[ $output != *"Could not get lock"* ]] || [ $SECONDS -ge $deadline ]; then break; fi
        sleep 2
    done
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -qq --no-install-recommends \
        "${packages[@]}"
}

# --- What else can be known before the first build ---

compiler() {
    command -v "${CC:-cc}" >/dev/null ||
        lack "A C compiler, which SQLite and the linking of Rust need. On Debian and Ubuntu: apt-get install gcc libc6-dev"
}

# space FOLDER MEGABYTES: counts what a build will need if it has not left FOLDER yet.
megabytes_needed=0
space() {
    [ -e "$1" ] || megabytes_needed=$((megabytes_needed + $2))
}

disk() {
    local free
    free=$(($(df -Pk . | awk 'NR == 2 { print $4 }') / 1024))
    if [ $free -lt $megabytes_needed ]; then
        lack "Disk space: the builds need about $megabytes_needed MB in $PWD, and $free MB are free."
    fi
}

# --- The parts ---

parts=" $* "
# wants PART...: whether one of these parts is asked for.
wants() {
    local part
    for part in "$@"; do
        if [[ $parts == *" $part "* ]]; then return; fi
    done
    return 1
}

# What is short or can fail early comes first.
rust
node_version
compiler
if wants test bench pg && ! command -v initdb >/dev/null; then
    system "PostgreSQL with initdb and pg_ctl" postgresql
fi
if wants test && ! scripts/chromium.sh >/dev/null 2>&1; then
    system "Chromium (or Chrome) and chromedriver of the same version, on PATH or named by CHROMIUM and CHROMEDRIVER" \
        chromium chromium-driver
fi
if wants bench && ! command -v wrk >/dev/null; then
    system "wrk" wrk
fi
system_packages
if wants run; then
    npm_packages
    tool trunk 0.21.14 "2 minutes" --no-default-features
    tool wasm-bindgen-cli "$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p;}' Cargo.lock)" "2 minutes" \
        --no-default-features
    space target/release 3000
fi
if wants test audit; then
    tool cargo-deny 0.20.2 "1 minute"
fi
if wants test; then
    tool cargo-llvm-cov 0.9.1 "1 minute"
    space target/coverage 4000
fi
disk

if [ ${#lacks[@]} -gt 0 ]; then
    {
        echo "Docket needs what cannot be installed from here:"
        printf '  - %s\n' "${lacks[@]}"
        echo "Then run the same command again."
    } >&2
    exit 1
fi
count=${#steps[@]}
if [ "$count" -eq 0 ]; then exit; fi

mkdir -p target
# Two that install at the same time would be in each other's way. The second looks again at what is missing.
if command -v flock >/dev/null; then
    exec 9>target/setup.lock
    if ! flock --nonblock 9; then
        echo "Waiting for another setup in this folder ..."
        flock 9
        exec scripts/setup.sh "$@"
    fi
fi

echo "Setting up; what the installers say is in $log."
if [ ${#packages[@]} -gt 0 ]; then
    echo "System packages are installed for the whole machine; INSTALL_SYSTEM_PACKAGES=no leaves them to you."
fi
: >$log
for ((index = 0; index < count; index++)); do
    step="$((index + 1)) of $count: ${names[index]}"
    echo "== $step" >>$log
    printf '%s, about %s ... ' "$step" "${durations[index]}"
    started=$SECONDS
    set +e
    # Word splitting is wanted. In a subshell outside of any condition, so that `set -e` holds within the step.
    # shellcheck disable=SC2086
    (set -e; ${steps[index]}) >>$log 2>&1 9>&-
    code=$?
    set -e
    if [ $code -ne 0 ]; then
        {
            printf 'failed.\n\nThe last lines of %s:\n' "$PWD/$log"
            tail -n 15 $log | sed 's/^/    /'
            printf '\n%s failed. Remove the cause that these lines name (often a lost network or a full disk), then run\n' \
                "Step $((index + 1))"
            echo "the same command again: finished steps are kept."
        } >&2
        exit 1
    fi
    echo "done after $((SECONDS - started)) s"
done
rm -rf target/tools
