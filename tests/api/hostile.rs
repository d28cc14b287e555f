//! What fits nowhere else: lengths beyond all memory, an Octopus that only looks like TLS, tokens that
//! fill the memory of verified ones.

use std::sync::Arc;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::forge::claims_with;
use crate::world::{Authority, Settings, TemporaryFile, World};

#[tokio::test]
async fn a_length_beyond_all_memory_is_streamed_and_reserves_nothing() {
    let world =
        World::start_with(|settings| settings.octopus.push_str("\nidle_timeout: 300ms")).await;
    let job = world.job();
    for length in ["9223372036854775807", "9223372036854775808", "1099511627776"] {
        let mut wire = world.wire().await;
        wire.write(format!(
            "POST /api/Spaces-1/channels HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {job}\r\nContent-Length: {length}\r\n\r\nhello"
        ))
        .await;

        let reply = wire.answer().await;

        assert_eq!(
            (reply.status, reply.header("octobroker-error")),
            (408, Some("request_timeout"))
        );
        let is_whole = |request: &emulator::Recorded| !request.body_sha256.is_empty();
        assert!(!world.octopus.api_requests().iter().any(is_whole), "{length}");
    }
    let before = "octobroker_requests_in_flight";
    world.until("nothing is left", async || world.metric(before).await == Some(0.0)).await;
    world.close().await;
}

/// What a server does with each connection.
#[derive(Clone, Copy, Debug)]
enum Tls {
    /// Closes it.
    Closes,
    /// Speaks no TLS.
    Plain,
    /// Never answers.
    Silent,
    /// Has a certificate of the right authority for another name.
    OtherName,
}

/// A server on a free port of loopback; it gives its URL.
async fn server(kind: Tls, authority: &Authority) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let pair = authority.pair("other.example");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(pair.server()));
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            match kind {
                Tls::Closes => drop(stream),
                Tls::Plain => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                }
                Tls::Silent => held.push(stream),
                Tls::OtherName => drop(acceptor.accept(stream).await),
            }
        }
    });
    url
}

#[tokio::test]
async fn an_octopus_whose_tls_fails_is_never_sent_a_credential() {
    let authority = Authority::new();
    let ca = TemporaryFile::new("ca.pem", &authority.pem);
    for kind in [Tls::Closes, Tls::Plain, Tls::Silent, Tls::OtherName] {
        let url = server(kind, &authority).await;
        let world = World::start_with(|settings: &mut Settings| {
            let exchange = settings.octopus.replace("url:", "token_endpoint:");
            settings.octopus = format!(
                "url: '{url}'\n{exchange}/token/v1\nca_file: '{}'\nconnect_timeout: 1s",
                ca.path().display()
            );
        })
        .await;

        let reply = world.get("/api/users/me").bearer(&world.job()).send().await;

        let code = reply.header("octobroker-error").unwrap_or_default();
        assert!(matches!(reply.status, 502 | 504), "{kind:?}: {reply:?}");
        assert!(code.starts_with("upstream_"), "{kind:?}: {code}");
        world.close().await;
    }
}

#[tokio::test]
async fn large_tokens_take_the_place_of_several_verified_ones() {
    for (padding, most) in [(0, 16.0), (8_000, 3.0)] {
        let world = World::start_with(|settings| {
            settings.more = "limits: { verified_tokens: 16 }".to_owned();
        })
        .await;
        for number in 0..40 {
            let mut claims = claims_with(&world, "jti", json!(format!("job-{number}")));
            claims["padding"] = json!("x".repeat(padding));
            world.get("/api/users/me").bearer(&world.mint(&claims)).ok().await;
        }

        let cached = world.metric("octobroker_verified_tokens_cached").await.unwrap();

        assert!((1.0..=most).contains(&cached), "{padding}: {cached}");
        world.close().await;
    }
}
