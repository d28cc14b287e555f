//! A key set document (RFC 7517 5): parsed leniently key by key, used strictly.
//!
//! A key that is of another use, too weak, off its curve or simply odd is left out and spoils
//! nothing; a document that is no key set is refused whole, so that it never replaces a good one.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::document::{DocumentFault, read_document};
use super::header::Header;
use super::id_token::IdToken;
use super::issuer::TokenKind;
use super::verifier::VerifyError;
use crate::limits;

/// The usable public keys of an issuer.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    /// SHA-256 of the document.
    digest: Vec<u8>,
}

/// Why a document is no key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Not UTF-8, or not JSON with an array `keys`.
    #[error("the document is not a JSON Web Key Set")]
    Form(#[source] DocumentFault),
    /// No key in it can be used.
    #[error("none of its {count} keys can be used to verify signatures")]
    Empty {
        /// Keys in the document.
        count: usize,
    },
}

/// Which key verifies a token.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    One(&'a Key),
    None,
    Several,
}

/// One public key.
pub(super) struct Key {
    id: Option<String>,
    /// Ready for use: setting a key up for each token was a fifth of what refusing a forged one costs.
    prepared: Vec<(Algorithm, ParsedPublicKey)>,
}

impl KeySet {
    /// Reads a document.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        Self::parse_for(document, TokenKind::IdToken)
    }

    /// Reads a document with keys for this kind of token.
    pub fn parse_for(document: &[u8], kind: TokenKind) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let digest = digest(&SHA256, document).as_ref().to_vec();
        let document: Document<'_> = read_document(document).map_err(KeySetError::Form)?;
        let usable = document.keys.iter().take(limits::JWKS_KEYS);
        let keys: Vec<Key> = usable.filter_map(|key| Key::parse(key.get(), kind)).collect();
        if keys.is_empty() {
            return Err(KeySetError::Empty { count: document.keys.len() });
        }
        Ok(Self { keys, digest })
    }

    /// Whether one of these keys signed the token. Its form and its header are checked too, but
    /// nothing of what it claims: this alone lets nobody in.
    pub fn verifies(&self, token: &IdToken) -> Result<(), VerifyError> {
        let header = token.header_json().ok_or(VerifyError::Malformed)?;
        token.payload_json().ok_or(VerifyError::Malformed)?;
        let header = Header::parse(&header)?;
        header.check(TokenKind::IdToken)?;
        let (input, signature) = token.signed().ok_or(VerifyError::Malformed)?;
        match self.choose(header.key_id.as_deref(), header.algorithm) {
            Choice::One(key) if key.verifies(header.algorithm, input, signature) => Ok(()),
            Choice::One(_) => Err(VerifyError::Signature),
            Choice::Several => Err(VerifyError::KeyAmbiguous),
            Choice::None => {
                let key_id = header.key_id.as_deref().unwrap_or_default().to_owned();
                Err(VerifyError::KeyUnknown { key_id })
            }
        }
    }

    /// True if both were read from the same bytes.
    pub(super) fn is_same_document(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key for a token. Without a key id only if exactly one key fits; two usable keys of one
    /// id are ambiguous: trying several would let a token choose.
    pub(super) fn choose(&self, key_id: Option<&str>, algorithm: Algorithm) -> Choice<'_> {
        let mut fitting = self.keys.iter().filter(|key| {
            key.fits(algorithm) && key_id.is_none_or(|id| key.id.as_deref() == Some(id))
        });
        match (fitting.next(), fitting.next()) {
            (None, _) => Choice::None,
            (Some(key), None) => Choice::One(key),
            (Some(_), Some(_)) => Choice::Several,
        }
    }
}

impl Key {
    /// One member of `keys`; `None` if it can't be used to verify ID tokens.
    fn parse(json: &str, kind: TokenKind) -> Option<Self> {
        let jwk: Jwk = read_document(json.as_bytes()).ok()?;
        // A SPIFFE bundle also has keys of X.509; a discovery provider marks its keys as others do.
        let is_use = |used_for| match kind {
            TokenKind::IdToken => used_for == "sig",
            TokenKind::JwtSvid => used_for == "jwt-svid" || used_for == "sig",
        };
        let is_for_signatures = jwk.r#use.as_deref().is_none_or(is_use)
            && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        // A published private key is nobody's secret any more: it proves nothing.
        if !is_for_signatures || jwk.d.is_some() || jwk.k.is_some() {
            return None;
        }
        let algorithm = match &jwk.alg {
            Some(name) => Some(Algorithm::from_name(name)?),
            None => None,
        };
        let mut prepared = jwk.prepare()?;
        if let Some(own) = algorithm {
            prepared.retain(|(algorithm, _)| *algorithm == own);
        }
        (!prepared.is_empty()).then_some(Self { id: jwk.kid, prepared })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.prepared_for(algorithm).is_some()
    }

    fn prepared_for(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let mut prepared = self.prepared.iter();
        prepared.find(|(of, _)| *of == algorithm).map(|(_, key)| key)
    }

    /// Checks a signature over `input`, in base64url without padding (RFC 7515 3).
    pub(super) fn verifies(&self, algorithm: Algorithm, input: &[u8], signature: &str) -> bool {
        let (Some(key), Some(signature)) = (self.prepared_for(algorithm), decode(signature)) else {
            return false;
        };
        key.verify_sig(input, &signature).is_ok()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.prepared.iter().map(|(of, _)| of).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A key as published (RFC 7517 4, RFC 7518 6, RFC 8037 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    // Private members, of which only the presence counts.
    d: Option<serde::de::IgnoredAny>,
    k: Option<serde::de::IgnoredAny>,
}

impl Jwk {
    /// The key for each algorithm that it is good for.
    fn prepare(&self) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => self.prepare_rsa(),
            ("EC", Some("P-256")) => {
                let point = self.point(32)?;
                prepared(Algorithm::Es256, &signature::ECDSA_P256_SHA256_FIXED, &point)
            }
            ("EC", Some("P-384")) => {
                let point = self.point(48)?;
                prepared(Algorithm::Es384, &signature::ECDSA_P384_SHA384_FIXED, &point)
            }
            ("OKP", Some("Ed25519")) => {
                let x = decode(self.x.as_deref()?)?;
                prepared(Algorithm::EdDsa, &signature::ED25519, &x)
            }
            _ => None,
        }
    }

    /// 2048 to 8192 bits; an odd exponent from 3 to 2^32.
    fn prepare_rsa(&self) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
        let n = decode(self.n.as_deref()?)?;
        let e = decode(self.e.as_deref()?)?;
        // Jenkins publishes a leading zero octet, which RFC 7518 6.3.1.1 forbids; it is harmless.
        let (n, e) = (without_leading_zeros(&n), without_leading_zeros(&e));
        let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
        let is_odd = e.last()? % 2 == 1;
        let is_in_range = e.len() <= 4 && e != [1];
        if !((2048..=8192).contains(&bits) && is_odd && is_in_range) {
            return None;
        }
        let key = RsaPublicKeyComponents { n, e };
        let prepared =
            |(algorithm, parameters)| Some((algorithm, key.to_parsed_public_key(parameters).ok()?));
        RSA.into_iter().map(prepared).collect()
    }

    /// A point with coordinates of full length (RFC 7518 6.2.1.2), uncompressed (SEC 1 2.3.3).
    fn point(&self, length: usize) -> Option<Vec<u8>> {
        let (x, y) = (decode(self.x.as_deref()?)?, decode(self.y.as_deref()?)?);
        (x.len() == length && y.len() == length).then(|| [&[4], &*x, &*y].concat())
    }
}

/// Every algorithm that an RSA key is good for.
const RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::Rs256, &signature::RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::Rs384, &signature::RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Rs512, &signature::RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::Ps256, &signature::RSA_PSS_2048_8192_SHA256),
    (Algorithm::Ps384, &signature::RSA_PSS_2048_8192_SHA384),
    (Algorithm::Ps512, &signature::RSA_PSS_2048_8192_SHA512),
];

/// A key that is good for one algorithm; `None` if it is no point on its curve.
fn prepared(
    algorithm: Algorithm,
    verification: &'static dyn VerificationAlgorithm,
    key: &[u8],
) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
    Some(vec![(algorithm, ParsedPublicKey::new(verification, key).ok()?)])
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn without_leading_zeros(mut bytes: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests;
