"""The server behind every proxy: an nginx with TLS that plays the few pages of Octopus needed here."""

import json

from .processes import OTHER_CPU, free_port, program, run

ACCESS_TOKEN = "eyJhbGciOiJSUzI1NiJ9." + "a" * 700

CONFIG = """
daemon off; master_process off; pid upstream.pid; error_log upstream.log warn;
events {{ worker_connections 20000; }}
worker_rlimit_nofile 20000;
http {{
  access_log off; log_format bare '$status'; client_max_body_size 0; keepalive_requests 1000000000;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp;
  scgi_temp_path temp; default_type application/json;
  server {{
    listen 127.0.0.1:{port} ssl backlog=16384;
    ssl_certificate leaf.pem; ssl_certificate_key leaf.key;
    # One cipher for all, so that nobody wins by a cheaper one.
    ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;
    location = /.well-known/openid-configuration {{ return 200 '{discovery}'; }}
    location = /token/v1 {{ access_log exchanges.log bare; return 200 '{token}'; }}
    location = /slow-token {{
      access_log exchanges.log bare; proxy_pass http://127.0.0.1:{sink}/slow;
    }}
    location = /api/packages/raw {{
      proxy_pass http://127.0.0.1:{sink}; proxy_request_buffering off; proxy_http_version 1.1;
    }}
    location / {{ return 200 '{page}'; }}
  }}
}}
"""


def certificates(stage):
    """A CA, and a certificate of it for 127.0.0.1 and localhost."""
    folder = stage.folder
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run(
        ["openssl", "req", "-x509", *curve, "-days", "2", "-subj", "/CN=compare CA",
         "-keyout", folder / "ca.key", "-out", folder / "ca.pem"], 20,
    )  # fmt: skip
    run(
        ["openssl", "req", *curve, "-subj", "/CN=localhost",
         "-keyout", folder / "leaf.key", "-out", folder / "leaf.csr"], 20,
    )  # fmt: skip
    names = stage.file("names.ext", "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    run(
        ["openssl", "x509", "-req", "-in", folder / "leaf.csr", "-CA", folder / "ca.pem",
         "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", names,
         "-out", folder / "leaf.pem"], 20,
    )  # fmt: skip


EXCHANGED = {
    "access_token": ACCESS_TOKEN,
    "issued_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_type": "Bearer",
    "expires_in": 3600,
}


class Upstream:
    """Serving. `exchanges` counts the tokens that it gave out."""

    def __init__(self, stage, sink):
        self.stage, self.port = stage, free_port()
        certificates(stage)
        origin = f"https://127.0.0.1:{self.port}"
        self.url = origin
        page = {"Id": "Users-1", "Username": "release-bot", "Filler": ""}
        page["Filler"] = "x" * (1024 - len(json.dumps(page)))
        text = CONFIG.format(
            port=self.port,
            sink=sink,
            discovery=json.dumps({"issuer": origin, "token_endpoint": f"{origin}/token/v1"}),
            token=json.dumps(EXCHANGED),
            page=json.dumps(page),
        )
        config = stage.file("upstream.conf", text)
        process = stage.start(
            "upstream", [program("nginx"), "-p", f"{stage.folder}/", "-c", config], OTHER_CPU
        )
        stage.wait_for_port(process, self.port)

    def exchanges(self):
        log = self.stage.folder / "exchanges.log"
        return len(log.read_text().splitlines()) if log.exists() else 0
