//! The token endpoint: what it accepts, what it refuses, and how it says so.

use std::time::Duration;

use emulator::{Algorithm, ErrorStyle, ExpiresIn, RawAnswer, SigningKey, TokenEndpoint, jwt};
use serde_json::{Value, json};

use crate::{SUBJECT, World};

#[tokio::test]
async fn discovery_names_the_token_endpoint() {
    let world = World::start().await;

    let document = world.get_openly("/.well-known/openid-configuration").await.json();

    let url = world.octopus.url();
    assert_eq!(document["issuer"], url);
    assert_eq!(document["token_endpoint"], format!("{url}/token/v1"));
    assert_eq!(document["jwks_uri"], format!("{url}/.well-known/jwks"));
}

#[tokio::test]
async fn discovery_can_name_another_host() {
    let world = World::start().await;
    let internal = "http://internal.example:8080";

    world.octopus.set(|knobs| knobs.token_endpoint = TokenEndpoint::Host(internal.into()));
    let document = world.get_openly("/.well-known/openid-configuration").await.json();
    assert_eq!(document["token_endpoint"], format!("{internal}/token/v1"));
    assert_eq!(document["issuer"], internal);

    world.octopus.set(|knobs| knobs.token_endpoint = TokenEndpoint::Other("http://x/y".into()));
    let document = world.get_openly("/.well-known/openid-configuration").await.json();
    assert_eq!(document["token_endpoint"], "http://x/y");
}

#[tokio::test]
async fn a_json_exchange_gives_a_signed_bearer_token() {
    let world = World::start().await;

    let answer = world.exchange(&world.id_token()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3_600);
    assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(world.octopus.issued_access_tokens(), [token]);
    let (header, claims) = world.verified_access_token(token).await;
    assert_eq!(header["alg"], "PS256");
    assert_eq!(claims["canary"], "canary-access-token");
    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!(world.octopus.successful_exchanges(), 1);
}

#[tokio::test]
async fn a_form_exchange_works_as_well() {
    let world = World::start().await;
    let fields = world.fields(&world.id_token());
    let form: Vec<_> = fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap().replace(':', "%3A")))
        .collect();

    let answer = world.post_form(&form.join("&")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let twice = format!("{}&audience=x", form.join("&"));
    assert_eq!(world.post_form(&twice).await.status, 400);
}

#[tokio::test]
async fn every_algorithm_of_an_issuer_is_accepted() {
    let world = World::start().await;
    for algorithm in Algorithm::ALL {
        world.issuer.set_keys(vec![SigningKey::shared(algorithm)]);

        let answer = world.exchange(&world.id_token()).await;

        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.text());
    }
}

#[tokio::test]
async fn refuses_tokens_that_are_wrong_in_one_point() {
    let world = World::start().await;
    let good = world.issuer.claims(SUBJECT, &world.account.id);
    let now = world.clock.now_unix();
    for (member, value) in [
        ("iss", json!("https://elsewhere.test")),
        ("iss", json!(format!("{}/", world.issuer.url()))),
        ("iss", Value::Null),
        ("sub", json!("repo:acme/other:ref:refs/heads/main")),
        ("sub", json!("REPO:acme/shop:ref:refs/heads/main")),
        ("aud", json!("somebody else")),
        ("aud", json!(7)),
        ("exp", json!(now)),
        ("exp", json!("later")),
        ("exp", Value::Null),
        ("nbf", json!(now + 1)),
    ] {
        let mut claims = good.clone();
        claims[member] = value.clone();

        let answer = world.exchange(&world.issuer.mint(&claims)).await;

        assert_eq!(answer.status, 400, "{member} {value}");
        assert_eq!(answer.json()["error"], "invalid_request");
    }
    assert_eq!(world.octopus.successful_exchanges(), 0);
}

#[tokio::test]
async fn refuses_wrong_signatures() {
    let world = World::start().await;
    let claims = world.issuer.claims(SUBJECT, &world.account.id);
    let key = world.issuer.key();
    let stranger = SigningKey::shared(Algorithm::Rs256);
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": "JWT"});
    let good = world.issuer.mint(&claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    for (why, token) in [
        ("stranger, own kid", world.issuer.mint_with(&stranger, &claims)),
        ("stranger, stolen kid", world.issuer.mint_with(&stranger.with_kid(key.kid()), &claims)),
        ("alg of another type", jwt::encode(&header("PS256", key.kid()), &claims, &key)),
        ("alg none", jwt::encode(&header("none", key.kid()), &claims, &key)),
        ("no kid", jwt::encode(&json!({"alg": "RS256"}), &claims, &key)),
        ("no signature", format!("{signed}.")),
        ("broken JSON", jwt::encode_raw(b"{", b"{}", &key)),
        ("not a JWT", "abc".to_owned()),
    ] {
        let answer = world.exchange(&token).await;

        assert_eq!(answer.status, 400, "{why}: {}", answer.text());
    }
}

#[tokio::test]
async fn refuses_incomplete_and_undocumented_requests() {
    let world = World::start().await;
    let good = world.fields(&world.id_token());
    for (field, value) in [
        ("grant_type", json!("")),
        ("grant_type", json!("client_credentials")),
        ("audience", json!("")),
        ("audience", json!(world.account.user_id)),
        ("audience", json!(1)),
        ("subject_token", json!("")),
        ("subject_token_type", json!("urn:ietf:params:oauth:token-type:id_token")),
        ("scope", json!("everything")),
    ] {
        let mut fields = good.clone();
        fields[field] = value.clone();

        let answer = world.post_json("/token/v1", &fields).await;

        assert_eq!(answer.status, 400, "{field} {value}");
    }
}

#[tokio::test]
async fn a_token_expires_with_the_clock() {
    let world = World::start().await;
    let id_token = world.id_token();
    let access_token = world.access_token().await;
    assert_eq!(world.get("/api/users/me", &access_token).await.status, 200);

    world.clock.advance(Duration::from_secs(299));
    assert_eq!(world.exchange(&id_token).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.exchange(&id_token).await.status, 400);

    world.clock.advance(Duration::from_secs(3_600 - 300));
    assert_eq!(world.get("/api/users/me", &access_token).await.status, 401);
}

#[tokio::test]
async fn identities_have_wildcards_and_custom_audiences() {
    let world = World::start().await;
    let url = world.issuer.url();
    let custom = world.octopus.add_service_account("custom");
    world.octopus.add_identity(&custom, &url, "job-?", Some("https://octopus.test"));
    for (subject, audience, status) in [
        ("job-1", "https://octopus.test", 200),
        ("job-12", "https://octopus.test", 400),
        ("job-1", custom.id.as_str(), 400),
    ] {
        let token = world.issuer.mint(&world.issuer.claims(subject, audience));
        let mut fields = world.fields(&token);
        fields["audience"] = custom.id.as_str().into();

        let answer = world.post_json("/token/v1", &fields).await;

        assert_eq!(answer.status, status, "{subject} {audience}: {}", answer.text());
    }

    world.octopus.remove_identities(&world.account);
    let refusal = world.exchange(&world.id_token()).await.json();
    let description = refusal["error_description"].as_str().unwrap();
    assert!(description.starts_with("Could not find matching identity"), "{description}");
}

#[tokio::test]
async fn trusted_keys_need_no_issuer() {
    let world = World::start().await;
    let github = "https://token.actions.githubusercontent.com";
    let key = SigningKey::shared(Algorithm::Es256).with_kid("gh");
    world.octopus.trust_keys(github, vec![key.clone()]);
    world.octopus.add_identity(&world.account, github, SUBJECT, None);
    let mut claims = world.issuer.claims(SUBJECT, &world.account.id);
    claims["iss"] = github.into();
    let token = world.issuer.mint_with(&key, &claims);

    assert_eq!(world.exchange(&token).await.status, 200);
    world.octopus.distrust(github);
    assert_eq!(world.exchange(&token).await.status, 400);
}

#[tokio::test]
async fn a_trusted_issuer_is_followed_through_its_rotation() {
    let world = World::start().await;
    let old = world.id_token();

    world.issuer.set_keys(vec![SigningKey::generate(Algorithm::Es256, "ci-2")]);

    assert_eq!(world.exchange(&old).await.status, 400);
    assert_eq!(world.exchange(&world.id_token()).await.status, 200);
}

#[tokio::test]
async fn rotation_publishes_a_second_key_and_keeps_old_tokens_alive() {
    let world = World::start().await;
    let before = world.access_token().await;

    world.octopus.rotate_signing_key();

    let after = world.access_token().await;
    let (old, _) = world.verified_access_token(&before).await;
    let (new, _) = world.verified_access_token(&after).await;
    assert_ne!(old["kid"], new["kid"]);
    assert_eq!(world.get("/api/users/me", &before).await.status, 200);
}

#[tokio::test]
async fn revocation_kills_live_tokens_only() {
    let world = World::start().await;
    let revoked = world.access_token().await;

    world.octopus.revoke_access_tokens();

    assert_eq!(world.get("/api/users/me", &revoked).await.status, 401);
    let fresh = world.access_token().await;
    assert_eq!(world.get("/api/users/me", &fresh).await.status, 200);
}

#[tokio::test]
async fn expires_in_comes_in_every_shape() {
    let world = World::start().await;
    for (knob, on_the_wire) in [
        (ExpiresIn::Seconds(5), Some(json!(5))),
        (ExpiresIn::Text("3600".into()), Some(json!("3600"))),
        (ExpiresIn::Missing, None),
        (ExpiresIn::Raw(json!(-1)), Some(json!(-1))),
    ] {
        world.octopus.set(|knobs| knobs.expires_in = knob);

        let answer = world.exchange(&world.id_token()).await.json();

        assert_eq!(answer.get("expires_in"), on_the_wire.as_ref());
    }
}

#[tokio::test]
async fn refusals_come_in_every_style() {
    let world = World::start().await;
    let style = |style| world.octopus.set(|knobs| knobs.error_style = style);

    style(ErrorStyle::Octopus);
    let answer = world.exchange("bad").await;
    assert!(answer.status == 400 && answer.json()["Errors"].is_array());

    style(ErrorStyle::Html503);
    let answer = world.exchange(&world.id_token()).await;
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("text/html")));

    style(ErrorStyle::Empty);
    let answer = world.exchange(&world.id_token()).await;
    assert_eq!((answer.status, answer.body.len()), (400, 0));

    style(ErrorStyle::RateLimited { retry_after: Some(7) });
    let answer = world.exchange(&world.id_token()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));

    world.octopus.set(|knobs| {
        knobs.exchange_answer = Some(RawAnswer::text(200, "text/plain", "not JSON"));
    });
    assert_eq!(world.exchange(&world.id_token()).await.text(), "not JSON");
    assert_eq!(world.octopus.successful_exchanges(), 0);
    assert_eq!(world.octopus.exchanges(), 5);
}

impl World {
    async fn get_openly(&self, path: &str) -> crate::Answer {
        self.send(&format!("GET {path} HTTP/1.1"), b"").await
    }

    async fn post_form(&self, form: &str) -> crate::Answer {
        let kind = "application/x-www-form-urlencoded";
        let head = format!("POST /token/v1 HTTP/1.1\r\nContent-Type: {kind}");
        self.send(&head, form.as_bytes()).await
    }

    /// Header and claims of a token that verifies with the published keys of the server.
    async fn verified_access_token(&self, token: &str) -> (Value, Value) {
        let keys = self.get_openly("/.well-known/jwks").await.json();
        let header = jsonwebtoken::decode_header(token).unwrap();
        let jwk = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|jwk| jwk["kid"] == header.kid.clone().unwrap())
            .unwrap();
        let jwk = serde_json::from_value(jwk.clone()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let verified =
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, header.alg);
        assert!(verified.unwrap(), "the signature is right");
        let part = |part: &str| {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
            serde_json::from_slice(&bytes.unwrap()).unwrap()
        };
        let (header, claims) = message.split_once('.').unwrap();
        (part(header), part(claims))
    }
}
