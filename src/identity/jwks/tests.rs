use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A modulus of `bits` bits: any odd number will do, since nothing is verified here.
fn rsa(bits: usize, exponent: &[u8]) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    if !bits.is_multiple_of(8) {
        modulus[0] = (1 << (bits % 8)) - 1;
    }
    json!({ "kty": "RSA", "kid": "a", "n": b64(&modulus), "e": b64(exponent) })
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    key[member] = value;
    key
}

fn p256() -> Value {
    // RFC 7517 A.1
    json!({ "kty": "EC", "crv": "P-256", "kid": "ec",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" })
}

#[test]
fn keys_that_cannot_be_trusted_are_left_out() {
    let good = || rsa(2048, &[1, 0, 1]);
    let rows = [
        ("a plain RSA key", good(), true),
        (
            "a leading zero octet",
            {
                let mut modulus = vec![0];
                modulus.extend([0xff; 256]);
                with(good(), "n", json!(b64(&modulus)))
            },
            true,
        ),
        ("8192 bits", rsa(8192, &[1, 0, 1]), true),
        ("8200 bits", rsa(8200, &[1, 0, 1]), false),
        ("2047 bits", rsa(2047, &[1, 0, 1]), false),
        ("512 bits", rsa(512, &[1, 0, 1]), false),
        ("exponent 3", rsa(2048, &[3]), true),
        ("exponent 1", rsa(2048, &[1]), false),
        ("an even exponent", rsa(2048, &[1, 0, 0]), false),
        ("an exponent of 64 bytes", rsa(2048, &[1; 64]), false),
        ("no exponent", with(good(), "e", json!("")), false),
        ("use sig", with(good(), "use", json!("sig")), true),
        ("use enc", with(good(), "use", json!("enc")), false),
        ("key_ops verify", with(good(), "key_ops", json!(["verify"])), true),
        ("key_ops encrypt", with(good(), "key_ops", json!(["encrypt"])), false),
        ("alg RSA-OAEP", with(good(), "alg", json!("RSA-OAEP")), false),
        ("alg of another kind", with(good(), "alg", json!("ES256")), false),
        ("a private key", with(good(), "d", json!("AQAB")), false),
        ("a key id that is a number", with(good(), "kid", json!(7)), false),
        ("padding in the modulus", with(good(), "n", json!("AQAB==")), false),
        ("a symmetric key", json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0" }), false),
        ("a P-256 point", p256(), true),
        ("a point off the curve", with(p256(), "y", p256()["x"].clone()), false),
        ("a short coordinate", with(p256(), "x", json!(b64(&[1; 31]))), false),
        ("another curve's name", with(p256(), "crv", json!("P-384")), false),
        ("an unknown curve", with(p256(), "crv", json!("secp256k1")), false),
        ("an Ed25519 key", json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&[7; 32]) }), true),
        ("an Ed448 key", json!({ "kty": "OKP", "crv": "Ed448", "x": b64(&[7; 57]) }), false),
        ("an unknown type", json!({ "kty": "AKP", "alg": "ML-DSA-44" }), false),
        ("null", Value::Null, false),
    ];
    for (what, key, is_taken) in rows {
        let document = json!({ "keys": [key, p256()] }).to_string();
        let taken = KeySet::parse(document.as_bytes()).unwrap().len();
        assert_eq!(taken, if is_taken { 2 } else { 1 }, "{what}");
    }
}

#[test]
fn a_document_without_a_usable_key_is_refused() {
    for document in ["", "<html>", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1]}"] {
        assert!(KeySet::parse(document.as_bytes()).is_err(), "{document}");
    }
    let members = json!(["RSA", null, null, null, null, rsa(2048, &[3])["n"], "Aw"]);
    for document in [json!([[rsa(2048, &[3])]]), json!({ "keys": [members] })] {
        assert!(KeySet::parse(document.to_string().as_bytes()).is_err(), "{document}");
    }
}

#[test]
fn keys_beyond_the_bound_are_left_out() {
    let keys: Vec<Value> = (0..150).map(|_| p256()).collect();

    let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();

    assert_eq!(set.len(), limits::JWKS_KEYS);
}

#[test]
fn a_token_chooses_one_key_or_none() {
    let first = rsa(2048, &[1, 0, 1]);
    let bound = with(with(rsa(3072, &[1, 0, 1]), "kid", json!("b")), "alg", json!("RS256"));
    let set = |keys: Value| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    let both = set(json!([first, bound, p256()]));
    let twice = set(json!([first, first]));

    assert!(matches!(both.choose(Some("a"), Algorithm::Rs256), Choice::One(_)));
    assert!(matches!(both.choose(Some("a"), Algorithm::Ps384), Choice::One(_)));
    assert!(matches!(both.choose(Some("b"), Algorithm::Rs256), Choice::One(_)));
    assert!(matches!(both.choose(Some("b"), Algorithm::Ps256), Choice::None), "bound to RS256");
    assert!(matches!(both.choose(Some("a"), Algorithm::Es256), Choice::None), "another kind");
    assert!(matches!(both.choose(Some("c"), Algorithm::Rs256), Choice::None));
    assert!(matches!(both.choose(None, Algorithm::Es256), Choice::One(_)));
    assert!(matches!(both.choose(None, Algorithm::Rs256), Choice::Several));
    assert!(matches!(twice.choose(Some("a"), Algorithm::Rs256), Choice::Several));
}
