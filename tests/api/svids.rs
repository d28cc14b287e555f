//! SPIFFE: whose keys verify a JWT-SVID, and what is asked of it.

use emulator::{Algorithm, IssuerEndpoint, SigningKey};
use serde_json::{Value, json};

use crate::forge::{self, judged, line_of};
use crate::key_sets::KeyFile;
use crate::world::{Settings, TemporaryFile, World};

const ID: &str = "spiffe://acme.example/ns/shop/sa/web";
const HEADER: &str = r#"{"alg":"RS256","kid":"ci-1"}"#;

/// A world with two trust domains: `acme.example`, whose keys the issuer serves, and
/// `other.example` with a key of its own. Octopus is asked by API key.
struct Mesh {
    world: World,
    /// The key of `other.example`.
    other: SigningKey,
    yaml: String,
    _files: [Box<dyn Send>; 2],
}

async fn meshed(source: &str, rule: &str) -> Mesh {
    let mut world = World::without_broker().await;
    let other = SigningKey::shared(Algorithm::Rs256).with_kid("other-1");
    let others = KeyFile::new(&format!("svids-{}", world.issuer.address().port()), &[&other]);
    let api_key = world.keep_secret(world.octopus.add_api_key(&world.account));
    let api_key = TemporaryFile::new("svids", api_key);
    let mut settings = Settings::of(&world);
    let source = source.replace("URL", &world.issuer.url());
    settings.issuers = format!(
        "mesh: {{ provider: spiffe, trust_domain: acme.example, {source} }}\n\
         others: {{ provider: spiffe, trust_domain: other.example, jwks_file: '{}' }}\n\
         ci: {{ provider: custom, url: '{}', algorithms: [RS256] }}",
        others.path().display(),
        world.issuer.url()
    );
    settings.service_accounts =
        format!("release-bot: {{ api_key: {{ file: '{}' }} }}", api_key.path().display());
    settings.rules = format!(
        "{{ name: web, issuer: mesh, service_account: release-bot, audience: octobroker, {rule} }}"
    );
    let yaml = settings.to_yaml();
    world.serve(&yaml).await;
    world.until_ready().await;
    Mesh { world, other, yaml, _files: [Box::new(others), Box::new(api_key)] }
}

/// What SPIRE signs: no `iss`, no `iat`.
fn svid(world: &World, subject: &str) -> Value {
    let mut claims = world.issuer.claims(subject, "octobroker");
    for absent in ["iss", "nbf", "jti"] {
        claims.as_object_mut().unwrap().remove(absent);
    }
    claims
}

#[tokio::test]
async fn the_trust_domain_of_the_subject_chooses_the_keys() {
    let Mesh { world, other, _files, .. } =
        meshed("jwks_url: 'URL/.well-known/jwks'", &format!("sub: '{ID}'")).await;
    let judge = async |key: &SigningKey, claims: Value| {
        let header = HEADER.replace("ci-1", key.kid());
        let token = forge::signed_with(&world, key, &header, &claims.to_string());
        judged(&world, &token).await
    };
    let own = world.issuer.key();

    let line = judge(&own, svid(&world, ID)).await;
    assert_eq!((&line["code"], &line["issuer"]), (&json!("ok"), &json!("mesh")), "{line}");
    // `iss` decides nothing, whatever it says.
    let mut claims = svid(&world, ID);
    for issuer in ["https://nobody.example", "spiffe://other.example", "spiffe://acme.example"] {
        claims["iss"] = json!(issuer);
        assert_eq!(judge(&own, claims.clone()).await["code"], "ok", "{issuer}");
    }
    claims["iss"] = json!(7);
    assert_eq!(judge(&own, claims.clone()).await["code"], "claims_invalid");

    let foreign = ID.replace("acme.example", "other.example");
    let rows = [
        (&other, svid(&world, ID), "key_unknown"),
        (&own, svid(&world, &foreign), "key_unknown"),
        (&other, svid(&world, &foreign), "no_rule_matched"),
        (&own, svid(&world, "spiffe://acme.example.evil.example/ns/shop/sa/web"), "issuer_unknown"),
        (&own, svid(&world, "spiffe://acme.example@evil.example/ns/shop/sa/web"), "claims_invalid"),
        (&own, svid(&world, "spiffe://acme.example"), "claims_invalid"),
        (&own, svid(&world, "spiffe://acme.example/ns/shop/sa/web2"), "no_rule_matched"),
    ];
    for (key, claims, code) in rows {
        let line = judge(key, claims.clone()).await;
        assert_eq!(line["code"], code, "{claims}: {line}");
    }
    world.close().await;
}

#[tokio::test]
async fn an_svid_has_one_audience_and_a_plain_header() {
    let rule = "sub: { glob: 'spiffe://acme.example/ns/shop/sa/*' }";
    let Mesh { world, _files, .. } = meshed("jwks_url: 'URL/.well-known/jwks'", rule).await;
    let mut several = svid(&world, ID);
    several["aud"] = json!(["octobroker", "https://reports.acme.example"]);
    let mut endless = svid(&world, ID);
    endless.as_object_mut().unwrap().remove("exp");
    let rows = [
        (HEADER, svid(&world, ID), "ok"),
        (r#"{"alg":"RS256","kid":"ci-1","typ":"JOSE"}"#, svid(&world, ID), "ok"),
        (
            r#"{"alg":"RS256","kid":"ci-1","typ":"at+jwt"}"#,
            svid(&world, ID),
            "token_header_refused",
        ),
        (HEADER, several, "audience_refused"),
        (HEADER, endless, "claims_invalid"),
        (HEADER, svid(&world, "spiffe://acme.example/ns/shop/sa/a/b"), "no_rule_matched"),
    ];
    for (header, claims, code) in rows {
        let token = forge::signed(&world, header, &claims.to_string());
        assert_eq!(judged(&world, &token).await["code"], code, "{header} {claims}");
    }
    // One that is known is believed again, and is bound to its own keys.
    let token = forge::signed(&world, HEADER, &svid(&world, ID).to_string());
    judged(&world, &token).await;
    let verifications = "octobroker_token_verifications_total{issuer=\"mesh\",outcome=\"cached\"}";
    let before = world.count(verifications).await.unwrap();
    world.get("/api/users/me").bearer(&token).header("x-request-id", "again").ok().await;
    assert_eq!(line_of(&world, "again").await["issuer"], "mesh");
    assert_eq!(world.count(verifications).await, Some(before + 1));
    world.close().await;
}

#[tokio::test]
async fn a_bundle_has_keys_of_its_own_use() {
    let Mesh { world, _files, .. } =
        meshed("jwks_url: 'URL/.well-known/jwks'", &format!("sub: '{ID}'")).await;
    let token = |world: &World| forge::signed(world, HEADER, &svid(world, ID).to_string());
    for (used_for, code) in [("jwt-svid", "ok"), ("x509-svid", "key_unknown"), ("sig", "ok")] {
        let mut jwk = world.issuer.key().public_jwk();
        jwk["use"] = json!(used_for);
        let spare = SigningKey::shared(Algorithm::Rs256).with_kid("spare").public_jwk();
        world.issuer.set_jwks(json!({ "keys": [jwk, spare] }));
        world.advance(std::time::Duration::from_secs(15 * 60));
        let series = "octobroker_jwks_refreshes_total{issuer=\"mesh\",outcome=\"ok\"}";
        let before = world.metric(series).await.unwrap();
        judged(&world, &token(&world)).await;
        world.until("the set is read", async || world.metric(series).await > Some(before)).await;
        assert_eq!(judged(&world, &token(&world)).await["code"], code, "{used_for}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_discovery_provider_is_asked_under_its_own_name() {
    let Mesh { world, _files, .. } = meshed("url: 'URL'", &format!("sub: '{ID}'")).await;

    let token = forge::signed(&world, HEADER, &svid(&world, ID).to_string());

    assert_eq!(judged(&world, &token).await["code"], "ok");
    world.close().await;
}

#[tokio::test]
async fn keys_and_stand_ins_of_a_trust_domain_outlive_a_reload() {
    let Mesh { world, yaml, _files, .. } =
        meshed("jwks_url: 'URL/.well-known/jwks'", &format!("sub: '{ID}'")).await;
    let token = forge::signed(&world, HEADER, &svid(&world, ID).to_string());
    let mut fields = world.login_fields(&token);
    fields["audience"] = json!("release-bot");
    let login = world.call("POST", "/token/v1").json(&fields).ok().await;
    let stand_in = world.keep_secret(login.json()["access_token"].as_str().unwrap().to_owned());
    // That of the mesh, and that of the issuer, whose document it is as well.
    assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), 2);

    world.reload(&yaml).await.unwrap();

    world.get("/api/users/me").bearer(&stand_in).ok().await;
    world.get("/api/users/me").bearer(&token).ok().await;
    assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), 2);
    world.reload(&yaml.replace("acme.example", "acme.test")).await.unwrap();
    world.get("/api/users/me").bearer(&stand_in).refused(401, "stand_in_unknown").await;
    world.close().await;
}
