//! Who is calling: turns a compact JWT into a [`VerifiedToken`].
//!
//! In: an [`IdToken`], which nobody believes. Out: claims whose form, algorithm, header, issuer,
//! key, signature, times and audience were checked, in this order; nothing after a failure runs.
//!
//! The room never asks who may do what (that is `trust`), and opens no connection that a token
//! names: `iss` is read before the signature is checked, but only to look it up among the
//! configured issuers.
//!
//! RFC 7515 (JWS), RFC 7517 (JWK), RFC 7519 (JWT), RFC 8725 (JWT best practice),
//! OpenID Connect Discovery 1.0.

mod algorithm;
mod claims;
mod discovery;
mod document;
mod fetch;
mod header;
mod id_token;
mod inspection;
mod issuer;
mod json;
mod jwks;
mod key_store;
mod own_claims;
mod payload;
mod svid;
mod times;
mod trusted;
mod verified_token;
mod verifier;

pub use algorithm::Algorithm;
pub use claims::{ClaimAddress, Claims, ClaimsError, End};
pub use document::DocumentFault;
pub(crate) use document::read_document;
pub use id_token::{Fingerprint, IdToken, IdTokenError};
pub use inspection::{Check, CheckOutcome, Inspection, Keys};
pub use issuer::{Issuer, KeySource, Replay, TokenKind};
pub use json::{Json, Members, Text};
pub use jwks::{KeySet, KeySetError};
pub use key_store::{KeyStatus, KeyStore};
pub(crate) use own_claims::{OwnClaims, own_claims};
pub use verified_token::{SingleUse, VerifiedToken};
pub use verifier::{Rejected, Verifier, VerifyError};
