//! Crowds: thousands who ask at once, who only hold a connection, or who are cut off in the middle.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::process::{Process, until};
use crate::world::{World, get, serving, text};

/// Requests side by side on one connection (`limits::HTTP2_STREAMS`).
const STREAMS: usize = 100;

impl World {
    /// A series of the metrics page; -1 if it is not there.
    pub(crate) async fn gauge(&self, name: &str) -> f64 {
        let page = text(get(self.admin, "/metrics").await.unwrap()).await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(-1.0, |value| value.parse().unwrap())
    }

    /// Serves anew, behind TLS; gives what a client trusts.
    async fn serve_encrypted(&mut self) -> Arc<ClientConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.folder.write("tls.crt", &certificate.pem());
        self.folder.write("tls.key", &key.serialize_pem());
        let written = std::fs::read_to_string(&self.config).unwrap().replace(
            "listeners: [{ bind: '127.0.0.1:0' }]",
            "listeners: [{ bind: '127.0.0.1:0', tls: { cert_file: tls.crt, key_file: tls.key } }]",
        );
        // So many connections at once fill the queue of whoever accepts them, more than once.
        let written =
            written.replace("octopus: {", "octopus: { connect_timeout: 5m, idle_timeout: 5m,");
        self.folder.write("octobroker.yaml", &written);
        self.process = Process::start(&["serve", "--config", &self.config], self.folder.path());
        [self.address, self.admin] =
            until("it says where it serves", async || serving(&self.process)).await;
        until("it is ready", async || {
            (get(self.admin, "/readyz").await?.status() == 200).then_some(())
        })
        .await;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate.der().to_vec())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }
}

async fn connect(world: &World, config: &Arc<ClientConfig>) -> http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Most descriptors of this very process.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX)
}

#[tokio::test]
async fn ten_thousand_first_requests_of_one_identity_make_one_exchange() {
    let bounds = "limits: { concurrent_requests: 10000, exchange_timeout: 5m }";
    let mut world = World::start("crowd-first", bounds).await;
    let config = world.serve_encrypted().await;
    // Each has a connection to Octopus, which is in this process: as many as both processes may have
    // descriptors for, the broker two for each of its requests. Where ten thousand fit, they come.
    let connections = (descriptors().saturating_sub(200) / 2 / STREAMS).min(100);
    let crowd = connections * STREAMS;
    let gate = world.octopus.hold_exchanges();
    let senders = join_all((0..connections).map(|_| connect(&world, &config))).await;
    let asking: Vec<_> = (0..crowd)
        .map(|number| {
            let mut sender = senders[number % connections].clone();
            let request = world.request("GET", "https://localhost/api/users/me", <_>::default());
            tokio::spawn(async move { sender.send_request(request).await.map(|it| it.status()) })
        })
        .collect();

    let count = u32::try_from(crowd).unwrap();
    until("all of them wait", async || {
        let in_flight = world.gauge("octobroker_requests_in_flight").await;
        (in_flight >= f64::from(count)).then_some(())
    })
    .await;
    until("an exchange has come", async || (world.octopus.exchanges() > 0).then_some(())).await;
    gate.open();

    for asked in asking {
        assert_eq!(asked.await.unwrap().unwrap(), 200);
    }
    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!(world.octopus.api_requests().len(), crowd);
    until("they are noted", async || {
        (world.gauge("octobroker_requests_in_flight").await <= 0.0).then_some(())
    })
    .await;
    assert!(world.gauge("octobroker_panics_total").await <= 0.0);
    world.close().await;
}

#[tokio::test]
async fn five_thousand_idle_connections_keep_nobody_out_and_are_let_go() {
    let world = World::start("crowd-idle", "limits: { head_timeout: 5m }").await;
    let crowd = (descriptors().saturating_sub(1_000) / 2).min(5_000);
    let open = "octobroker_connections_open{listener=\"127.0.0.1:0\"}";
    assert_eq!(world.asked().await, 200);
    let before = (world.process.memory("VmRSS"), world.process.descriptors());
    let mut idle = Vec::new();
    for _ in 0..crowd {
        idle.push(TcpStream::connect(world.address).await.unwrap());
    }
    let count = f64::from(u32::try_from(crowd).unwrap());
    until("they are all accepted", async || (world.gauge(open).await >= count).then_some(())).await;

    for _ in 0..50 {
        assert_eq!(world.asked().await, 200);
    }

    let grown = world.process.memory("VmRSS").saturating_sub(before.0);
    assert!(grown < 24 * crowd as u64, "{grown} KiB for {crowd} connections");
    drop(idle);
    until("they are gone", async || {
        (world.gauge(open).await <= 1.0 && world.process.descriptors() <= before.1 + 8)
            .then_some(())
    })
    .await;
    assert_eq!(world.asked().await, 200);
    world.close().await;
}

#[tokio::test]
async fn a_signal_in_the_middle_of_fifty_uploads_loses_none() {
    let mut world = World::start("crowd-uploads", "").await;
    let mut uploads = Vec::new();
    for number in 0..50 {
        let mut upload = TcpStream::connect(world.address).await.unwrap();
        let head = format!(
            "POST /api/Spaces-1/packages/raw?n={number} HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {}\r\nContent-Length: 200000\r\n\r\n",
            world.job
        );
        upload.write_all(head.as_bytes()).await.unwrap();
        upload.write_all(&vec![b'x'; 100_000]).await.unwrap();
        uploads.push(upload);
    }
    until("all of them have begun", async || {
        (world.octopus.api_requests().len() == 50).then_some(())
    })
    .await;

    world.process.signal("TERM");
    until("nobody listens", async || {
        TcpStream::connect(world.address).await.is_err().then_some(())
    })
    .await;
    let answers = join_all(uploads.into_iter().map(|mut upload| async move {
        upload.write_all(&vec![b'x'; 100_000]).await.unwrap();
        let mut answer = String::new();
        upload.read_to_string(&mut answer).await.unwrap();
        answer
    }))
    .await;

    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
    assert_eq!(world.process.ended().await, Some(0));
    let sent = world.octopus.api_requests();
    assert!(sent.iter().all(|request| request.body_bytes == 200_000), "{sent:?}");
    world.close().await;
}
