//! What fits nowhere else: lengths beyond all memory, an Octopus that only looks like TLS, tokens that
//! fill the memory of verified ones.

use std::sync::Arc;

use emulator::{IssuerEndpoint, RawAnswer};
use serde_json::{Value, json};
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
async fn tokens_of_which_much_is_kept_take_the_place_of_several() {
    for (padding, most) in [(0, 16.0), (8_000, 4.0)] {
        let world = World::start_with(|settings| {
            settings.more = "limits: { verified_tokens: 16 }".to_owned();
        })
        .await;
        for number in 0..40 {
            let id = format!("job-{number}-{}", "x".repeat(padding));
            let claims = claims_with(&world, "jti", json!(id));
            world.get("/api/users/me").bearer(&world.mint(&claims)).ok().await;
        }

        let cached = world.metric("octobroker_verified_tokens_cached").await.unwrap();

        assert!((1.0..=most).contains(&cached), "{padding}: {cached}");
        world.close().await;
    }
}

#[tokio::test]
async fn a_refusal_that_echoes_the_id_token_in_pieces_leaves_none_in_the_log() {
    let world = World::start().await;
    let job = world.job();
    let parts: Vec<&str> = job.split('.').collect();
    // Behind an `o` it would be the last letter of "no" that goes with the piece.
    let from = 1 + parts[2].bytes().enumerate().skip(100).find(|(_, it)| *it != b'o').unwrap().0;
    let broken = |size: usize, separator: &str| {
        let pieces: Vec<&str> =
            job.as_bytes().chunks(size).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
        pieces.join(separator)
    };
    let echoes = [
        parts.join(" . "),
        parts[0].to_owned(),
        parts[1].to_owned(),
        parts[2].to_owned(),
        parts[2].chars().skip(from).take(40).collect(),
        broken(40, " "),
        broken(7, "\r\n"),
        broken(1, "\u{200b}"),
    ];
    for (number, echo) in echoes.into_iter().enumerate() {
        let body =
            json!({ "error": "invalid_request", "error_description": format!("no: {echo}") });
        world.octopus.set(|knobs| knobs.exchange_answer = Some(RawAnswer::json(400, &body)));

        world.get("/api/users/me").bearer(&job).refused(403, "exchange_refused").await;

        let line = world.audited(number + 1).await;
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.ends_with("no: [token]"), "{detail}");
        world.advance_seconds(11);
    }
    world.close().await;
}

#[tokio::test]
async fn a_rate_near_zero_costs_no_more_than_its_429() {
    let world = World::start_with(|settings| {
        settings.more = "limits: { rate_limit_wait: 0s }".to_owned();
    })
    .await;
    let job = world.job();
    for policy in ["l=1;rpm=1e-300", "l=1;rpm=5e-324", "l=1e9;rpm=1e-9", "l=inf;rpm=NaN"] {
        let answer = RawAnswer::status(429).header("octopus-ratelimit-policy", policy);
        world.octopus.answer_once("/api/users/me", answer.header("octopus-ratelimit", "r=1e-300"));

        let reply = world.get("/api/users/me").bearer(&job).send().await;

        assert_eq!((reply.status, reply.header("octobroker-error")), (429, None), "{policy}");
    }
    world.close().await;
}

#[tokio::test]
async fn documents_that_are_not_utf_8_are_refused() {
    let world = World::start().await;
    let body = b"{\"x\":\"\xc0\xae\",\"access_token\":\"t\",\"expires_in\":300}";
    let answer = RawAnswer::text(200, "application/json", *body);
    world.octopus.set(|knobs| knobs.exchange_answer = Some(answer));
    world.fails(502, "exchange_failed").await;
    world.octopus.set(|knobs| knobs.exchange_answer = None);
    world.advance_seconds(31);
    world.works().await;

    let key = world.issuer.key().with_kid("new");
    let token = world.keep_secret(world.issuer.mint_with(&key, &world.claims()));
    let keys = json!({ "keys": [key.public_jwk()] }).to_string();
    let odd = [&b"{\"x\":\"\xed\xa0\x80\","[..], &keys.as_bytes()[1..]].concat();
    for (document, status) in [(odd, 503), (keys.into_bytes(), 200)] {
        let answer = RawAnswer::text(200, "application/json", document);
        world.issuer.set_answer(IssuerEndpoint::Jwks, Some(answer));
        world.advance_seconds(11);

        assert_eq!(world.get("/api/users/me").bearer(&token).send().await.status, status);
    }
    world.close().await;
}

#[tokio::test]
async fn documents_may_be_as_long_as_their_limits_and_no_longer() {
    let world = World::start().await;
    let padded = |document: &Value, bytes: usize| {
        let text = document.to_string();
        let padding = " ".repeat(bytes - text.len());
        Some(RawAnswer::text(200, "application/json", text + &padding))
    };
    let refusal = json!({ "error": "invalid_request" });
    let mut answer = padded(&refusal, 64 << 10).unwrap();
    answer.status = 400;
    for (more, status, code) in [("", 403, "exchange_refused"), (" ", 502, "exchange_failed")] {
        answer.body.extend(more.as_bytes());
        world.octopus.set(|knobs| knobs.exchange_answer = Some(answer.clone()));
        world.advance_seconds(11);
        world.fails(status, code).await;
    }
    world.octopus.set(|knobs| knobs.exchange_answer = None);
    world.advance_seconds(31);
    world.works().await;

    let url = world.issuer.url();
    let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/.well-known/jwks") });
    for (number, (endpoint, bytes)) in
        [(IssuerEndpoint::Discovery, 64 << 10), (IssuerEndpoint::Jwks, 256 << 10)]
            .into_iter()
            .enumerate()
    {
        let key = world.issuer.key().with_kid(&format!("new-{number}"));
        let keys = json!({ "keys": [key.public_jwk()] });
        let document = if endpoint == IssuerEndpoint::Jwks { &keys } else { &discovery };
        world.issuer.set_jwks(keys.clone());
        let token = world.keep_secret(world.issuer.mint_with(&key, &world.claims()));
        for (bytes, status) in [(bytes + 1, 503), (bytes, 200)] {
            world.issuer.set_answer(endpoint, padded(document, bytes));
            world.advance_seconds(11);
            assert_eq!(world.get("/api/users/me").bearer(&token).send().await.status, status);
        }
        world.issuer.set_answer(endpoint, None);
    }
    world.close().await;
}
