//! The algorithm is the operator's choice: what is not configured is refused by name, whatever the
//! signature is worth.

use aws_lc_rs::hmac;
use emulator::{Algorithm, SigningKey, jwt};
use serde_json::json;

use crate::forge::{self, admitted, judged, refused, signing_input};
use crate::tokens::{decoded, parts};
use crate::world::{Settings, World};

#[tokio::test]
async fn each_algorithm_passes_where_it_is_configured_and_nowhere_else() {
    let keys = Algorithm::ALL.map(|algorithm| match algorithm {
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => SigningKey::shared(algorithm),
        rsa => SigningKey::shared(Algorithm::Rs256).with_algorithm(rsa).with_kid(rsa.name()),
    });
    for configured in Algorithm::ALL {
        let world = world_with(&[configured.name()], &keys).await;
        for key in keys.iter().filter(|key| key.algorithm() != configured) {
            let token = world.keep_secret(world.issuer.mint_with(key, &world.claims()));
            let what = format!("{} where {configured} is configured", key.algorithm());
            refused(&world, &what, &token, "algorithm_refused").await;
        }

        let key = keys.iter().find(|key| key.algorithm() == configured).unwrap();
        let token = world.keep_secret(world.issuer.mint_with(key, &world.claims()));
        world.get("/api/users/me").bearer(&token).ok().await;
        world.close().await;
    }
}

#[tokio::test]
async fn all_algorithms_pass_beside_each_other() {
    let all = Algorithm::ALL.map(Algorithm::name);
    let keys = Algorithm::ALL.map(SigningKey::shared);
    let world = world_with(&all, &keys).await;
    for key in &keys {
        let token = world.keep_secret(world.issuer.mint_with(key, &world.claims()));
        world.get("/api/users/me").bearer(&token).ok().await;
    }

    // RFC 9864's name for EdDSA, which the emulated Octopus does not know.
    let header = json!({ "alg": "Ed25519", "kid": "shared-EdDSA" }).to_string();
    let key = SigningKey::shared(Algorithm::EdDsa);
    let token = forge::signed_with(&world, &key, &header, &world.claims().to_string());
    admitted(&world, "Ed25519", &token).await;
    world.close().await;
}

#[tokio::test]
async fn no_spelling_of_none_is_an_algorithm() {
    let world = World::start().await;
    for name in ["none", "None", "NONE", "noNe", "nOnE", "", "null", "none ", "\\u006eone"] {
        let input = signing_input(&world, &format!(r#"{{"alg":"{name}","kid":"ci-1"}}"#));
        let [_, _, good] = parts(&world.job());

        refused(&world, name, &format!("{input}.{good}"), "algorithm_refused").await;
        refused(&world, name, &format!("{input}.AA"), "algorithm_refused").await;
        // Without a signature it is no token at all, and the form is looked at first.
        refused(&world, name, &format!("{input}."), "token_malformed").await;
        refused(&world, name, &input, "token_malformed").await;
    }
    world.close().await;
}

#[tokio::test]
async fn an_algorithm_is_a_name_of_the_list_and_nothing_like_it() {
    let world = World::start().await;
    let rows = [
        (r#"{"kid":"ci-1"}"#, "token_malformed"),
        (r#"{"alg":null,"kid":"ci-1"}"#, "token_malformed"),
        (r#"{"alg":256,"kid":"ci-1"}"#, "token_malformed"),
        (r#"{"alg":["RS256"],"kid":"ci-1"}"#, "token_malformed"),
        (r#"{"alg":{"RS256":1},"kid":"ci-1"}"#, "token_malformed"),
        (r#"{"alg":true,"kid":"ci-1"}"#, "token_malformed"),
        (r#"{"ALG":"RS256","kid":"ci-1"}"#, "token_malformed"),
        (r#"{"alg":"rs256","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"Rs256","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"RS256 ","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":" RS256","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"RS256\u0000","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"RS256,none","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"RS1","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"RS384","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"PS256","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"ES256","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"ES256K","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"ES512","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"EdDSA","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"Ed25519","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"Ed448","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"ML-DSA-44","kid":"ci-1"}"#, "algorithm_refused"),
        (r#"{"alg":"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"}"#, "algorithm_refused"),
    ];
    for (header, code) in rows {
        let token = forge::signed(&world, header, &world.claims().to_string());
        refused(&world, header, &token, code).await;
    }
    world.close().await;
}

#[tokio::test]
async fn a_public_key_is_no_hmac_secret_in_any_shape() {
    let world = World::start().await;
    let key = world.issuer.key();
    let jwk = key.public_jwk();
    let point = SigningKey::shared(Algorithm::Es256).public_jwk();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (n, e) = (decoded(&text(&jwk["n"])), decoded(&text(&jwk["e"])));
    let pkcs1 = der(0x30, &[der(2, &[&[0], &n[..]].concat()), der(2, &e)].concat());
    let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00".to_vec();
    let spki = der(0x30, &[algorithm, der(3, &[&[0], &pkcs1[..]].concat())].concat());
    let (x, y) = (decoded(&text(&point["x"])), decoded(&text(&point["y"])));
    world.issuer.set_jwks(json!({ "keys": [
        jwk, { "kty": "oct", "kid": "hmac", "alg": "HS256", "k": jwt::b64("secret") },
    ] }));
    let secrets = [
        ("PEM", pem("PUBLIC KEY", &spki, "\n")),
        ("PEM without its last line end", pem("PUBLIC KEY", &spki, "\n").trim_end().to_owned()),
        ("PEM with CRLF", pem("PUBLIC KEY", &spki, "\r\n")),
        ("PEM of PKCS#1", pem("RSA PUBLIC KEY", &pkcs1, "\n")),
        ("the JWK", jwk.to_string()),
        ("the JWK, pretty", serde_json::to_string_pretty(&jwk).unwrap()),
        ("the key set", json!({ "keys": [jwk] }).to_string()),
        ("the modulus as text", text(&jwk["n"])),
        ("the key id", "ci-1".to_owned()),
        ("the oct key of the set", "secret".to_owned()),
        ("an empty key", String::new()),
    ];
    let secrets = secrets.map(|(what, secret)| (what, secret.into_bytes()));
    let binary = [
        ("DER", spki),
        ("PKCS#1", pkcs1),
        ("the modulus", n),
        ("an EC point", [&[4], &x[..], &y[..]].concat()),
        ("x alone", x),
    ];
    for (what, secret) in secrets.into_iter().chain(binary) {
        for (name, hash) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
        ] {
            for kid in ["ci-1", "hmac"] {
                let header = json!({ "alg": name, "kid": kid, "typ": "JWT" }).to_string();
                let input = signing_input(&world, &header);
                let tag = hmac::sign(&hmac::Key::new(hash, &secret), input.as_bytes());
                let token = format!("{input}.{}", jwt::b64(tag));
                let line = judged(&world, &token).await;
                assert_eq!(line["code"], "algorithm_refused", "{what} {header}");
                // The same tag under an algorithm that is taken is just a wrong signature.
                let input = signing_input(&world, forge::HEADER);
                let tag = hmac::sign(&hmac::Key::new(hash, &secret), input.as_bytes());
                let line = judged(&world, &format!("{input}.{}", jwt::b64(tag))).await;
                assert_eq!(line["code"], "signature_invalid", "{what} {header}");
            }
        }
    }
    forge::assert_untouched(&world, "HMAC");
    world.close().await;
}

#[tokio::test]
async fn a_key_verifies_only_what_its_kind_and_its_own_algorithm_can() {
    let rsa = SigningKey::shared(Algorithm::Rs256).with_kid("rsa");
    let p256 = SigningKey::shared(Algorithm::Es256).with_kid("p256");
    let p384 = SigningKey::shared(Algorithm::Es384).with_kid("p384");
    let edwards = SigningKey::shared(Algorithm::EdDsa).with_kid("edwards");
    let keys = [&rsa, &p256, &p384, &edwards].map(SigningKey::clone);
    let world = world_with(&["RS256", "PS256", "ES256", "ES384", "EdDSA"], &keys).await;
    let pss = rsa.with_algorithm(Algorithm::Ps256);
    let rows = [
        ("PS256", "rsa", &pss),
        ("ES256", "rsa", &p256),
        ("ES256", "rsa", &rsa),
        ("RS256", "p256", &rsa),
        ("RS256", "p256", &p256),
        ("ES256", "p384", &p384),
        ("ES384", "p256", &p256),
        ("EdDSA", "p256", &edwards),
        ("ES256", "edwards", &p256),
        ("RS256", "edwards", &edwards),
    ];
    for (algorithm, kid, key) in rows {
        let header = json!({ "alg": algorithm, "kid": kid }).to_string();
        let token = forge::signed_with(&world, key, &header, &world.claims().to_string());
        refused(&world, &header, &token, "key_unknown").await;
    }
    let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
    let token = forge::signed_with(&world, &pss, &header, &world.claims().to_string());
    refused(&world, "PSS under the name of PKCS#1", &token, "signature_invalid").await;
    world.close().await;
}

/// A world whose issuer has these keys and may use these algorithms.
async fn world_with(algorithms: &[&str], keys: &[SigningKey]) -> World {
    let mut world = World::without_broker().await;
    world.issuer.set_keys(keys.to_vec());
    let mut settings = Settings::of(&world);
    let list = format!("algorithms: [{}]", algorithms.join(", "));
    settings.issuers = settings.issuers.replace("algorithms: [RS256]", &list);
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    world
}

/// One DER element.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut element = vec![tag];
    match length.to_be_bytes() {
        [.., short] if length < 128 => element.push(short),
        [.., short] if length < 256 => element.extend([0x81, short]),
        [.., high, low] => element.extend([0x82, high, low]),
    }
    element.extend(content);
    element
}

fn pem(label: &str, der: &[u8], line_end: &str) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let lines = lines.join(line_end);
    format!("-----BEGIN {label}-----{line_end}{lines}{line_end}-----END {label}-----{line_end}")
}
