#!/usr/bin/env bash
# Prints where Chromium and its driver are, as shell assignments; installs them first where that can be done.
set -euo pipefail

first() {
    local name
    for name in "$@"; do command -v "$name" && return; done
    return 1
}
browser() { first "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome; }
driver() { first "${CHROMEDRIVER:-chromedriver}" chromedriver; }

if ! { browser && driver; } >/dev/null && command -v apt-get >/dev/null; then
    as=()
    [ "$(id -u)" = 0 ] || as=(sudo)
    echo "Installing Chromium and its driver ..." >&2
    "${as[@]}" apt-get update -qq >&2
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium chromium-driver >&2
fi
if ! { browser && driver; } >/dev/null; then
    echo "Please install Chromium (or Chrome) and chromedriver of the same version, or set CHROMIUM and CHROMEDRIVER." >&2
    exit 1
fi
printf 'export CHROMIUM=%q CHROMEDRIVER=%q\n' "$(browser)" "$(driver)"
