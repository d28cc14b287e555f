//! TLS listeners: both versions of HTTP, callers with certificates, and what is no TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{Authority, Pair, PairFiles, Settings, TemporaryFile, World};

/// A broker behind TLS, and those who signed its certificate.
pub(crate) struct Encrypted {
    pub(crate) world: World,
    pub(crate) authority: Authority,
    _files: (PairFiles, TemporaryFile),
}

impl Encrypted {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| String::new(), |_| {}).await
    }

    /// With more of the listener's `tls:`, given the file of the authority, and other settings.
    pub(crate) async fn start_with(
        more: impl FnOnce(&TemporaryFile) -> String,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let authority = Authority::new();
        let files = authority.pair("localhost").files();
        let ca = TemporaryFile::new("ca.pem", &authority.pem);
        let mut world = World::without_broker().await;
        let mut settings = Settings::of(&world);
        settings.listeners = format!(
            "{{ bind: 127.0.0.1:0, tls: {{ cert_file: '{}', key_file: '{}'{} }} }}",
            files.cert.path().display(),
            files.key.path().display(),
            more(&ca),
        );
        change(&mut settings);
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        Self { world, authority, _files: (files, ca) }
    }

    pub(crate) async fn with_client_certificates() -> Self {
        let more = |ca: &TemporaryFile| format!(", client_ca_file: '{}'", ca.path().display());
        Self::start_with(more, |_| {}).await
    }

    pub(crate) async fn connect(&self, alpn: &[&str], own: Option<&Pair>) -> TlsStream<TcpStream> {
        let config = self.authority.client(alpn, own);
        connect(self.world.address(), config).await.unwrap()
    }

    fn request(&self, method: &str, target: &str) -> http::request::Builder {
        let job = self.world.job();
        Request::builder()
            .method(method)
            .uri(target)
            .header("authorization", format!("Bearer {job}"))
    }

    async fn http1(&self, own: Option<&Pair>) -> http1::SendRequest<Full<Bytes>> {
        let io = TokioIo::new(self.connect(&["http/1.1"], own).await);
        let (sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    async fn http2(&self) -> http2::SendRequest<Full<Bytes>> {
        let io = TokioIo::new(self.connect(&["h2", "http/1.1"], None).await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(config).connect("localhost".try_into().unwrap(), stream).await
}

async fn json_of(answer: http::Response<hyper::body::Incoming>) -> (u16, Value) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn empty() -> Full<Bytes> {
    Full::default()
}

#[tokio::test]
async fn http_1_1_is_served_over_tls() {
    let encrypted = Encrypted::start().await;
    let mut sender = encrypted.http1(None).await;

    let request = encrypted.request("GET", "/api/users/me").header("host", "localhost");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_11);
    let (status, me) = json_of(answer).await;
    assert_eq!((status, &me["Username"]), (200, &json!("release-bot")));

    let request =
        Request::get("/.well-known/openid-configuration").header("host", "localhost:8443");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    let (_, document) = json_of(answer).await;
    assert_eq!(document["token_endpoint"], "https://localhost:8443/token/v1");
    encrypted.world.close().await;
}

#[tokio::test]
async fn http_2_is_chosen_where_the_caller_offers_it() {
    let encrypted = Encrypted::start().await;
    let mut sender = encrypted.http2().await;

    let request = encrypted.request("GET", "https://localhost/api/users/me");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(json_of(answer).await.0, 200);
    let body = Full::from(vec![b'x'; 300_000]);
    let request = encrypted
        .request("POST", "https://localhost/api/Spaces-1/packages/raw")
        .header("content-type", "multipart/form-data; boundary=x");
    let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
    assert_eq!(json_of(answer).await.0, 201);

    let sent = encrypted.world.octopus.requests();
    let upload = sent.last().unwrap();
    assert_eq!(upload.body_bytes, 300_000);
    encrypted.world.close().await;
}

#[tokio::test]
async fn requests_side_by_side_share_one_connection_and_one_exchange() {
    let encrypted = Encrypted::start().await;
    let gate = encrypted.world.octopus.hold_requests("/api/Spaces-1/projects");
    let sender = encrypted.http2().await;

    let answers: Vec<_> = (0..50)
        .map(|number| {
            let mut sender = sender.clone();
            let target = format!("https://localhost/api/Spaces-1/projects/Projects-{number}");
            let request = encrypted.request("GET", &target).body(empty()).unwrap();
            tokio::spawn(async move { sender.send_request(request).await.unwrap().status() })
        })
        .collect();
    gate.wait_for(50).await;
    gate.open();

    for answer in answers {
        assert!(answer.await.unwrap().as_u16() < 500);
    }
    assert_eq!(encrypted.world.octopus.exchanges(), 1);
    encrypted.world.close().await;
}

#[tokio::test]
async fn http_2_requests_have_one_authority() {
    let encrypted = Encrypted::start().await;
    let mut sender = encrypted.http2().await;
    let rows = [
        (Some("localhost"), 200),
        (Some("other.example"), 421),
        (Some("bad host"), 400),
        (None, 200),
    ];
    for (host, expected) in rows {
        let mut request = encrypted.request("GET", "https://localhost/api/users/me");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{host:?}");
    }
    let request = encrypted.request("TRACE", "https://localhost/api/users/me");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["octobroker-error"], "method_refused");
    let request = encrypted.request("GET", "https://rebound.example/api/users/me");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["octobroker-error"], "host_refused");
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_refusal_ends_its_stream_and_not_the_connection() {
    let encrypted = Encrypted::start().await;
    let mut sender = encrypted.http2().await;

    let bare = Request::post("https://localhost/api/Spaces-1/packages/raw");
    let body = Full::from(vec![b'x'; 100_000]);
    let answer = sender.send_request(bare.body(body).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["octobroker-error"], "credential_missing");
    assert!(answer.headers().get("connection").is_none());
    assert_eq!(json_of(answer).await.0, 401);

    let request = encrypted.request("GET", "https://localhost/api/users/me");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(json_of(answer).await.0, 200);
    encrypted.world.close().await;
}

#[tokio::test]
async fn callers_must_have_a_certificate_where_that_is_asked_for() {
    let encrypted = Encrypted::with_client_certificates().await;
    let own = encrypted.authority.pair("runner-7");
    let strangers = Authority::new().pair("runner-7");

    let mut sender = encrypted.http1(Some(&own)).await;
    let request = encrypted.request("GET", "/api/users/me").header("host", "localhost");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    json_of(answer).await;
    let line = encrypted.world.audited(1).await;
    let peer = line["peer"].as_str().unwrap();
    assert!(peer.starts_with("127.0.0.1:") && peer.contains("client=CN=runner-7"), "{peer}");

    for own in [None, Some(&strangers)] {
        // In TLS 1.3 a client hears of it with its first read.
        let refused = match connect(
            encrypted.world.address(),
            encrypted.authority.client(&["http/1.1"], own),
        )
        .await
        {
            Err(_) => true,
            Ok(stream) => {
                let (mut sender, connection) =
                    http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                let request = Request::get("/api").header("host", "localhost");
                sender.send_request(request.body(empty()).unwrap()).await.is_err()
            }
        };
        assert!(refused);
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn what_is_no_tls_is_closed_and_others_are_served() {
    let encrypted = Encrypted::start().await;
    for bytes in [&b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &[0xff; 600]] {
        let mut stream = TcpStream::connect(encrypted.world.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.len() <= 7, "a TLS alert at most: {answer:?}");
    }

    let mut sender = encrypted.http1(None).await;
    let request = Request::get("/api").header("host", "localhost");
    let answer = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    json_of(answer).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_stop_lets_running_http_2_requests_finish() {
    let mut encrypted = Encrypted::start().await;
    let gate = encrypted.world.octopus.hold_requests("/api/Spaces-1/projects");
    let mut sender = encrypted.http2().await;
    let request = encrypted.request("GET", "https://localhost/api/Spaces-1/projects/Projects-1");
    let request = request.body(empty()).unwrap();
    let answer =
        tokio::spawn(async move { json_of(sender.send_request(request).await.unwrap()).await.0 });
    gate.wait_for(1).await;

    let run = encrypted.world.begin_stop();
    gate.open();

    assert!(answer.await.unwrap() < 500);
    run.await.unwrap();
    encrypted.world.close().await;
}

#[tokio::test]
async fn the_metrics_tell_when_the_certificate_expires() {
    let encrypted = Encrypted::start().await;
    let series = "octobroker_tls_certificate_expiry_timestamp_seconds{listener=\"127.0.0.1:0\"}";

    encrypted
        .world
        .until("it is told", async || {
            encrypted.world.count(series).await.unwrap_or(0) > 1_700_000_000
        })
        .await;

    encrypted.world.close().await;
}
