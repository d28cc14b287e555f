//! The private key behind a `SigningKey`, and how each key type signs and is published.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use serde_json::{Value, json};

use super::Algorithm;
use crate::jwt::b64;

/// One private key.
pub(super) enum Material {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Material {
    pub(super) fn generate(algorithm: Algorithm) -> Self {
        const WHY: &str = "the crypto library generates keys";
        match algorithm {
            Algorithm::Es256 => {
                Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(WHY))
            }
            Algorithm::Es384 => {
                Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect(WHY))
            }
            Algorithm::EdDsa => Self::Ed25519(Ed25519KeyPair::generate().expect(WHY)),
            _ => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect(WHY)),
        }
    }

    pub(super) fn can_sign(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa(_) => rsa_encoding(algorithm).is_some(),
            Self::P256(_) => algorithm == Algorithm::Es256,
            Self::P384(_) => algorithm == Algorithm::Es384,
            Self::Ed25519(_) => algorithm == Algorithm::EdDsa,
        }
    }

    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).expect("the algorithm fits the key");
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .expect("an RSA key signs any message");
                signature
            }
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, message).expect("an EC key signs any message").as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The members of the JWK that hold the public key, `kty` among them.
    pub(super) fn public_parameters(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let (modulus, exponent) = rsa_public_numbers(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": b64(modulus), "e": b64(exponent)})
            }
            Self::P256(pair) => ec_parameters("P-256", pair),
            Self::P384(pair) => ec_parameters("P-384", pair),
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key())})
            }
        }
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
    })
}

/// The point is published uncompressed: a byte 4, then both coordinates in full length.
fn ec_parameters(curve: &str, pair: &EcdsaKeyPair) -> Value {
    let (_, point) = pair.public_key().as_ref().split_first().expect("a point is not empty");
    let (x, y) = point.split_at(point.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
}

/// Modulus and exponent of a DER `RSAPublicKey` (RFC 8017, A.1.1: a sequence of two integers).
fn rsa_public_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_element(0x30, der);
    let (modulus, rest) = der_element(0x02, sequence);
    let (exponent, _) = der_element(0x02, rest);
    (without_sign_byte(modulus), without_sign_byte(exponent))
}

/// The content of the first element, which must have this tag, and what follows it.
fn der_element(tag: u8, der: &[u8]) -> (&[u8], &[u8]) {
    let [found, length, rest @ ..] = der else {
        panic!("the DER of an RSA key ended early");
    };
    assert_eq!(*found, tag, "the DER of an RSA key has an unexpected element");
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (size, rest) = rest.split_at(usize::from(*length & 0x7f));
        let length = size.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        (length, rest)
    };
    rest.split_at(length)
}

/// DER puts a zero before a positive number whose first bit is set; a JWK does not.
fn without_sign_byte(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}
