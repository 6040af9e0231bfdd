#!/usr/bin/env bash
# Serves the client and the API for development. Trunk rebuilds the client by itself; the loop below rebuilds the server
# when a file of it changes, and keeps the old one running until the new one compiles.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p target
stamp=target/dev.stamp
server=

trap 'kill $(jobs -p) 2>/dev/null' EXIT
trap 'exit 130' INT TERM

# The client finds the API where BIND puts it.
if [ -n "${BIND-}" ]; then export DOCKET_API=http://localhost:${BIND##*:}; fi
trunk serve --dist target/dev-dist &

rm -f $stamp
while true; do
    if [ ! -e $stamp ] || [ -n "$(find Cargo.toml Cargo.lock backend shared -type f -newer $stamp -print)" ]; then
        touch $stamp
        if cargo build --package docket; then
            if [ -n "$server" ]; then
                kill "$server"
                wait "$server" || true
            fi
            target/debug/docket &
            server=$!
        fi
    fi
    sleep 1
done
