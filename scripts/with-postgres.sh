#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL; without a command, prints its address and waits. The command finds the address
# in DATABASE_URL, as a Docket that it starts does, and in DOCKET_TEST_POSTGRES, as the tests do, which make databases of
# their own there. `--durable` makes commits reach the disk (for measuring); tests go faster without.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/path.sh"

fsync=off
if [ "${1-}" = --durable ]; then
    fsync=on
    shift
fi

command -v initdb >/dev/null || { echo "PostgreSQL is missing; 'just setup' installs it." >&2; exit 1; }

dir=$(mktemp -d)
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
as=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    as=(setpriv --reuid=nobody "--regid=$(id -g nobody)" --clear-groups)
    chown nobody "$dir"
fi

stop() {
    # Ctrl-C under `npx` arrives more than once: from the terminal, and from each program above that hands it on.
    trap '' INT TERM HUP
    # shellcheck disable=SC2046 # one argument for each job
    kill $(jobs -p) 2>/dev/null || true
    (cd / && "${as[@]}" pg_ctl --pgdata="$dir/data" --mode=immediate stop >/dev/null 2>&1) || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_connections=300 -c fsync=$fsync"
[ $fsync = on ] || options+=" -c synchronous_commit=off -c full_page_writes=off"
# Not from here: another user may not be allowed to see this folder.
(
    cd /
    "${as[@]}" initdb --pgdata="$dir/data" --username=docket --auth=trust --encoding=UTF8 --no-locale --no-sync >"$dir/log"
    "${as[@]}" pg_ctl --pgdata="$dir/data" --options="$options" --log="$dir/data/log" --wait start >/dev/null
) || { cat "$dir/log" "$dir/data/log" >&2; exit 1; }

export DATABASE_URL=postgres://docket@127.0.0.1:$port/postgres
export DOCKET_TEST_POSTGRES=$DATABASE_URL
# Docket requires one with PostgreSQL.
if [ -z "${BETTER_AUTH_SECRET-}${BETTER_AUTH_SECRETS-}" ]; then
    BETTER_AUTH_SECRET=$(node -p 'crypto.randomBytes(32).toString("base64")')
    export BETTER_AUTH_SECRET
fi
if [ $# -gt 0 ]; then
    "$@"
else
    echo "DATABASE_URL=$DATABASE_URL"
    echo "Ctrl-C stops it and deletes its data."
    tail -f /dev/null & # only to wait for
    wait $!
fi
