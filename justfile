# Tasks of a working day. `just check` runs all that CI runs, through the same script.

# What there is.
default:
    @just --list --unsorted

# Puts every file into the one format.
fmt:
    cargo fmt --all

# Lints, warnings denied.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --test clients -- -D warnings

# All tests, or those whose name holds a word.
test *filter:
    cargo test --workspace {{ filter }}

# Real clients through the broker. Needs Node.js 18 or later, npm and curl.
clients *filter:
    npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund
    cargo test --test clients {{ filter }}

# The documentation of the code, warnings denied.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The demonstration: an issuer, an Octopus, a broker and a few requests.
demo *arguments:
    cargo run --example demo {{ if arguments == "" { "" } else { "-- " + arguments } }}

# Dependencies: licences, sources, bans and duplicates. Needs cargo-deny.
deny:
    cargo deny check bans licenses sources

# Dependencies: known vulnerabilities. Needs cargo-deny and the network.
advisories:
    cargo deny check advisories

# Bytes that nobody thought of: 30 s for each target, or so many seconds for those that are named.
fuzz seconds="30" *targets:
    FUZZ_SECONDS={{ seconds }} .ci/fuzz {{ targets }}

# Instructions of each step of a request, or of those whose name holds a word. Needs valgrind.
bench *words:
    CARGO_INCREMENTAL=0 cargo bench --profile dev --bench cost -- --instructions {{ words }}

# Makes what is counted now the baseline of the next counts. Needs valgrind.
baseline:
    CARGO_INCREMENTAL=0 cargo bench --profile dev --bench cost -- --instructions --write

# What a request costs beside nginx, HAProxy and Envoy. Needs nginx, haproxy, wrk and openssl of Debian.
compare *arguments:
    bench/compare/run {{ arguments }}

# All of what CI runs.
check:
    .ci/run
