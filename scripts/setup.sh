#!/usr/bin/env bash
# Installs what is missing for the named parts (run, test, bench, pg) and says what it does. Quick when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/.tools/bin:$PATH

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# install CRATE VERSION [FEATURE FLAGS]: puts a tool of this version into .tools/bin unless it, or one on PATH, is there.
install() {
    local crate=$1 version=$2 command=$1
    shift 2
    [ "$crate" = wasm-bindgen-cli ] && command=wasm-bindgen
    local asked=(--version)
    [ "$command" = cargo-llvm-cov ] && asked=(llvm-cov --version)
    if [[ " $("$command" "${asked[@]}" 2>/dev/null) " == *" $version "* ]]; then return; fi
    say "Installing $crate $version into .tools/ ..."
    if cargo binstall -V >/dev/null 2>&1; then
        cargo binstall --no-confirm --root .tools "$crate@$version"
        return
    fi
    # Most of these wait for disks and compilers; optimising them would only make the first run longer.
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=${CARGO_PROFILE_RELEASE_OPT_LEVEL-0} CARGO_PROFILE_RELEASE_STRIP=true
    export CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64
    local from=(install --root .tools --version "$version" "$@" "$crate")
    # A lock file may name a crate that is no longer to be had; newer ones do as well.
    cargo "${from[@]}" --locked || cargo "${from[@]}"
}

# package COMMAND DEBIAN-PACKAGES...: installs a system package where that can be done, or says what is missing.
package() {
    local command=$1
    shift
    if command -v "$command" >/dev/null; then return; fi
    if ! command -v apt-get >/dev/null; then fail "Please install $command, then try again."; fi
    local as=()
    [ "$(id -u)" = 0 ] || as=(sudo)
    say "Installing $* ..."
    "${as[@]}" apt-get update -qq
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"
}

client_tools() {
    install trunk 0.21.14 --no-default-features
    local bindgen
    bindgen=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p;}' Cargo.lock)
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 install wasm-bindgen-cli "$bindgen" --no-default-features
    local installed=frontend/node_modules/.lock-installed
    if ! cmp -s frontend/package-lock.json $installed; then
        say "Installing the client's npm packages into frontend/node_modules/ ..."
        (cd frontend && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci)
        cp frontend/package-lock.json $installed
    fi
}

postgres() {
    PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' :) package initdb postgresql
}

test_tools() {
    install cargo-llvm-cov 0.9.1
    postgres
    scripts/chromium.sh >/dev/null
}

command -v cargo >/dev/null || fail "Please install Rust with rustup first: https://rustup.rs"
command -v npm >/dev/null || fail "Please install Node 20 or newer first: https://nodejs.org"
if command -v rustup >/dev/null && ! rustup show active-toolchain >/dev/null 2>&1; then
    say "Installing the toolchain that rust-toolchain.toml names ..."
    rustup toolchain install
fi
for part in "$@"; do
    case $part in
        run) client_tools ;;
        test) test_tools ;;
        bench) package wrk wrk; postgres ;;
        pg) postgres ;;
        *) fail "setup.sh: run, test, bench or pg, not $part" ;;
    esac
done
