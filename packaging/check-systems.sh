#!/usr/bin/env bash
# Compiles the program for Windows and macOS, as far as `cargo check` does, on Linux: `check-systems.sh [TARGET…]`.
# Nothing is linked, nothing is run. docs/systems.md says what that is worth.
#
# For each target it needs the target's standard library: from rustup (`rustup target add TARGET`), or compiled
# along from its source (Debian's rustc-web, cargo-web and rust-web-src, version 1.89 or later: CARGO=/usr/bin/cargo
# RUSTC=/usr/bin/rustc). And a C compiler for the target, for aws-lc: for Windows that of Debian's
# gcc-mingw-w64-x86-64, for macOS zig (PyPI: ziglang; PYTHON names the Python that has it). It installs nothing: where
# something is missing it says what, and the target is skipped.

set -euo pipefail
cd "$(dirname "$0")/.."

targets=("$@")
[ $# -gt 0 ] || targets=(x86_64-pc-windows-gnu aarch64-apple-darwin)
cargo=${CARGO:-cargo}
rustc=${RUSTC:-rustc}
python=${PYTHON:-python3}
export CARGO_TERM_COLOR=never
# Kept: a compiler in another place would have all of aws-lc compiled again.
work=${CARGO_TARGET_DIR:-$PWD/target}/check-systems
mkdir -p "$work"
bad=0

# What the target's standard library is to be had by, as arguments of cargo; or what is missing.
library() {
    local root
    root=$("$rustc" --print sysroot)/lib/rustlib || return 1
    if [ -d "$root/$1/lib" ]; then
        arguments=()
    elif [ -e "$root/src/rust/library/Cargo.toml" ]; then
        # Such arguments are for nightly compilers, unless they are told that we know.
        export RUSTC_BOOTSTRAP=1
        arguments=("-Zbuild-std=std,panic_unwind")
    else
        missing="a standard library: rustup target add $1, or Debian's rustc-web, cargo-web and rust-web-src"
        return 1
    fi
}

# zig as a compiler for macOS: what names a target or an SDK in another compiler's words is left out.
zig() {
    local variable=${1//-/_}
    cat >"$work/cc" <<SCRIPT
#!/usr/bin/env bash
arguments=()
while [ \$# -gt 0 ]; do
    case \$1 in
        --target=*) ;;
        -target | -arch | -isysroot) shift ;;
        *) arguments+=("\$1") ;;
    esac
    shift
done
exec "$python" -m ziglang cc -target ${1%%-*}-macos "\${arguments[@]}"
SCRIPT
    printf '#!/bin/sh\nexec "%s" -m ziglang ar "$@"\n' "$python" >"$work/ar"
    chmod +x "$work/cc" "$work/ar"
    mkdir -p "$work/sdk"
    export "CC_$variable=$work/cc" "AR_$variable=$work/ar" "SDKROOT=$work/sdk"
}

compiler() {
    case $1 in
        *-windows-gnu)
            missing="a C compiler: Debian's gcc-mingw-w64-x86-64"
            command -v "${1%%-*}-w64-mingw32-gcc" >/dev/null
            ;;
        *-apple-darwin)
            missing="zig: PyPI's ziglang, for $python"
            [ "$(uname)" = Darwin ] && return
            "$python" -c 'import ziglang' 2>/dev/null && zig "$1"
            ;;
    esac
}

for target in "${targets[@]}"; do
    missing=cargo arguments=()
    if ! { command -v "$cargo" "$rustc" >/dev/null && library "$target" && compiler "$target"; }; then
        echo "skipped  $target: it needs $missing"
        continue
    fi
    if "$cargo" check --locked --lib --bin octobroker --target "$target" "${arguments[@]}" >"$work/log" 2>&1 &&
        ! grep -q '^warning: .octobroker. ' "$work/log"; then
        echo "ok       $target: compiled ($("$rustc" --version)); not linked, not run"
    else
        printf 'BAD      %s\n' "$target"
        grep -A 12 -E '^(warning|error)' "$work/log" || tail -n 20 "$work/log"
        bad=1
    fi
done
exit "$bad"
