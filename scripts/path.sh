# shellcheck shell=bash
# To be sourced: puts the programs on PATH that are not there by themselves. The project's own tools come first, so that
# another version of them cannot interfere; PostgreSQL's programs come last.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$root/.tools/bin:$root/frontend/node_modules/.bin:$PATH
for folder in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    PATH=$PATH:$folder
done
export PATH
unset root folder
