#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL, whose address it finds in DOCKET_TEST_POSTGRES; without a command, prints
# the address and waits. `--durable` makes commits reach the disk (for measuring); tests go faster without.
set -euo pipefail

fsync=off
if [ "${1-}" = --durable ]; then
    fsync=on
    shift
fi

PATH=$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin)
command -v initdb >/dev/null || { echo "PostgreSQL is missing; 'just setup' installs it." >&2; exit 1; }

dir=$(mktemp -d)
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
as=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    as=(setpriv --reuid=nobody "--regid=$(id -g nobody)" --clear-groups)
    chown nobody "$dir"
fi

stop() {
    kill $(jobs -p) 2>/dev/null || true
    (cd / && "${as[@]}" pg_ctl --pgdata="$dir/data" --mode=immediate stop >/dev/null 2>&1) || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_connections=300 -c fsync=$fsync"
[ $fsync = on ] || options+=" -c synchronous_commit=off -c full_page_writes=off"
# Not from here: another user may not be allowed to see this folder.
(
    cd /
    "${as[@]}" initdb --pgdata="$dir/data" --username=docket --auth=trust --encoding=UTF8 --no-locale --no-sync >"$dir/log"
    "${as[@]}" pg_ctl --pgdata="$dir/data" --options="$options" --log="$dir/data/log" --wait start >/dev/null
) || { cat "$dir/log" "$dir/data/log" >&2; exit 1; }

export DOCKET_TEST_POSTGRES=postgres://docket@127.0.0.1:$port/postgres
if [ $# -gt 0 ]; then
    "$@"
else
    echo "DATABASE_URL=$DOCKET_TEST_POSTGRES"
    echo "Ctrl-C stops it and deletes its data."
    tail -f /dev/null & # only to wait for
    wait $!
fi
