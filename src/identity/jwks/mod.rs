//! A key set document (RFC 7517 5): parsed leniently key by key, used strictly.
//!
//! A key that is of another use, too weak, off its curve or simply odd is left out and spoils
//! nothing; a document that is no key set is refused whole, so that it never replaces a good one.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::algorithm::{Algorithm, KeyKind};
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

/// One public key, ready for use.
pub(super) struct Key {
    id: Option<String>,
    kind: KeyKind,
    algorithm: Option<Algorithm>,
    prepared: DecodingKey,
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
                Err(VerifyError::KeyUnknown { key_id: header.key_id.unwrap_or_default() })
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
        let (kind, prepared) = jwk.prepare()?;
        if algorithm.is_some_and(|algorithm| algorithm.key_kind() != kind) {
            return None;
        }
        Some(Self { id: jwk.kid, kind, algorithm, prepared })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind == algorithm.key_kind() && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Checks a signature over `input`.
    pub(super) fn verifies(&self, algorithm: Algorithm, input: &[u8], signature: &str) -> bool {
        let algorithm = algorithm.in_jsonwebtoken();
        jsonwebtoken::crypto::verify(signature, input, &self.prepared, algorithm).unwrap_or(false)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("kind", &self.kind)
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
    fn prepare(&self) -> Option<(KeyKind, DecodingKey)> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some((KeyKind::Rsa, self.prepare_rsa()?)),
            ("EC", Some("P-256")) => {
                Some((KeyKind::P256, self.prepare_ec(32, &ECDSA_P256_SHA256_FIXED)?))
            }
            ("EC", Some("P-384")) => {
                Some((KeyKind::P384, self.prepare_ec(48, &ECDSA_P384_SHA384_FIXED)?))
            }
            ("OKP", Some("Ed25519")) => {
                let x = decode(self.x.as_deref()?)?;
                (x.len() == 32).then(|| (KeyKind::Ed25519, DecodingKey::from_ed_der(&x)))
            }
            _ => None,
        }
    }

    /// 2048 to 8192 bits; an odd exponent from 3 to 2^32.
    fn prepare_rsa(&self) -> Option<DecodingKey> {
        let n = decode(self.n.as_deref()?)?;
        let e = decode(self.e.as_deref()?)?;
        // Jenkins publishes a leading zero octet, which RFC 7518 6.3.1.1 forbids; it is harmless.
        let (n, e) = (without_leading_zeros(&n), without_leading_zeros(&e));
        let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
        let is_odd = e.last()? % 2 == 1;
        let is_in_range = e.len() <= 4 && e != [1];
        ((2048..=8192).contains(&bits) && is_odd && is_in_range)
            .then(|| DecodingKey::from_rsa_raw_components(n, e))
    }

    /// A point on the curve, its coordinates at full length (RFC 7518 6.2.1.2).
    fn prepare_ec(
        &self,
        length: usize,
        algorithm: &'static dyn VerificationAlgorithm,
    ) -> Option<DecodingKey> {
        let (x, y) = (self.x.as_deref()?, self.y.as_deref()?);
        let (x_bytes, y_bytes) = (decode(x)?, decode(y)?);
        if x_bytes.len() != length || y_bytes.len() != length {
            return None;
        }
        let point = [&[4], x_bytes.as_slice(), y_bytes.as_slice()].concat();
        ParsedPublicKey::new(algorithm, point).ok()?;
        DecodingKey::from_ec_components(x, y).ok()
    }
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
