//! Signatures on elliptic curves whose numbers are not what they should be.

use emulator::{Algorithm, SigningKey, jwt};
use serde_json::json;

use crate::forge::{refused, signing_input};
use crate::world::{Settings, World};

/// The order of P-256 (SEC 2, 2.4.2).
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of Ed25519's group, the least byte first (RFC 8032 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[tokio::test]
async fn an_ecdsa_signature_is_two_numbers_of_the_group_in_64_bytes() {
    let key = SigningKey::shared(Algorithm::Es256);
    let world = world_with(&key).await;
    let input = signing_input(&world, &header(&key));
    let good = key.sign(input.as_bytes());
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    let mut above = N;
    above[31] += 1;
    let rows: [(&str, Vec<u8>); 17] = [
        ("both zero", [zero, zero].concat()),
        ("r zero", [&zero, s].concat()),
        ("s zero", [r, &zero].concat()),
        ("r the order", [&N, s].concat()),
        ("s the order", [r, &N].concat()),
        ("both the order", [N, N].concat()),
        ("r above the order", [&above, s].concat()),
        ("s above the order", [r, &above].concat()),
        ("r and s one", [one(), one()].concat()),
        ("r all ones", [&[0xff; 32], s].concat()),
        ("swapped", [s, r].concat()),
        ("DER", der_pair(r, s)),
        ("63 bytes", good[..63].to_vec()),
        ("65 bytes", [&good[..], &[0]].concat()),
        ("66 bytes, a zero before each", [&[0], r, &[0], s].concat()),
        ("r alone", r.to_vec()),
        ("96 bytes, as of P-384", [&good[..], &zero].concat()),
    ];
    for (what, signature) in rows {
        let token = format!("{input}.{}", jwt::b64(&signature));
        refused(&world, what, &token, "signature_invalid").await;
    }
    world.close().await;
}

/// B-020: both signatures are good by the mathematics, so no uniqueness may rest on token bytes.
#[tokio::test]
async fn the_twin_of_an_ecdsa_signature_is_the_same_identity() {
    let key = SigningKey::shared(Algorithm::Es256);
    let world = world_with(&key).await;
    let input = signing_input(&world, &header(&key));
    let good = key.sign(input.as_bytes());
    let (r, s) = good.split_at(32);
    let twin = [r, &difference(&N, s)].concat();

    for signature in [good.clone(), twin] {
        let token = world.keep_secret(format!("{input}.{}", jwt::b64(&signature)));
        world.get("/api/users/me").bearer(&token).ok().await;
    }

    assert_eq!(world.octopus.exchanges(), 1, "one identity, one access token");
    world.close().await;
}

#[tokio::test]
async fn an_eddsa_signature_has_one_form() {
    let key = SigningKey::shared(Algorithm::EdDsa);
    let world = world_with(&key).await;
    let input = signing_input(&world, &header(&key));
    let good = key.sign(input.as_bytes());
    let (r, s) = good.split_at(32);
    let identity = one_first();
    let mut beyond = [0xff; 32];
    (beyond[0], beyond[31]) = (0xee, 0x7f);
    let rows = [
        ("S + L", [r, &sum(s, &L)].concat()),
        ("S zero", [r, &[0; 32]].concat()),
        ("S the order", [r, &L].concat()),
        ("the high bits of S set", [r, &s[..31], &[s[31] | 0xe0]].concat()),
        ("R the identity, S zero", [identity, [0; 32]].concat()),
        ("R the identity", [&identity, s].concat()),
        ("R of order two", [&[0xec; 1][..], &[0xff; 30], &[0x7f], s].concat()),
        ("R zero", [&[0; 32], s].concat()),
        ("R not canonical", [&beyond, s].concat()),
        ("the sign of R flipped", [&r[..31], &[r[31] ^ 0x80], s].concat()),
        ("63 bytes", good[..63].to_vec()),
        ("65 bytes", [&good[..], &[0]].concat()),
        ("swapped", [s, r].concat()),
    ];
    for (what, signature) in rows {
        let token = format!("{input}.{}", jwt::b64(&signature));
        refused(&world, what, &token, "signature_invalid").await;
    }

    let token = world.keep_secret(format!("{input}.{}", jwt::b64(&good)));
    world.get("/api/users/me").bearer(&token).ok().await;
    world.close().await;
}

async fn world_with(key: &SigningKey) -> World {
    let mut world = World::without_broker().await;
    world.issuer.set_keys(vec![key.clone()]);
    let mut settings = Settings::of(&world);
    let list = format!("algorithms: [{}]", key.algorithm());
    settings.issuers = settings.issuers.replace("algorithms: [RS256]", &list);
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    world
}

fn header(key: &SigningKey) -> String {
    json!({ "alg": key.algorithm().name(), "kid": key.kid(), "typ": "JWT" }).to_string()
}

fn one() -> [u8; 32] {
    let mut one = [0; 32];
    one[31] = 1;
    one
}

fn one_first() -> [u8; 32] {
    let mut one = one();
    one.reverse();
    one
}

/// `SEQUENCE { INTEGER r, INTEGER s }`
fn der_pair(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let sign = usize::from(number[0] >= 0x80);
        let length = u8::try_from(number.len() + sign).unwrap();
        [&[2, length][..], &[0][..sign], number].concat()
    };
    let content = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()][..], &content].concat()
}

/// `a - b`, the greatest byte first.
fn difference(a: &[u8; 32], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = Vec::new();
    for (a, b) in a.iter().zip(b).rev() {
        let digit = i16::from(*a) - i16::from(*b) - borrow;
        borrow = i16::from(digit < 0);
        difference.push(digit.to_le_bytes()[0]);
    }
    difference.reverse();
    difference
}

/// `a + b`, the least byte first; the last carry is lost.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let digits = a.iter().zip(b).map(|(a, b)| {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        carry = digit >> 8;
        digit.to_le_bytes()[0]
    });
    digits.collect()
}
