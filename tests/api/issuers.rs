//! Several issuers beside each other, dead ones among them.

use std::net::Ipv4Addr;
use std::time::Duration;

use emulator::{Algorithm, Clock, Fault, Issuer, IssuerEndpoint, SigningKey};
use serde_json::{Value, json};

use crate::forge::{judged, refused};
use crate::world::{NOW, SUBJECT, Settings, TemporaryFile, World, get};

/// Of this machine as well, but only here: a port of it that was let go is still free a moment later.
const APART: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_found_when_it_comes_up() {
    let mut world = World::without_broker().await;
    let late = Issuer::builder(Clock::fixed(NOW)).at((APART, 0).into()).start().await;
    let (url, address, key) = (late.url(), late.address(), late.key());
    let claims = late.claims(SUBJECT, &world.account.id);
    late.stop().await;
    world.octopus.trust_keys(&url, vec![key]);
    world.octopus.add_identity(&world.account, &url, "*", None);
    let settings = two_issuers(&world, &url).to_yaml();
    world.serve(&settings).await;

    // The first attempt has ended, badly: that is enough to be ready, and enough for the others.
    world.until_ready().await;
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    let late = Issuer::start_at(Clock::fixed(NOW), address).await;
    late.set_fault(IssuerEndpoint::Discovery, Some(Fault::Refuse));
    let token = world.keep_secret(late.mint(&claims));
    let reply = world.get("/api/users/me").bearer(&token).refused(503, "keys_unavailable").await;
    let pause: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&pause), "{pause}");
    let status = get(world.admin(), "/status").await.json();
    let sick = status["issuers"].as_array().unwrap().iter().find(|one| one["name"] == "other");
    assert!(sick.unwrap()["error"].is_string(), "{status}");

    late.set_fault(IssuerEndpoint::Discovery, None);
    world.advance(Duration::from_secs(1));

    world.get("/api/users/me").bearer(&token).ok().await;
    world.close().await;
}

#[tokio::test]
async fn a_dead_issuer_blocks_only_its_own_tokens() {
    let mut world = World::without_broker().await;
    let dead = Issuer::start(Clock::fixed(NOW)).await;
    let gate = dead.hold(IssuerEndpoint::Discovery);
    let settings = two_issuers(&world, &dead.url()).to_yaml();
    world.serve(&settings).await;
    gate.wait_for(1).await;

    world.get("/api/users/me").bearer(&world.job()).ok().await;

    let reply = get(world.admin(), "/readyz").await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("keys of other"), "{}", reply.text());
    assert!(!reply.text().contains("keys of ci"), "{}", reply.text());
    gate.open();
    world.until_ready().await;
    world.close().await;
}

/// B-084: after 5 s, of which this test waits every one.
#[tokio::test]
async fn an_issuer_that_hangs_is_given_up() {
    let mut world = World::without_broker().await;
    let dead = Issuer::start(Clock::fixed(NOW)).await;
    dead.set_fault(IssuerEndpoint::Jwks, Some(Fault::Stall));
    let token = world.keep_secret(dead.mint(&dead.claims(SUBJECT, &world.account.id)));
    let settings = two_issuers(&world, &dead.url()).to_yaml();
    world.serve(&settings).await;

    let call = world.get("/api/users/me").bearer(&token).refused(503, "keys_unavailable");
    let in_time = tokio::time::timeout(Duration::from_secs(60), call).await;

    assert!(in_time.is_ok(), "it still waits");
    world.until_ready().await;
    world.close().await;
}

#[tokio::test]
async fn keys_are_never_pooled_between_issuers() {
    let mut world = World::without_broker().await;
    let other = Issuer::start(Clock::fixed(NOW)).await;
    let own = SigningKey::generate(Algorithm::Rs256, "of-other");
    other.set_keys(vec![other.key(), own.clone()]);
    let settings = two_issuers(&world, &other.url()).to_yaml();
    world.serve(&settings).await;
    world.until_ready().await;
    let as_other = other.claims(SUBJECT, &world.account.id);

    // Both have a key `ci-1`, and each its own.
    refused(&world, "of the other", &other.mint(&world.claims()), "signature_invalid").await;
    refused(&world, "in its name", &world.issuer.mint(&as_other), "signature_invalid").await;
    let token = other.mint_with(&own, &world.claims());
    refused(&world, "a key id of the other", &token, "key_unknown").await;

    let line = judged(&world, &world.keep_secret(other.mint_with(&own, &as_other))).await;
    assert_eq!((&line["rule"], &line["issuer"]), (&Value::from("other"), &Value::from("other")));
    world.close().await;
}

#[tokio::test]
async fn a_rule_is_for_one_issuer() {
    let world = World::without_broker().await;
    let other = Issuer::start(Clock::fixed(NOW)).await;
    let mut settings = two_issuers(&world, &other.url());
    settings.rules = settings.rules.lines().next().unwrap().to_owned();
    let mut world = world;
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;

    let token = world.keep_secret(other.mint(&other.claims(SUBJECT, &world.account.id)));
    world.get("/api/users/me").bearer(&token).refused(403, "no_rule_matched").await;

    let line = world.audited(1).await;
    assert_eq!(line["issuer"], "other");
    assert!(line.get("missed").is_none(), "no rule was for it: {line}");
    world.close().await;
}

/// AKS, Entra and env0 end their name with a slash, which their documents' addresses don't double.
#[tokio::test]
async fn a_slash_at_the_end_belongs_to_the_name() {
    let mut world = World::without_broker().await;
    let address = std::net::TcpListener::bind((APART, 0)).unwrap().local_addr().unwrap();
    let url = format!("http://{address}/");
    let slashed = Issuer::builder(Clock::fixed(NOW)).at(address).url(&url).start().await;
    slashed.set_discovery(json!({ "issuer": url, "jwks_uri": format!("{url}.well-known/jwks") }));
    let settings = two_issuers(&world, &url).to_yaml();
    world.serve(&settings).await;
    world.until_ready().await;
    let mut claims = slashed.claims(SUBJECT, &world.account.id);

    let line = judged(&world, &world.keep_secret(slashed.mint(&claims))).await;
    assert_eq!(line["rule"], "other", "{line}");
    claims["iss"] = json!(url.trim_end_matches('/'));
    let line = judged(&world, &world.keep_secret(slashed.mint(&claims))).await;
    assert_eq!(line["code"], "issuer_unknown", "{line}");
    world.close().await;
}

#[tokio::test]
async fn an_issuer_is_believed_only_under_a_certificate_of_its_authority() {
    let mut world = World::without_broker().await;
    let known = Issuer::builder(Clock::fixed(NOW)).tls().start().await;
    let stranger = Issuer::builder(Clock::fixed(NOW)).tls().start().await;
    let file = TemporaryFile::new("issuers-ca.pem", known.ca_pem().unwrap());
    let mut settings = two_issuers(&world, &known.url());
    let url = stranger.url();
    let line = format!("\nstranger: {{ provider: custom, url: '{url}', algorithms: [RS256] }}");
    settings.issuers.push_str(&line);
    let ca_file = format!("url: '{}', ca_file: '{}'", known.url(), file.path().display());
    settings.issuers = settings.issuers.replace(&format!("url: '{}'", known.url()), &ca_file);
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;

    let token = world.keep_secret(known.mint(&known.claims(SUBJECT, &world.account.id)));
    assert_eq!(judged(&world, &token).await["rule"], "other");
    let token = world.keep_secret(stranger.mint(&stranger.claims(SUBJECT, &world.account.id)));
    world.get("/api/users/me").bearer(&token).refused(503, "keys_unavailable").await;
    assert_eq!(stranger.requests(IssuerEndpoint::Discovery), 0, "nothing was said to it");
    world.close().await;
}

/// The default settings with a second issuer `other`, and a rule of that name.
fn two_issuers(world: &World, url: &str) -> Settings {
    let mut settings = Settings::of(world);
    let line = format!("\nother: {{ provider: custom, url: '{url}', algorithms: [RS256] }}");
    settings.issuers.push_str(&line);
    let rule = settings.rules.replace("web", "other").replace("issuer: ci", "issuer: other");
    let rule = rule.replace("acme/other", "acme/web");
    settings.rules = format!("{}\n{rule}", settings.rules);
    settings
}
