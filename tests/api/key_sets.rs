//! Which key of a set verifies a token, and where a set may come from.

use std::path::Path;
use std::time::Duration;

use emulator::{Algorithm, IssuerEndpoint, SigningKey, jwt};
use serde_json::{Value, json};

use crate::forge::{self, admitted, judged, refused};
use crate::world::{Settings, TemporaryFile, World};

const COOL_DOWN: Duration = Duration::from_secs(10);
const REFRESH: Duration = Duration::from_secs(15 * 60);
const NO_KEY_ID: &str = r#"{"alg":"RS256","typ":"JWT"}"#;

#[tokio::test]
async fn a_token_without_key_id_has_one_key_or_none() {
    let world = World::start().await;
    let key = world.issuer.key();
    let edwards = SigningKey::shared(Algorithm::EdDsa);
    let pss = SigningKey::shared(Algorithm::Rs256).with_algorithm(Algorithm::Ps256);
    let without =
        |world: &World| forge::signed_with(world, &key, NO_KEY_ID, &world.claims().to_string());
    admitted(&world, "one key", &without(&world)).await;

    world.issuer.set_keys(vec![key.clone(), edwards, pss]);
    refresh(&world).await;
    admitted(&world, "one key that fits", &without(&world)).await;

    world.issuer.set_keys(vec![key.clone(), SigningKey::shared(Algorithm::Rs256)]);
    refresh(&world).await;
    assert_eq!(judged(&world, &without(&world)).await["code"], "key_ambiguous");
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.close().await;
}

#[tokio::test]
async fn two_keys_of_one_id_are_no_choice() {
    let world = World::start().await;
    let key = world.issuer.key();
    let twin = SigningKey::shared(Algorithm::Rs256).with_kid("ci-1");
    let other = SigningKey::shared(Algorithm::Rs256).with_kid("ci-2");
    world.issuer.set_keys(vec![other, key.clone(), twin.clone()]);
    world.advance(COOL_DOWN);
    let token = world.keep_secret(world.issuer.mint(&world.claims()));
    admitted(&world, "ci-2, which asks for a refresh", &token).await;

    for key in [&key, &twin] {
        let token = world.keep_secret(world.issuer.mint_with(key, &world.claims()));
        assert_eq!(judged(&world, &token).await["code"], "key_ambiguous");
    }

    world.issuer.set_jwks(json!({ "keys": [key.public_jwk(), key.public_jwk()] }));
    refresh(&world).await;
    let token = world.keep_secret(world.issuer.mint_with(&key, &world.claims()));
    assert_eq!(judged(&world, &token).await["code"], "key_ambiguous", "even the same one twice");
    world.close().await;
}

#[tokio::test]
async fn keys_that_are_not_for_this_are_left_out() {
    let world = World::start().await;
    let key = world.issuer.key();
    let good = SigningKey::shared(Algorithm::Rs256).with_kid("good").public_jwk();
    let weak = |bytes: usize| json!(jwt::b64(vec![0xff; bytes]));
    let rows = [
        ("use", json!("enc")),
        ("use", json!("jwt-svid")),
        ("use", json!("SIG")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("ES256")),
        ("alg", json!("RS384")),
        ("alg", json!("HS256")),
        ("alg", json!("none")),
        ("alg", json!(7)),
        ("kty", json!("oct")),
        ("kty", json!("EC")),
        ("kty", json!("rsa")),
        ("n", weak(64)),
        ("n", weak(128)),
        ("n", weak(192)),
        ("n", weak(2_048)),
        ("n", json!("")),
        ("n", Value::Null),
        ("e", json!("AQ")),
        ("e", json!("AQAA")),
        ("e", json!("")),
        ("e", json!(65_537)),
        ("d", json!("AQAB")),
        ("k", json!("c2VjcmV0")),
    ];
    for (at, (member, value)) in rows.into_iter().enumerate() {
        let what = format!("{member}: {value:.60}");
        let key = key.with_kid(&format!("k{at}"));
        let mut jwk = key.public_jwk();
        jwk[member] = value;
        world.issuer.set_jwks(json!({ "keys": [null, 7, jwk, { "kty": "AKP" }, good] }));
        world.advance(COOL_DOWN);
        let token = world.keep_secret(world.issuer.mint_with(&key, &world.claims()));
        refused(&world, &what, &token, "key_unknown").await;
    }
    world.close().await;
}

#[tokio::test]
async fn keys_that_are_merely_unusual_are_used() {
    let world = World::start().await;
    let key = world.issuer.key();
    let good = SigningKey::shared(Algorithm::Rs256).with_kid("good").public_jwk();
    let modulus = crate::tokens::decoded(key.public_jwk()["n"].as_str().unwrap());
    let rows = [
        ("use", Value::Null),
        ("alg", Value::Null),
        ("key_ops", json!(["verify"])),
        ("x5c", json!(["x"])),
        ("n", json!(jwt::b64([&[0], &modulus[..]].concat()))),
        ("e", json!("AAEAAQ")),
    ];
    for (at, (member, value)) in rows.into_iter().enumerate() {
        let what = format!("{member}: {value:.60}");
        let key = key.with_kid(&format!("good{at}"));
        let mut jwk = key.public_jwk();
        jwk[member] = value;
        jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        world.issuer.set_jwks(json!({ "keys": [good, jwk] }));
        world.advance(COOL_DOWN);
        let token = world.keep_secret(world.issuer.mint_with(&key, &world.claims()));
        admitted(&world, &what, &token).await;
    }
    world.close().await;
}

#[tokio::test]
async fn a_set_of_a_thousand_keys_is_read_up_to_the_hundredth() {
    let world = World::start().await;
    let key = SigningKey::shared(Algorithm::Rs256);
    let point = SigningKey::shared(Algorithm::Es256);
    let mut keys: Vec<_> =
        (0..1_000).map(|at| point.with_kid(&format!("p{at}")).public_jwk()).collect();
    keys[99] = key.with_kid("last").public_jwk();
    keys[100] = key.with_kid("beyond").public_jwk();
    world.issuer.set_jwks(json!({ "keys": keys }));
    let mint =
        |kid: &str| world.keep_secret(world.issuer.mint_with(&key.with_kid(kid), &world.claims()));

    refused(&world, "beyond", &mint("beyond"), "key_unknown").await;

    admitted(&world, "last", &mint("last")).await;
    assert_eq!(world.metric("octobroker_jwks_keys{issuer=\"ci\"}").await, Some(100.0));
    world.close().await;
}

#[tokio::test]
async fn a_discovery_document_is_the_issuers_own_or_refused() {
    let world = World::start().await;
    let (url, jwks) = (world.issuer.url(), format!("{}/.well-known/jwks", world.issuer.url()));
    let port = world.issuer.address().port();
    let rows = [
        json!({ "issuer": "https://evil.example", "jwks_uri": jwks }),
        json!({ "issuer": format!("{url}/"), "jwks_uri": jwks }),
        json!({ "issuer": url.to_uppercase(), "jwks_uri": jwks }),
        json!({ "issuer": [url], "jwks_uri": jwks }),
        json!({ "issuer": null, "jwks_uri": jwks }),
        json!({ "jwks_uri": jwks }),
        json!({ "issuer": url }),
        json!({ "issuer": url, "jwks_uri": null }),
        json!({ "issuer": url, "jwks_uri": [jwks] }),
        json!({ "issuer": url, "jwks_uri": "/.well-known/jwks" }),
        json!({ "issuer": url, "jwks_uri": "file:///etc/passwd" }),
        json!({ "issuer": url, "jwks_uri": "http://10.0.0.1/jwks" }),
        json!({ "issuer": url, "jwks_uri": "http://169.254.169.254/latest/meta-data/" }),
        json!({ "issuer": url, "jwks_uri": "https://169.254.169.254/latest/meta-data/" }),
        json!({ "issuer": url, "jwks_uri": "https://[fd00:ec2::254]/" }),
        json!({ "issuer": url, "jwks_uri": "https://[::ffff:10.0.0.1]/jwks" }),
        json!({ "issuer": url, "jwks_uri": "https://10.0.0.1/jwks" }),
        json!({ "issuer": url, "jwks_uri": format!("http://user:x@127.0.0.1:{port}/.well-known/jwks") }),
        json!({ "issuer": url, "jwks_uri": format!("http://user@127.0.0.1:{port}/.well-known/jwks") }),
        json!([{ "issuer": url, "jwks_uri": jwks }]),
        json!("x".repeat(70 << 10)),
        json!({ "issuer": url, "jwks_uri": jwks, "pad": "x".repeat(64 << 10) }),
        json!({}),
        Value::Null,
    ];
    for document in rows {
        let what = format!("{document:.150}");
        world.issuer.set_discovery(document);
        world.advance(COOL_DOWN);
        let key = SigningKey::shared(Algorithm::Rs256).with_kid("nobody");
        let token = world.keep_secret(world.issuer.mint_with(&key, &world.claims()));
        let line = judged(&world, &token).await;
        assert_eq!(
            (&line["status"], &line["code"]),
            (&503.into(), &"keys_unavailable".into()),
            "{what}"
        );
    }

    assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), 1, "none was believed");
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.close().await;
}

#[tokio::test]
async fn a_key_set_of_a_url_needs_no_discovery() {
    let url = "https://ci.acme.example/oidc";
    let mut world = World::without_broker().await;
    world.octopus.trust_keys(url, vec![world.issuer.key()]);
    world.octopus.add_identity(&world.account, url, "*", None);
    let source = format!("jwks_url: '{}/.well-known/jwks'", world.issuer.url());
    serve_with(&mut world, url, &source).await;

    let claims = forge::claims_with(&world, "iss", url.into());
    world.get("/api/users/me").bearer(&world.mint(&claims)).ok().await;

    assert_eq!(world.issuer.requests(IssuerEndpoint::Discovery), 0);
    assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), 1);
    world.close().await;
}

#[tokio::test]
async fn a_key_set_of_a_file_needs_no_network_and_is_read_again() {
    let url = "https://ci.acme.example/oidc";
    let mut world = World::without_broker().await;
    let (first, second) = (world.issuer.key(), SigningKey::shared(Algorithm::Rs256));
    world.octopus.trust_keys(url, vec![first.clone(), second.clone()]);
    world.octopus.add_identity(&world.account, url, "*", None);
    let file = KeyFile::new("read-again", &[&first]);
    serve_with(&mut world, url, &format!("jwks_file: '{}'", file.path().display())).await;
    let mint = |world: &World, key: &SigningKey| {
        let claims = forge::claims_with(world, "iss", url.into());
        world.keep_secret(world.issuer.mint_with(key, &claims))
    };
    world.get("/api/users/me").bearer(&mint(&world, &first)).ok().await;
    let token = mint(&world, &second);
    world.get("/api/users/me").bearer(&token).refused(401, "key_unknown").await;

    file.write(&[&second]);
    world.advance(COOL_DOWN);
    world.get("/api/users/me").bearer(&mint(&world, &second)).ok().await;
    let token = mint(&world, &first);
    world.get("/api/users/me").bearer(&token).refused(401, "key_unknown").await;

    for spoilt in [Some("{"), Some(""), Some("{\"keys\":[]}"), None] {
        match spoilt {
            Some(text) => std::fs::write(file.path(), text).unwrap(),
            None => std::fs::remove_file(file.path()).unwrap(),
        }
        world.advance(COOL_DOWN);
        let token = mint(&world, &first);
        world.get("/api/users/me").bearer(&token).refused(503, "keys_unavailable").await;
        world.get("/api/users/me").bearer(&mint(&world, &second)).ok().await;
    }
    for endpoint in [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks] {
        assert_eq!(world.issuer.requests(endpoint), 0, "pinned keys, no network");
    }
    world.close().await;
}

/// A file with a key set.
pub(crate) struct KeyFile(TemporaryFile);

impl KeyFile {
    pub(crate) fn new(name: &str, keys: &[&SigningKey]) -> Self {
        Self(TemporaryFile::new(&format!("{name}.jwks.json"), key_set(keys)))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, keys: &[&SigningKey]) {
        std::fs::write(self.path(), key_set(keys)).unwrap();
    }
}

fn key_set(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.public_jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// Starts the broker with the default rule for an issuer of this name and key source.
async fn serve_with(world: &mut World, url: &str, source: &str) {
    let mut settings = Settings::of(world);
    settings.issuers =
        format!("ci: {{ provider: custom, url: '{url}', algorithms: [RS256], {source} }}");
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
}

/// Lets the set grow old and waits until it was read again.
async fn refresh(world: &World) {
    let fetches = world.issuer.requests(IssuerEndpoint::Jwks);
    world.advance(REFRESH);
    let series = "octobroker_jwks_refreshes_total{issuer=\"ci\",outcome=\"ok\"}";
    let before = world.metric(series).await.unwrap();
    judged(world, &world.job()).await;
    world.until("the set is read", async || world.metric(series).await > Some(before)).await;
    assert!(world.issuer.requests(IssuerEndpoint::Jwks) > fetches);
}
