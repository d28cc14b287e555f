//! The pretend CI issuer.

use emulator::{Algorithm, Clock, Fault, Issuer, IssuerEndpoint, RawAnswer, SigningKey};
use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

async fn get(issuer: &Issuer, path: &str) -> Answer {
    let mut wire = Wire::open(issuer.address()).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", issuer.address());
    wire.write(request.as_bytes()).await;
    wire.answer().await
}

const DISCOVERY: &str = "/.well-known/openid-configuration";
const JWKS: &str = "/.well-known/jwks";

#[tokio::test]
async fn publishes_itself_as_github_does() {
    let issuer = Issuer::start(Clock::system()).await;

    let document = get(&issuer, DISCOVERY).await.json();
    assert_eq!(document["issuer"], issuer.url());
    assert_eq!(document["jwks_uri"], format!("{}{JWKS}", issuer.url()));
    assert_eq!(document.get("authorization_endpoint"), None);

    let keys = get(&issuer, JWKS).await.json();
    assert_eq!(keys, json!({"keys": [issuer.key().public_jwk()]}));
    assert_eq!(issuer.key().kid(), "ci-1");
    assert_eq!(issuer.requests(IssuerEndpoint::Discovery), 1);
    assert_eq!(issuer.requests(IssuerEndpoint::Jwks), 1);
}

#[tokio::test]
async fn claims_are_the_registered_ones_and_nothing_else() {
    let issuer = Issuer::start(Clock::fixed(1_000)).await;

    let mut claims = issuer.claims("job", "octopus");

    assert_ne!(claims["jti"], issuer.claims("job", "octopus")["jti"]);
    claims.as_object_mut().unwrap().remove("jti");
    let expected = json!({
        "iss": issuer.url(), "sub": "job", "aud": "octopus",
        "iat": 1_000, "nbf": 1_000, "exp": 1_300,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn minted_tokens_verify_with_the_published_key() {
    let issuer = Issuer::start(Clock::system()).await;

    let token = issuer.mint(&issuer.claims("job", "octopus"));

    let jwk: Value = get(&issuer, JWKS).await.json()["keys"][0].clone();
    let jwk = serde_json::from_value(jwk).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((header.kid.as_deref(), header.typ.as_deref()), (Some("ci-1"), Some("JWT")));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let verified = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, header.alg);
    assert!(verified.unwrap());
}

#[tokio::test]
async fn two_issuers_have_different_keys() {
    let one = Issuer::start(Clock::system()).await;
    let other = Issuer::start(Clock::system()).await;

    assert_ne!(one.key().public_jwk(), other.key().public_jwk());
    assert_ne!(one.url(), other.url());
}

#[tokio::test]
async fn comes_back_at_its_address_with_its_key() {
    let clock = Clock::system();
    let issuer = Issuer::start(clock.clone()).await;
    let (address, key) = (issuer.address(), issuer.key().public_jwk());

    issuer.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());

    let back = Issuer::start_at(clock, address).await;
    assert_eq!(back.key().public_jwk(), key);
}

#[tokio::test]
async fn keys_documents_and_answers_can_be_replaced() {
    let issuer = Issuer::start(Clock::system()).await;
    let second = SigningKey::shared(Algorithm::Es256).with_kid("ci-2");

    issuer.set_keys(vec![second.clone(), issuer.key()]);
    assert_eq!(issuer.key().kid(), "ci-2");
    assert_eq!(get(&issuer, JWKS).await.json()["keys"][0], second.public_jwk());

    issuer.set_jwks(json!({"keys": []}));
    assert_eq!(get(&issuer, JWKS).await.json(), json!({"keys": []}));
    issuer.set_discovery(json!([1]));
    assert_eq!(get(&issuer, DISCOVERY).await.json(), json!([1]));
    let answer = RawAnswer::text(200, "text/html", "<html>");
    issuer.set_answer(IssuerEndpoint::Jwks, Some(answer));
    assert_eq!(get(&issuer, JWKS).await.text(), "<html>");

    issuer.set_fault(IssuerEndpoint::Jwks, Some(Fault::Status(500)));
    assert_eq!(get(&issuer, JWKS).await.status, 500);
    assert_eq!(get(&issuer, DISCOVERY).await.status, 200);
}

#[tokio::test]
async fn requests_can_be_held() {
    let issuer = Issuer::start(Clock::system()).await;
    let gate = issuer.hold(IssuerEndpoint::Jwks);

    let (answer, ()) = tokio::join!(get(&issuer, JWKS), async {
        gate.wait_for(1).await;
        gate.open();
    });

    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn mints_over_http_for_shell_scripts() {
    let issuer = Issuer::start(Clock::system()).await;
    let mut wire = Wire::open(issuer.address()).await;
    let claims = r#"{"sub":"job","aud":"octopus"}"#;
    let request = format!(
        "POST /mint HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{claims}",
        claims.len()
    );

    wire.write(request.as_bytes()).await;

    let token = wire.answer().await.text();
    assert_eq!(token.split('.').count(), 3, "{token}");
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.kid.as_deref(), Some("ci-1"));
}

#[tokio::test]
async fn complains_about_credentials() {
    let issuer = Issuer::start(Clock::system()).await;
    for header in ["Authorization: Bearer x", "Cookie: a=b", "X-Octopus-ApiKey: API-X"] {
        let mut wire = Wire::open(issuer.address()).await;
        let request = format!("GET {JWKS} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        wire.write(request.as_bytes()).await;

        assert_eq!(wire.answer().await.status, 400, "{header}");
        assert_eq!(issuer.take_complaints().len(), 1, "{header}");
    }
    assert_eq!(issuer.requests(IssuerEndpoint::Jwks), 0);
}
