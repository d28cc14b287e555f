//! Tokens that no issuer would make, and what becomes of them at the door.

use emulator::{SigningKey, jwt};
use serde_json::Value;

use crate::world::{Reply, World};

/// The header of the emulated issuer's own tokens.
pub(crate) const HEADER: &str = r#"{"alg":"RS256","kid":"ci-1","typ":"JWT"}"#;

/// A token around these very texts, signed with the issuer's own key.
pub(crate) fn signed(world: &World, header: &str, payload: &str) -> String {
    signed_with(world, &world.issuer.key(), header, payload)
}

/// The same with any key.
pub(crate) fn signed_with(world: &World, key: &SigningKey, header: &str, payload: &str) -> String {
    world.keep_secret(jwt::encode_raw(header.as_bytes(), payload.as_bytes(), key))
}

/// Header and payload in base64url, and the payload's claims are those of the default job.
pub(crate) fn signing_input(world: &World, header: &str) -> String {
    format!("{}.{}", jwt::b64(header), jwt::b64(world.claims().to_string()))
}

/// The claims of the default job with one member replaced.
pub(crate) fn claims_with(world: &World, name: &str, value: Value) -> Value {
    let mut claims = world.claims();
    claims[name] = value;
    claims
}

/// The claims of the default job without one member.
pub(crate) fn claims_without(world: &World, name: &str) -> Value {
    let mut claims = world.claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// Presents a token and demands this refusal; no part of it has reached Octopus.
pub(crate) async fn refused(world: &World, what: &str, token: &str, code: &str) -> Reply {
    let reply = refused_by_a_rule(world, what, token, 401, code).await;
    assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{what}");
    reply
}

/// The same with any status.
pub(crate) async fn refused_by_a_rule(
    world: &World,
    what: &str,
    token: &str,
    status: u16,
    code: &str,
) -> Reply {
    if token.len() > 60 {
        world.keep_secret(token.to_owned());
    }
    let line = judged(world, token).await;
    assert_eq!((&line["status"], &line["code"]), (&status.into(), &code.into()), "{what}: {line}");
    let reply = world.get("/api/users/me").bearer(token).refused(status, code).await;
    assert_untouched(world, what);
    reply
}

/// Octopus was asked for nothing: no discovery, no exchange, no API request.
pub(crate) fn assert_untouched(world: &World, what: &str) {
    assert_eq!(world.octopus.exchanges(), 0, "{what}");
    assert!(world.octopus.requests().is_empty(), "{what}: {:?}", world.octopus.requests());
}

/// Presents a token and gives the audit line of that request.
pub(crate) async fn judged(world: &World, token: &str) -> Value {
    let id = format!("judged-{}", world.audit().len());
    world.get("/api/users/me").bearer(token).header("x-request-id", &id).send().await;
    line_of(world, &id).await
}

/// The audit line of the request with this id.
pub(crate) async fn line_of(world: &World, id: &str) -> Value {
    let found = || world.audit().into_iter().find(|line| line["request_id"] == id);
    world.until("the request is in the log", async || found().is_some()).await;
    found().unwrap()
}

/// Presents a token and demands that a rule admitted it. The emulated Octopus is stricter than the
/// broker (no leeway, a `kid` always), so what it says of the token does not count here.
pub(crate) async fn admitted(world: &World, what: &str, token: &str) -> Value {
    let line = judged(world, token).await;
    let code = line["code"].as_str().unwrap_or_default();
    assert!(line["rule"].is_string(), "{what}: {line}");
    assert!(matches!(code, "ok" | "exchange_refused"), "{what}: {line}");
    line
}
