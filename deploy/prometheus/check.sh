#!/usr/bin/env bash
# Proves rules and dashboard: `check.sh rules` tests the rules (a second), `check.sh` the dashboard as
# well (two minutes, and the build). It needs prometheus and promtool (Debian: apt-get install
# prometheus), python3, curl, openssl and cargo. Everything runs on free ports of loopback, in a
# folder of its own.
#
# The dashboard is tested on the real thing: octobroker before the pretend Octopus, under a small load
# of every kind, scraped by Prometheus, which is then asked what each panel asks. An empty panel fails.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

promtool check rules "$here/octobroker.rules.yml"
promtool test rules "$here/octobroker.tests.yml"
[ "${1:-}" != rules ] || exit 0

cargo build --quiet --manifest-path "$root/Cargo.toml" --workspace --bins
target=${CARGO_TARGET_DIR:-$root/target}/debug

work=$(mktemp -d)
pids=()
end() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT

# Free once python has ended, and below those that the system gives to whoever connects.
ports=$(python3 -c '
import random, socket
free = []
while len(free) < 6:
    try:
        free.append(socket.create_server(("127.0.0.1", random.randrange(16000, 32000))))
    except OSError:
        pass
print(*(one.getsockname()[1] for one in free))')
read -r issuer octopus api tls admin prometheus <<<"$ports"

until_ok() {
    for _ in $(seq 200); do
        curl -sf -o /dev/null "$1" && return
        sleep 0.1
    done
    echo "$1 does not answer"
    tail -n 20 "$work"/*.log
    exit 1
}

"$target/emulator" --issuer "127.0.0.1:$issuer" --octopus "127.0.0.1:$octopus" \
    --rate-limit 40/600 >"$work/emulator.json" 2>"$work/emulator.log" &
pids+=($!)
until_ok "http://127.0.0.1:$issuer/.well-known/openid-configuration"
account=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["service_account_id"])' \
    <"$work/emulator.json")

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
cat >"$work/octobroker.yaml" <<YAML
octopus: { url: "http://127.0.0.1:$octopus" }
listeners:
  - bind: 127.0.0.1:$api
  - { bind: "127.0.0.1:$tls", tls: { cert_file: $work/tls.crt, key_file: $work/tls.key } }
admin: { bind: "127.0.0.1:$admin" }
issuers:
  ci: { provider: custom, url: "http://127.0.0.1:$issuer", algorithms: [RS256] }
service_accounts:
  demo: { id: $account }
rules:
  - name: shop-main
    issuer: ci
    service_account: demo
    claims: { sub: "repo:acme/shop:ref:refs/heads/main" }
  - name: shop-features
    issuer: ci
    service_account: demo
    claims: { sub: { glob: "repo:acme/shop:ref:refs/heads/feature/*" } }
  - name: docs
    issuer: ci
    service_account: demo
    claims: { sub: "repo:acme/docs:ref:refs/heads/main" }
    allow: [read]
YAML
"$target/octobroker" serve --config "$work/octobroker.yaml" 2>"$work/octobroker.log" &
pids+=($!)
until_ok "http://127.0.0.1:$admin/readyz"

curl -sf "http://127.0.0.1:$admin/metrics" | promtool check metrics

cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [$here/octobroker.rules.yml]
scrape_configs:
  - job_name: octobroker
    static_configs: [{ targets: ["127.0.0.1:$admin"] }]
YAML
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
    --web.listen-address="127.0.0.1:$prometheus" --log.level=warn >"$work/prometheus.log" 2>&1 &
pids+=($!)
until_ok "http://127.0.0.1:$prometheus/-/ready"

python3 "$here/check.py" load "http://127.0.0.1:$api" "http://127.0.0.1:$issuer/mint" "$account"
python3 "$here/check.py" panels "http://127.0.0.1:$prometheus" "$root/deploy/grafana/octobroker.json"
