//! What the JOSE header may say, and what it can't make the broker do.

use std::net::TcpListener;

use emulator::{Algorithm, SigningKey, jwt};
use serde_json::{Value, json};

use crate::forge::{self, admitted, refused};
use crate::world::World;

#[tokio::test]
async fn a_header_that_changes_the_meaning_of_a_token_is_refused() {
    let world = World::start().await;
    let rows = [
        ("crit", json!(["https://acme.example/ext"])),
        ("crit", json!(["b64"])),
        ("crit", json!(["exp"])),
        ("crit", json!(["alg"])),
        ("crit", json!([])),
        ("crit", Value::Null),
        ("crit", json!("exp")),
        ("b64", json!(false)),
        ("b64", json!("false")),
        ("b64", Value::Null),
        ("typ", json!("at+jwt")),
        ("typ", json!("AT+JWT")),
        ("typ", json!("application/at+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("secevent+jwt")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("JWE")),
        ("typ", json!("JWT ")),
        ("typ", json!("")),
        ("typ", json!(1)),
        ("typ", json!(["JWT"])),
        ("typ", Value::Null),
        ("cty", json!("JWT")),
        ("cty", json!("json")),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ];
    for (member, value) in rows {
        let what = format!("{member}: {value}");
        let token = with_member(&world, member, value);
        refused(&world, &what, &token, "token_header_refused").await;
    }
    let both = r#"{"alg":"RS256","kid":"ci-1","crit":["b64"],"b64":false}"#;
    let token = forge::signed(&world, both, &world.claims().to_string());
    refused(&world, both, &token, "token_header_refused").await;
    world.close().await;
}

#[tokio::test]
async fn harmless_members_are_let_be() {
    let world = World::start().await;
    let rows = [
        ("typ", json!("jwt")),
        ("typ", json!("application/JWT")),
        ("x5t", json!("ykNaY4qM_ta4k2TgZOCEYLkcYlA")),
        ("x5t#S256", json!("x")),
        ("iss", json!("https://evil.example")),
        ("b64", json!(true)),
        ("nonce", json!({ "a": [1, { "b": null }] })),
    ];
    for (member, value) in rows {
        let what = format!("{member}: {value}");
        let token = with_member(&world, member, value);
        admitted(&world, &what, &token).await;
    }
    let token =
        forge::signed(&world, r#"{"alg":"RS256","kid":"ci-1"}"#, &world.claims().to_string());
    admitted(&world, "no typ", &token).await;
    world.close().await;
}

#[tokio::test]
async fn a_token_does_not_say_with_which_key_it_is_verified() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let address = trap.local_addr().unwrap();
    let world = World::start().await;
    let attacker = SigningKey::shared(Algorithm::Rs256).with_kid("ci-1");
    let rows = [
        ("jwk", attacker.public_jwk()),
        ("jku", json!(format!("http://{address}/jwks"))),
        ("jku", json!(format!("https://{address}/jwks"))),
        ("jku", json!("http://169.254.169.254/latest/meta-data/")),
        ("jku", json!("file:///etc/passwd")),
        ("x5u", json!(format!("http://{address}/chain.pem"))),
        ("x5u", json!("file:///etc/passwd")),
        ("x5c", json!([jwt::b64("a certificate")])),
        ("x5c", json!([])),
        ("jku", json!(7)),
    ];
    for (member, value) in rows {
        let what = format!("{member}: {value}");
        let mut header = json!({ "alg": "RS256", "kid": "ci-1" });
        header[member] = value;
        let claims = world.claims().to_string();
        let forged = forge::signed_with(&world, &attacker, &header.to_string(), &claims);
        refused(&world, &what, &forged, "signature_invalid").await;
        header["kid"] = json!(format!("http://{address}/key"));
        let forged = forge::signed_with(&world, &attacker, &header.to_string(), &claims);
        refused(&world, &what, &forged, "key_unknown").await;
    }

    // Nobody listens to them in a good token either.
    let mut header = json!({ "alg": "RS256", "kid": "ci-1" });
    for member in ["jku", "x5u"] {
        header[member] = json!(format!("http://{address}/"));
    }
    let good = forge::signed(&world, &header.to_string(), &world.claims().to_string());
    admitted(&world, "a good token with jku and x5u", &good).await;
    let nobody = trap.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "the trap was called");
    world.close().await;
}

#[tokio::test]
async fn a_key_id_is_a_name_and_nothing_else() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let world = World::start().await;
    let url = format!("http://{}/jwks", trap.local_addr().unwrap());
    let ids = [
        "",
        "ci-2",
        "CI-1",
        "ci-1 ",
        " ci-1",
        "ci-1\0",
        "ci-1\r\nX-Injected: yes",
        "*",
        "ci-?",
        "../../../../etc/passwd",
        "/dev/null",
        "' OR '1'='1",
        "'; DROP TABLE keys; --",
        "$(id)",
        "`id`",
        "{{7*7}}",
        "${jndi:ldap://127.0.0.1/a}",
        "%00",
        "%2e%2e%2f",
        "\u{1f600}",
        "\u{1b}[31mred",
        "ci\u{2028}1",
        "ci\u{200b}-1",
        "ｃｉ-1",
        &url,
    ];
    for id in ids {
        let header = json!({ "alg": "RS256", "kid": id }).to_string();
        let token = forge::signed(&world, &header, &world.claims().to_string());
        refused(&world, &header, &token, "key_unknown").await;
    }
    let rows = [
        (r#"{"alg":"RS256","kid":7}"#, "token_malformed"),
        (r#"{"alg":"RS256","kid":null}"#, "token_malformed"),
        (r#"{"alg":"RS256","kid":["ci-1"]}"#, "token_malformed"),
        (r#"{"alg":"RS256","kid":{}}"#, "token_malformed"),
        (&*json!({ "alg": "RS256", "kid": "k".repeat(10 << 10) }).to_string(), "key_unknown"),
        (&*json!({ "alg": "RS256", "kid": "k".repeat(30 << 10) }).to_string(), "token_too_large"),
    ];
    for (header, code) in rows {
        let token = forge::signed(&world, header, &world.claims().to_string());
        refused(&world, code, &token, code).await;
    }
    let escaped = r#"{"alg":"RS256","kid":"ci\u002d1"}"#;
    let token = forge::signed(&world, escaped, &world.claims().to_string());
    admitted(&world, "an escape is the same text", &token).await;
    assert!(trap.accept().is_err(), "the trap was called");
    assert!(!world.log().contains(['\u{1b}', '\u{2028}', '\r']), "{}", world.log());
    world.close().await;
}

#[tokio::test]
async fn a_header_is_one_strict_json_object() {
    let world = World::start().await;
    let deep = format!(
        r#"{{"alg":"RS256","kid":"ci-1","x":{}1{}}}"#,
        "[".repeat(1_000),
        "]".repeat(1_000)
    );
    let utf_16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows: [(&str, &[u8]); 21] = [
        ("alg twice", br#"{"alg":"RS256","alg":"RS256","kid":"ci-1"}"#),
        ("alg twice, one none", br#"{"alg":"none","alg":"RS256","kid":"ci-1"}"#),
        ("kid twice", br#"{"alg":"RS256","kid":"ci-1","kid":"ci-1"}"#),
        ("crit twice", br#"{"alg":"RS256","kid":"ci-1","crit":["a"],"crit":["a"]}"#),
        ("alg twice by escape", br#"{"alg":"RS256","\u0061lg":"RS256","kid":"ci-1"}"#),
        ("twice, deep inside", br#"{"alg":"RS256","kid":"ci-1","x":{"a":1,"a":1}}"#),
        ("no JSON", b"RS256"),
        ("an array", br#"["RS256"]"#),
        ("a string", br#""RS256""#),
        ("null", b"null"),
        ("an empty object", b"{}"),
        ("a byte order mark", b"\xef\xbb\xbf{\"alg\":\"RS256\",\"kid\":\"ci-1\"}"),
        ("UTF-16", &utf_16),
        ("bytes that are no text", b"{\"alg\":\"RS256\",\"kid\":\"ci-1\xff\"}"),
        ("overlong UTF-8", b"{\"alg\":\"RS256\",\"kid\":\"ci\xc0\xad1\"}"),
        ("a lone surrogate", br#"{"alg":"RS256","kid":"\ud800"}"#),
        ("bytes behind", br#"{"alg":"RS256","kid":"ci-1"}{"alg":"none"}"#),
        ("a comment", br#"{"alg":"RS256","kid":"ci-1"/**/}"#),
        ("a comma too many", br#"{"alg":"RS256","kid":"ci-1",}"#),
        ("single quotes", b"{'alg':'RS256','kid':'ci-1'}"),
        ("depth 1,000", deep.as_bytes()),
    ];
    for (what, header) in rows {
        let claims = world.claims().to_string();
        let token = jwt::encode_raw(header, claims.as_bytes(), &world.issuer.key());
        refused(&world, what, &token, "token_malformed").await;
    }
    world.close().await;
}

const HEADER: &str = forge::HEADER;

/// A good token whose header has one more member, or another value of one.
fn with_member(world: &World, member: &str, value: Value) -> String {
    let mut header: Value = serde_json::from_str(HEADER).unwrap();
    header[member] = value;
    forge::signed(world, &header.to_string(), &world.claims().to_string())
}
