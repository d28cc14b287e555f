//! Keys that an issuer shows only to those whom it knows, and what forgeries make it be asked.

use std::time::Duration;

use emulator::{Algorithm, IssuerEndpoint, SigningKey};

use crate::forge::{admitted, judged};
use crate::world::{Settings, TemporaryFile, World, get};

const COOL_DOWN: Duration = Duration::from_secs(10);

/// A world whose issuer is a cluster that shows `endpoints` to those with a bearer token. The broker
/// has it from a file.
async fn clustered(
    token: &TemporaryFile,
    keys: &str,
    bearer: &str,
    endpoints: &[IssuerEndpoint],
) -> World {
    let mut world = World::without_broker().await;
    world.keep_secret(bearer.to_owned());
    for endpoint in endpoints {
        world.issuer.want_bearer(*endpoint, Some(bearer));
    }
    let mut settings = Settings::of(&world);
    settings.issuers = format!(
        "ci: {{ provider: kubernetes, url: '{}', jwks_token: {{ file: '{}' }}, {} }}",
        world.issuer.url(),
        token.path().display(),
        keys.replace("URL", &world.issuer.url()),
    );
    settings.rules = String::from(
        "{ name: web, issuer: ci, service_account: release-bot, \
         sub: 'system:serviceaccount:shop:web' }",
    );
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    world
}

fn pod(world: &World) -> String {
    let mut claims = world.issuer.claims("system:serviceaccount:shop:web", &world.account.id);
    claims["kubernetes.io"] = serde_json::json!({
        "namespace": "shop",
        "serviceaccount": { "name": "web", "uid": "u1" },
    });
    world.mint(&claims)
}

#[tokio::test]
async fn a_cluster_s_documents_are_asked_for_with_a_bearer_token() {
    let token = TemporaryFile::new("bearer", "first-canary\n");
    let world = clustered(&token, "", "first-canary", &BOTH).await;
    admitted(&world, "by discovery", &pod(&world)).await;

    // kubelet replaces the file: the next fetch has the new one.
    token.replace(world.keep_secret("second-canary".to_owned()));
    for endpoint in BOTH {
        world.issuer.want_bearer(endpoint, Some("second-canary"));
    }
    world.issuer.set_keys(vec![world.issuer.key().with_kid("ci-2")]);
    world.advance(COOL_DOWN);
    admitted(&world, "a new key", &pod(&world)).await;

    let requests = world.issuer.requests(IssuerEndpoint::Discovery);
    for nonsense in ["\n", "two words", "two\nlines", ""] {
        token.replace(nonsense);
        world.issuer.set_keys(vec![world.issuer.key().with_kid("ci-3")]);
        world.advance(COOL_DOWN);
        assert_eq!(judged(&world, &pod(&world)).await["code"], "keys_unavailable", "{nonsense}");
    }
    assert_eq!(world.issuer.requests(IssuerEndpoint::Discovery), requests, "nothing was asked");
    let status = get(world.admin(), "/status").await.text();
    assert!(status.contains("the file of `jwks_token` can't be read"), "{status}");
    world.close().await;
}

#[tokio::test]
async fn a_key_set_s_own_url_is_asked_with_it_and_another_origin_is_not() {
    let token = TemporaryFile::new("bearer", "canary-of-the-broker");
    let jwks = [IssuerEndpoint::Jwks];
    let by_url = "jwks_url: 'URL/.well-known/jwks'";
    let world = clustered(&token, by_url, "canary-of-the-broker", &jwks).await;
    admitted(&world, "by URL", &pod(&world)).await;
    world.close().await;

    // The key set is for everybody there, and the issuer complains of a credential.
    let discovery = [IssuerEndpoint::Discovery];
    let world = clustered(&token, "", "canary-of-the-broker", &discovery).await;
    world.issuer.take_complaints();
    let elsewhere = world.issuer.url().replace("127.0.0.1", "localhost");
    world.issuer.set_discovery(serde_json::json!({
        "issuer": world.issuer.url(),
        "jwks_uri": format!("{elsewhere}/.well-known/jwks"),
    }));
    world.issuer.set_keys(vec![world.issuer.key().with_kid("ci-2")]);
    world.advance(COOL_DOWN);
    admitted(&world, "keys at another origin", &pod(&world)).await;
    world.close().await;
}

const BOTH: [IssuerEndpoint; 2] = [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks];

#[tokio::test]
async fn forgeries_make_the_keys_be_asked_for_once_in_a_while() {
    let world = World::start().await;
    let forger = SigningKey::shared(Algorithm::Rs256).with_kid("ci-1");
    world.advance(COOL_DOWN);
    for round in 0..3 {
        for _ in 0..20 {
            let token = world.keep_secret(world.issuer.mint_with(&forger, &world.claims()));
            assert_eq!(judged(&world, &token).await["code"], "signature_invalid");
        }
        assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), 2 + round);
        world.advance(COOL_DOWN);
    }
    // With the issuer down a forgery is still one.
    let fault = emulator::Fault::Status(503);
    world.issuer.set_fault(IssuerEndpoint::Jwks, Some(fault));
    let token = world.keep_secret(world.issuer.mint_with(&forger, &world.claims()));
    assert_eq!(judged(&world, &token).await["code"], "signature_invalid");
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.close().await;
}
