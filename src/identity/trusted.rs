//! What a token says before it is believed, and the issuer that it names with the keys that may
//! make it believed. Shared by whoever verifies and whoever inspects.

use std::sync::Arc;

use super::claims::{Claims, ClaimsError, End};
use super::header::Header;
use super::id_token::IdToken;
use super::issuer::{Issuer, Replay, TokenKind};
use super::jwks::Key;
use super::key_store::KeyStore;
use super::payload::Payload;
use super::verifier::VerifyError;

/// An issuer with its keys.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) issuer: Arc<Issuer>,
    pub(super) keys: Arc<KeyStore>,
}

/// A token's parts, decoded and believed by nobody.
pub(super) struct Reading {
    pub(super) header: Header,
    pub(super) payload: Payload,
}

impl Reading {
    /// Both parts are decoded first: a fault of form comes before the algorithm.
    pub(super) fn of(token: &IdToken) -> Result<Self, VerifyError> {
        let header = token.header_json().ok_or(VerifyError::Malformed)?;
        let payload = token.payload_json().ok_or(VerifyError::Malformed)?;
        Ok(Self { header: Header::parse(&header)?, payload: Payload::of(payload) })
    }

    /// Judges the header, the algorithm first: by the list of the issuer, if that is known.
    pub(super) fn check_header(&self, issuer: Option<&Issuer>) -> Result<(), VerifyError> {
        if issuer.is_some_and(|issuer| !issuer.algorithms.contains(&self.header.algorithm)) {
            return Err(VerifyError::Algorithm);
        }
        self.header.check(issuer.map_or(TokenKind::IdToken, |issuer| issuer.kind))
    }
}

/// The issuer that a payload names, which nobody verified.
pub(super) enum Named<'a> {
    Ours(&'a Trusted),
    Foreign(String),
    Nobody,
}

impl<'a> Named<'a> {
    /// The issuer, if it is among ours.
    pub(super) fn trusted(&self) -> Option<&'a Trusted> {
        if let Self::Ours(trusted) = self { Some(trusted) } else { None }
    }

    pub(super) fn issuer(&self) -> Option<&'a Issuer> {
        self.trusted().map(|trusted| &*trusted.issuer)
    }

    /// The issuer, or what is wrong with the one that is named.
    pub(super) fn known(self) -> Result<&'a Trusted, VerifyError> {
        let fault = "is not there exactly once, as a string";
        match self {
            Self::Ours(trusted) => Ok(trusted),
            Self::Foreign(found) => Err(VerifyError::IssuerUnknown { found }),
            Self::Nobody => Err(VerifyError::Claims(ClaimsError { claim: "iss", fault })),
        }
    }
}

impl Trusted {
    /// Reads the claims of one of its tokens.
    pub(super) fn claims(&self, payload: Payload, end: End) -> Result<Claims, VerifyError> {
        let usual_issuer = match self.issuer.kind {
            TokenKind::IdToken => None,
            TokenKind::JwtSvid => Some(self.issuer.url.as_str()),
        };
        let claims =
            Claims::read(payload.into_json(), usual_issuer, end).map_err(VerifyError::Claims)?;
        if self.issuer.replay == Replay::Once
            && claims.registered.token_id.as_deref().is_none_or(str::is_empty)
        {
            let fault = "is missing, and tells apart tokens that serve once";
            return Err(VerifyError::Claims(ClaimsError { claim: "jti", fault }));
        }
        Ok(claims)
    }

    /// Checks the signature; gives the generation of the key set that it holds with.
    pub(super) async fn verify_signature(
        &self,
        token: &IdToken,
        header: &Header,
    ) -> Result<u64, VerifyError> {
        let (input, signature) = token.signed().ok_or(VerifyError::Malformed)?;
        let key_id = header.key_id.as_deref();
        let check =
            |key: &Key, generation| (key.verifies(header.algorithm, input, signature), generation);
        let (holds, generation) = self.keys.with_key(key_id, header.algorithm, check).await?;
        if holds {
            return Ok(generation);
        }
        // Jenkins gives a new key the id of the old one.
        if self.keys.replaced_after_mismatch(generation).await {
            let (holds, generation) = self.keys.with_key(key_id, header.algorithm, check).await?;
            if holds {
                return Ok(generation);
            }
        }
        Err(VerifyError::Signature)
    }
}
