//! Signing keys of the pretend issuer and the pretend server, made by `aws-lc-rs`.
//!
//! Generating an RSA key takes tens of milliseconds, so keys that need not be secret from each
//! other are shared per process ([`SigningKey::shared`]); only what must differ is generated.

mod lease;
mod material;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

pub(crate) use lease::KeyLease;
use material::Material;

/// A JWS algorithm that the props can sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of RFC 7518 and RFC 8037 speak for themselves")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, for tests that go through all of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The `alg` value of a JWS header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A private key with the id that it is published under. Cloning is cheap.
#[derive(Clone)]
pub struct SigningKey {
    kid: Arc<str>,
    algorithm: Algorithm,
    material: Arc<Material>,
}

impl SigningKey {
    /// A new key that nobody else has.
    pub fn generate(algorithm: Algorithm, kid: &str) -> Self {
        Self { kid: kid.into(), algorithm, material: Arc::new(Material::generate(algorithm)) }
    }

    /// The process's one key for this algorithm, generated at first use.
    ///
    /// No issuer started by [`Issuer::start`](crate::Issuer::start) signs with it, so it also
    /// serves as "somebody else's key".
    pub fn shared(algorithm: Algorithm) -> Self {
        static SHARED: [OnceLock<SigningKey>; Algorithm::ALL.len()] =
            [const { OnceLock::new() }; Algorithm::ALL.len()];

        SHARED
            .get(algorithm as usize)
            .expect("there is one slot for each algorithm")
            .get_or_init(|| Self::generate(algorithm, &format!("shared-{algorithm}")))
            .clone()
    }

    /// The same key under another id.
    #[must_use]
    pub fn with_kid(&self, kid: &str) -> Self {
        Self { kid: kid.into(), ..self.clone() }
    }

    /// The same RSA key used with another RSA algorithm.
    ///
    /// # Panics
    /// When the key's type cannot sign with it.
    #[must_use]
    pub fn with_algorithm(&self, algorithm: Algorithm) -> Self {
        assert!(
            self.material.can_sign(algorithm),
            "a key for {} cannot sign {algorithm}",
            self.algorithm
        );
        Self { algorithm, ..self.clone() }
    }

    /// The key id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a JWK with `kty`, `kid`, `alg`, `use` and the key's parameters.
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.material.public_parameters();
        let members = jwk.as_object_mut().expect("a JWK is a JSON object");
        members.insert("kid".into(), self.kid().into());
        members.insert("alg".into(), self.algorithm.name().into());
        members.insert("use".into(), "sig".into());
        jwk
    }

    /// Signs in JOSE form: ECDSA as raw `r || s`, `EdDSA` as the raw 64 bytes.
    pub fn sign(&self, signing_input: &[u8]) -> Vec<u8> {
        self.material.sign(self.algorithm, signing_input)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;

    use super::*;
    use crate::jwt;

    fn verifies(key: &SigningKey, published: Value) -> bool {
        let token = jwt::encode(
            &serde_json::json!({"alg": key.algorithm().name(), "kid": key.kid()}),
            &serde_json::json!({"sub": "anybody"}),
            key,
        );
        let (message, signature) = token.rsplit_once('.').unwrap();
        let jwk: Jwk = serde_json::from_value(published).unwrap();
        let decoding = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let algorithm = key.algorithm().name().parse().unwrap();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &decoding, algorithm).unwrap()
    }

    #[test]
    fn every_algorithm_verifies_from_its_published_key() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::shared(algorithm).with_kid("k");

            assert!(verifies(&key, key.public_jwk()), "{algorithm}");
        }
    }

    #[test]
    fn another_key_of_the_same_type_does_not_verify() {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            let key = SigningKey::generate(algorithm, "k");

            let other = SigningKey::shared(algorithm).public_jwk();
            assert!(!verifies(&key, other), "{algorithm}");
        }
    }

    #[test]
    fn jwk_names_its_use_and_carries_no_private_part() {
        let jwk = SigningKey::shared(Algorithm::Rs256).with_kid("ci-1").public_jwk();

        let members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(jwk["e"], "AQAB");
        assert_eq!(jwk["kid"], "ci-1");
    }

    #[test]
    fn shared_is_one_key_per_process() {
        let first = SigningKey::shared(Algorithm::Es384);

        assert_eq!(first.public_jwk(), SigningKey::shared(Algorithm::Es384).public_jwk());
    }
}
