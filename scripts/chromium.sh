#!/usr/bin/env bash
# Prints where Chromium and its driver are, as shell assignments.
set -euo pipefail

first() {
    local name
    for name in "$@"; do command -v "$name" && return; done
    return 1
}

if ! chromium=$(first "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome) ||
    ! driver=$(first "${CHROMEDRIVER:-chromedriver}" chromedriver); then
    echo "Chromium and chromedriver are missing; 'just setup' installs them. CHROMIUM and CHROMEDRIVER may name others." >&2
    exit 1
fi
printf 'export CHROMIUM=%q CHROMEDRIVER=%q\n' "$chromium" "$driver"
