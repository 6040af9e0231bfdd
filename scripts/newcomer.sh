#!/usr/bin/env bash
# Follows the README's two commands as somebody does who has never built Docket, and prints how long each step takes: in a
# clone of HEAD, with empty HOME, CARGO_HOME, RUSTUP_HOME and npm cache, and a PATH without the project's tools.
#
#   newcomer.sh [empty] [minimal]
#     empty     rustup without any toolchain
#     minimal   the toolchain in rustup's minimal profile, so without the wasm target, and a rustup that adds nothing by itself
#
# `run` is followed until the server answers, `test` until its setup is complete; `just test` itself is for another time.
# System packages are the machine's: those that are installed already (Chromium, PostgreSQL) are not installed again. It
# needs rustup, about 6 GB in TMPDIR, and a network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
commit=$(git rev-parse HEAD)
rustup=$(command -v rustup) || { echo "rustup is missing: https://rustup.rs" >&2; exit 1; }

# PATH without what npx and the project put there, and without a folder that has one of the tools.
path=
while IFS= read -r -d : folder; do
    if [[ $folder == */node_modules/* ]]; then continue; fi
    for tool in rustup trunk wasm-bindgen cargo-llvm-cov cargo-binstall; do
        if [ -x "$folder/$tool" ]; then continue 2; fi
    done
    path+=:$folder
done <<<"$PATH:"

# Keep the settings for proxies, certificates and registries.
kept=("TERM=${TERM:-dumb}")
while IFS= read -r variable; do
    kept+=("$variable")
done < <(env | grep -iE '^(([a-z]+_)?proxy|ssl_cert_(file|dir)|node_extra_ca_certs|rustup_(dist_server|update_root)|npm_config_registry)=')

dir=$(mktemp -d "${TMPDIR:-/tmp}/docket-newcomer.XXXXXX")
background=

clean_up() {
    trap '' INT TERM HUP
    if [ -n "$background" ]; then kill -TERM -- "-$background" 2>/dev/null || true; fi
    wait
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# fresh COMMAND...: runs it in the clone with nothing of this user.
fresh() {
    cd "$home/docket"
    exec env -i "${kept[@]}" HOME="$home" CARGO_HOME="$home/.cargo" RUSTUP_HOME="$home/.rustup" PATH="$home/.cargo/bin$path" \
        npm_config_cache="$home/.npm" BIND=127.0.0.1:0 $auto_install "$@" </dev/null 2>&1
}

# Puts the seconds since $started before each line.
stamp() {
    local line
    while IFS= read -r line; do printf '%4d %s\n' $((SECONDS - started)) "$line"; done
}

fail() {
    if [ -f "$home/docket/target/setup.log" ]; then sed 's/^/setup.log: /' "$home/docket/target/setup.log" >>"$log"; fi
    printf '%s: %s failed. Its output is in %s; the last lines:\n' "$variant" "$1" "$log" >&2
    tail -n 20 "$log" >&2
    exit 1
}

row() { printf '| %-8s | %-100s | %5s s |\n' "$variant" "$1" "$2"; }

# Prints the steps that setup.sh and the justfile tell of.
rows() {
    sed -nE 's/^ *[0-9]+ ([0-9]+ of [0-9]+: .*), about .* done after ([0-9]+) s$/\1\t\2/p' "$1" |
        while IFS=$'\t' read -r name seconds; do row "$name" "$seconds"; done
}

# at TEXT: the second at which the log first says it.
at() { sed -nE "/$1/{s/^ *([0-9]+) .*/\1/p;q;}" "$log"; }

# Starts `just run`, waits until it answers, and stops it.
run() {
    started=$SECONDS
    set -m # in a process group of its own, to stop all of it
    (fresh npx --yes rust-just run | stamp >"$log") &
    background=$!
    set +m
    until grep -q 'listening on http' "$log" 2>/dev/null; do
        kill -0 $background 2>/dev/null || fail "just run"
        sleep 0.2
    done
    local address
    address=$(grep -o 'listening on http://[0-9.:]*' "$log" | cut -d ' ' -f 3)
    curl --fail --silent --show-error "$address/health/ready" "$address/api/auth/jwks" >>"$log" 2>&1 || fail "asking $address"
    curl --fail --silent "$address/" | grep -q '<div id="app">' || fail "the client at $address"
    ready=$((SECONDS - started))
    kill -TERM -- -$background
    wait $background || true
    background=
}

newcomer() {
    variant=$1
    home=$dir/$variant
    log=target/newcomer/$variant-run.log
    auto_install=
    mkdir -p "$home/.cargo/bin" target/newcomer
    log=$PWD/$log
    git clone --quiet . "$home/docket"
    git -C "$home/docket" checkout --quiet --detach "$commit"
    # What rustup's installer leaves.
    cp "$rustup" "$home/.cargo/bin/rustup"
    for proxy in cargo cargo-clippy cargo-fmt clippy-driver rustc rustdoc rustfmt; do
        ln -s rustup "$home/.cargo/bin/$proxy"
    done
    started=$SECONDS
    if [ "$variant" = minimal ]; then
        auto_install=RUSTUP_AUTO_INSTALL=0
        (fresh rustup toolchain install "$channel" --profile minimal --no-self-update) >"$log" || fail "rustup"
    fi

    run
    rows "$log"
    row "the client" $(($(at 'Building the server') - $(at 'Building the client')))
    row "the server" $(($(at 'listening on') - $(at 'Building the server')))
    row "just run, until it answers" "$ready"

    log=${log/-run/-again}
    run
    row "just run again, until it answers" "$ready"

    log=${log/-again/-test}
    started=$SECONDS
    (fresh npx --yes rust-just _setup run test | stamp >"$log") || fail "the setup of just test"
    rows "$log"
    row "the setup of just test" $((SECONDS - started))
    printf '%s: %s MB in the folder, %s MB in ~/.cargo and ~/.rustup\n\n' "$variant" \
        "$(du -sm "$home/docket" | cut -f 1)" "$(du -smc "$home/.cargo" "$home/.rustup" | tail -n 1 | cut -f 1)"
    rm -rf "$home"
}

if [ $# -eq 0 ]; then set -- empty minimal; fi
for name in "$@"; do
    case $name in
        empty | minimal) newcomer "$name" ;;
        *) echo "newcomer.sh: empty or minimal, not $name" >&2; exit 2 ;;
    esac
done
