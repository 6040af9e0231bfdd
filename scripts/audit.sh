#!/usr/bin/env bash
# Checks the dependencies: licenses and sources of crates, and known vulnerabilities of crates and npm packages. deny.toml lists
# the exceptions. A finding is always a failure. Advisories that cannot be reached are not, because nobody could work without a
# network; DOCKET_AUDIT_REQUIRE=advisories makes them one, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/path.sh

# unreachable CONSEQUENCE REASON: reports that advisories cannot be reached.
unreachable() {
    printf '%s: the advisories cannot be reached.\n%s\n' "$1" "$2" >&2
    [ "${DOCKET_AUDIT_REQUIRE-}" != advisories ]
}

crates() {
    cargo deny --workspace --locked check bans licenses sources
    local reason
    if ! reason=$(cargo deny fetch db 2>&1); then
        if ! compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/" >/dev/null; then
            unreachable "SKIPPED known vulnerabilities of crates" "$reason"
            return
        fi
        unreachable "Checking crates against advisories of an earlier time" "$reason"
    fi
    cargo deny --workspace --locked --offline check advisories
}

npm_packages() {
    local report reason
    # Where npm is configured to work offline, it would report nothing.
    if report=$(cd frontend && npm audit --offline=false --json 2>/dev/null); then
        echo "npm packages ok"
        return
    fi
    # A message is there only if the request failed.
    reason=$(sed -n 's/^  "message": "\(.*\)",$/\1/p' <<<"$report")
    if [ -n "$reason" ]; then
        unreachable "SKIPPED known vulnerabilities of npm packages" "$reason"
    else
        # Vulnerabilities, or a lock file that npm cannot read. As text, for people.
        (cd frontend && npm audit --offline=false) || true
        return 1
    fi
}

crates
npm_packages
