#!/usr/bin/env bash
# Builds the images of docker/Dockerfile and runs them as docker/compose.yaml does, without Docker, an engine
# or a registry: `docker/smoke.sh [dev|release]`, by default the quick profile, as root.
#
# The image that the Dockerfile begins with is made here, of Debian's packages and this machine's toolchain.
# Needed, all from Debian: buildah podman runc debootstrap curl util-linux python3; and cargo by rustup. Where
# one is missing it says so and is skipped. $OCTOBROKER_SMOKE names a folder to keep, for later runs.

set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1:-dev}

for program in buildah podman runc debootstrap curl nsenter python3 rustc; do
    command -v "$program" >/dev/null || { echo "skipped: $program is missing"; exit 0; }
done
[ "$(id -u)" -eq 0 ] || { echo "skipped: this needs root"; exit 0; }

work=${OCTOBROKER_SMOKE:-$(mktemp -d)}
mkdir -p "$work"
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
podman() { command podman "${storage[@]}" --runtime runc --cgroup-manager cgroupfs --log-level fatal "$@"; }
buildah() { command buildah "${storage[@]}" "$@"; }
# shellcheck disable=SC2329
end() {
    podman rm --force --all --time 1 >/dev/null 2>&1 || true
    [ -n "${OCTOBROKER_SMOKE:-}" ] || rm -rf "$work"
}
trap end EXIT

failed=0
check() {
    local what=$1
    shift
    if "$@"; then echo "ok   $what"; else echo "BAD  $what"; failed=1; fi
}

# Its roots are this machine's, so that cargo reaches what it reaches here.
from=$(sed -n 's/^FROM \(rust:[^ ]*\) AS build$/\1/p' docker/Dockerfile)
if ! podman image exists "localhost/$from"; then
    rm -rf "$work/base"
    debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates "${from##*-}" "$work/base" >"$work/debootstrap.log"
    sysroot=$(rustc --print sysroot)
    host=$(rustc -vV | sed -n 's/^host: //p')
    mkdir -p "$work/base/usr/local/rust/bin" "$work/base/usr/local/rust/lib/rustlib"
    cp "$sysroot"/bin/{cargo,rustc} "$work/base/usr/local/rust/bin/"
    cp "$sysroot"/lib/*.so* "$work/base/usr/local/rust/lib/"
    cp -r "$sysroot/lib/rustlib/$host" "$work/base/usr/local/rust/lib/rustlib/"
    cp -L /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
    tar -C "$work/base" -c . | podman import --quiet \
        --change ENV=PATH=/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        --change ENV=CARGO_HOME=/usr/local/cargo - "localhost/$from" >/dev/null
    rm -rf "$work/base"
fi

# HEALTHCHECK is of Docker's format alone.
build() {
    echo "building $1"
    buildah build --quiet --format docker --isolation chroot --pull-never --build-arg PROFILE="$profile" \
        --build-arg REVISION=smoke --ignorefile docker/Dockerfile.dockerignore \
        --file docker/Dockerfile --target "$1" --tag "localhost/$2" . >"$work/build.log" 2>&1 ||
        { tail -n 30 "$work/build.log"; exit 1; }
}
build octobroker octobroker
build emulator octobroker-emulator

inspect() { podman image inspect localhost/octobroker --format "$1"; }
bytes=$(inspect '{{.Size}}')
echo "     octobroker: $((bytes / 1024)) KiB"
[ "$profile" != release ] || check "it has at most 14 MiB" test "$bytes" -le $((14 * 1024 * 1024))
check "it runs as 65532" test "$(inspect '{{.Config.User}}')" = 65532:65532
check "its command is octobroker serve" test "$(inspect '{{.Config.Entrypoint}} {{.Config.Cmd}}')" = "[octobroker] [serve]"
check "it has a health check" grep -q healthcheck <<<"$(inspect '{{.HealthCheck}}{{.Config.Healthcheck}}')"
check "its revision is told" test "$(inspect '{{index .Config.Labels "org.opencontainers.image.revision"}}')" = smoke
podman create --name files localhost/octobroker >/dev/null
podman export files | tar -t | grep -v '/$' | sort >"$work/files"
podman rm files >/dev/null
# What the runtime itself puts into each container is not of the image.
own=$(grep -vE '^(dev|proc|sys|run|etc/(hosts|hostname|resolv.conf|mtab))(/|$)' "$work/files" | tr '\n' ' ')
check "nothing else is in it: $own" test "$own" = "etc/ssl/certs/ca-certificates.crt usr/local/bin/octobroker "

# As compose.yaml has it: no capability, nothing to write to, one network namespace for both. This one has
# loopback alone.
locked=(--read-only --cap-drop all --security-opt no-new-privileges --ulimit nofile=4096:4096 --ulimit nproc=512:512)
podman run --detach --name emulator --network none "${locked[@]}" \
    --env EMULATOR_ISSUER=0.0.0.0:9001 --env EMULATOR_ISSUER_URL=http://127.0.0.1:9001 \
    --env EMULATOR_OCTOPUS=0.0.0.0:9002 --env EMULATOR_OCTOPUS_URL=http://127.0.0.1:9002 \
    localhost/octobroker-emulator >/dev/null
podman run --detach --name broker --network container:emulator "${locked[@]}" \
    --volume "$PWD/docker/octobroker.yaml:/etc/octobroker/octobroker.yaml:ro" localhost/octobroker >/dev/null
pid=$(podman inspect broker --format '{{.State.Pid}}')
inside() { nsenter --target "$pid" --net "$@"; }

check "it becomes ready" podman exec broker octobroker wait --timeout 20s
check "its health check holds" podman healthcheck run broker
account=$(sed -n 's/^ *id: \([0-9a-f-]*\).*/\1/p' docker/octobroker.yaml)
token=$(inside curl -s http://127.0.0.1:9001/mint -H 'Content-Type: application/json' \
    -d "{\"sub\":\"repo:acme/shop:ref:refs/heads/main\",\"aud\":\"$account\"}")
ask() { inside curl -s -o /dev/null -w '%{http_code}' "$@" http://127.0.0.1:8484/api/users/me; }
check "a request with an ID token is served" test "$(ask -H "Authorization: Bearer $token")" = 200
check "one without is not" test "$(ask)" = 401
check "its process is of 65532" grep -qP '^Uid:\t65532\t65532\t65532\t65532$' "/proc/$pid/status"
check "it has no capability" grep -qP '^CapEff:\t0+$' "/proc/$pid/status"
check "it can get none" grep -qP '^NoNewPrivs:\t1$' "/proc/$pid/status"
# shellcheck disable=SC2016
check "its root is read-only" awk '$5 == "/" { ro = $6 ~ /^ro(,|$)/ } END { exit !ro }' "/proc/$pid/mountinfo"

podman stop --time 35 broker >/dev/null
check "told to stop, it ends with 0" test "$(podman inspect broker --format '{{.State.ExitCode}}')" = 0
check "and had drained before" grep -q '"all requests have ended"' <<<"$(podman logs broker 2>&1)"
check "no token is in its log" test "$(podman logs broker 2>&1 | grep -c "${token:0:40}")" = 0

[ "$failed" -eq 0 ] && echo "all is well"
exit "$failed"
