//! Connections that end in their TLS handshake: each is counted by why, and costs nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::{ClientConfig, RootCertStore, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::encrypted::{Encrypted, connect};
use crate::world::{Authority, Pair};

const SERIES: &str = "octobroker_tls_handshake_failures_total{listener=\"127.0.0.1:0\",reason=";

impl Encrypted {
    /// The reasons that were counted, and how often.
    async fn failures(&self) -> BTreeMap<String, u64> {
        let page = self.world.metrics().await;
        let lines = page.lines().filter_map(|line| line.strip_prefix(SERIES));
        let counts = lines.map(|line| {
            let (reason, count) = line.split_once("} ").unwrap();
            (reason.trim_matches('"').to_owned(), count.parse().unwrap())
        });
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Demands that so many failures were counted, all of them for this reason.
    async fn failed(&self, reason: &str, count: u64) {
        self.world
            .until("the failures are counted", async || {
                self.failures().await.values().sum::<u64>() >= count
            })
            .await;
        assert_eq!(self.failures().await, BTreeMap::from([(reason.to_owned(), count)]));
        self.serves().await;
    }

    async fn serves(&self) {
        let own = self.authority.pair("runner-7");
        let mut stream = self.connect(&[], Some(&own)).await;
        stream.write_all(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }

    /// Writes bytes as they are, reads what is said to them, and goes.
    async fn hears(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.world.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has said all that it will.
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }

    /// Shakes hands and listens; TLS 1.3 tells of a refusal only behind the handshake.
    async fn is_refused(&self, config: Arc<ClientConfig>) -> bool {
        match connect(self.world.address(), config).await {
            Err(_) => true,
            Ok(mut stream) => stream.read_u8().await.is_err(),
        }
    }
}

/// A client of one version, which trusts nobody.
fn of_version(version: &'static rustls::SupportedProtocolVersion) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    Arc::new(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// A TLS record of type handshake with the `ClientHello` of a client that knows nothing newer than
/// this version (RFC 5246 7.4.1.2).
fn client_hello(version: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    let mut hello = [&version[..], &[7; 32], &[0], &[0, 2, 0xc0, 0x2f], &[1, 0]].concat();
    if !extensions.is_empty() {
        hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        hello.extend(extensions);
    }
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &hello[..]].concat()
}

#[tokio::test]
async fn failures_of_a_listener_stand_at_0_before_the_first() {
    let encrypted = Encrypted::start().await;

    let page = encrypted.world.metrics().await;

    assert_eq!(page.lines().filter(|line| line.starts_with(SERIES)).count(), 9);
    assert_eq!(encrypted.failures().await, BTreeMap::new());
    encrypted.world.close().await;
}

#[tokio::test]
async fn what_is_no_tls_is_counted_as_that() {
    let encrypted = Encrypted::start().await;
    let plain = b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let rows = [&plain[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"];

    for bytes in rows {
        let answer = encrypted.hears(bytes).await;
        assert!(answer.len() <= 7, "an alert at most: {answer:?}");
    }

    encrypted.failed("no_tls", 3).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn versions_of_old_are_counted_as_that() {
    let encrypted = Encrypted::start().await;
    // signature_algorithms (RFC 8446 4.2.3), and supported_versions (4.2.1) without a version of ours
    let signatures = [0, 13, 0, 4, 0, 2, 8, 4];
    let versions = [0, 43, 0, 5, 4, 3, 2, 3, 1];
    let rows = [
        client_hello([3, 1], &[]),
        client_hello([3, 2], &[]),
        client_hello([3, 2], &signatures),
        client_hello([3, 3], &[&signatures[..], &versions].concat()),
    ];
    let count = rows.len() as u64;

    for hello in rows {
        let answer = encrypted.hears(&hello).await;
        // A fatal alert (RFC 8446 6): record of type 21.
        assert_eq!((answer.first(), answer.get(5)), (Some(&21), Some(&2)), "{answer:?}");
    }

    encrypted.failed("no_common_version", count).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn both_versions_of_today_are_spoken() {
    let encrypted = Encrypted::start().await;
    for version in [&version::TLS12, &version::TLS13] {
        // It gets as far as our certificate.
        assert!(encrypted.is_refused(of_version(version)).await);
    }
    encrypted.failed("refused_by_client", 2).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn nothing_in_common_but_the_version_is_counted_as_that() {
    let encrypted = Encrypted::start().await;
    let mut provider = default_provider();
    // The listener's key is an ECDSA one.
    provider.cipher_suites = vec![cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&version::TLS12]).unwrap();
    let other_cipher = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let other_protocol = encrypted.authority.client(&["imap"], None);

    assert!(encrypted.is_refused(Arc::new(other_cipher)).await);
    assert!(encrypted.is_refused(other_protocol).await);

    encrypted.failed("no_common_parameters", 2).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_listener_is_counted_as_that() {
    let encrypted = Encrypted::start().await;
    let strangers = Authority::new();

    assert!(encrypted.is_refused(strangers.client(&["http/1.1"], None)).await);

    encrypted.failed("refused_by_client", 1).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_certificate_that_is_wanted_is_told_from_one_that_is_refused() {
    let strangers: Pair = Authority::new().pair("runner-7");
    for (own, reason) in
        [(None, "no_client_certificate"), (Some(&strangers), "client_certificate_refused")]
    {
        let encrypted = Encrypted::with_client_certificates().await;
        for count in 1..=3 {
            let client = encrypted.authority.client(&["http/1.1"], own);
            assert!(encrypted.is_refused(client).await);
            encrypted.failed(reason, count).await;
        }
        encrypted.world.close().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_is_counted_as_that() {
    let encrypted = Encrypted::start().await;
    let hello = client_hello([3, 3], &[]);

    for bytes in [&[][..], &[22, 3], &hello[..20]] {
        let mut stream = TcpStream::connect(encrypted.world.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        drop(stream);
    }
    let reset = TcpStream::connect(encrypted.world.address()).await.unwrap();
    reset.set_zero_linger().unwrap();
    drop(reset);

    encrypted.failed("closed", 4).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn messages_that_no_client_sends_are_counted_as_that() {
    let encrypted = Encrypted::start().await;
    // A whole record whose content is none; application data before the handshake.
    for bytes in [&[22, 3, 1, 0, 4, 99, 0, 0, 0][..], &[23, 3, 3, 0, 1, 0]] {
        encrypted.hears(bytes).await;
    }

    encrypted.failed("protocol_error", 2).await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_in_time() {
    let encrypted = Encrypted::start().await;

    let half_a_hello = &client_hello([3, 3], &[])[..20];
    let said = tokio::join!(encrypted.hears(b""), encrypted.hears(half_a_hello));

    assert_eq!(said, (Vec::new(), Vec::new()));
    encrypted.failed("timeout", 2).await;
    encrypted.world.close().await;
}
