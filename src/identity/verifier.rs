//! The order of checks that makes a [`VerifiedToken`] of an [`IdToken`].

use std::collections::BTreeSet;
use std::sync::Arc;

use fnv::FnvHashMap;

use super::claims::{Claims, ClaimsError, End};
use super::header::Header;
use super::id_token::{IdToken, IdTokenError};
use super::issuer::{Issuer, TokenKind};
use super::key_store::KeyStore;
use super::payload::Payload;
use super::trusted::{Named, Reading, Trusted};
use super::verified_token::VerifiedToken;
use super::{svid, times};
use crate::clock::Clock;
use crate::telemetry::{Code, Metrics, Verification};

/// A token that is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The operator's name of the issuer that the token claims to be from, if it is configured.
    pub issuer: Option<String>,
    /// Why.
    pub error: VerifyError,
}

/// Why a token is not believed. The sentences are for the operator: some hold values of a token
/// that nobody vouches for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum VerifyError {
    #[error("the token is not a JWS with a JSON header")]
    Malformed,
    #[error("the token is larger than tokens may be")]
    TooLarge,
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    #[error("the token's header holds {member} with a value that is not accepted")]
    Header { member: &'static str },
    #[error("the token's issuer {found:?} is not configured")]
    IssuerUnknown { found: String },
    #[error("the issuer has no key with the id {key_id:?} for the token's algorithm")]
    KeyUnknown { key_id: String },
    #[error("several keys of the issuer fit the token")]
    KeyAmbiguous,
    #[error("the issuer's keys can't be had at the moment")]
    KeysUnavailable,
    #[error("the signature does not hold")]
    Signature,
    #[error("{0}")]
    Claims(ClaimsError),
    #[error("the token expired {seconds} s ago")]
    Expired { seconds: u64 },
    #[error("the token's {claim} is {seconds} s ahead, or behind its exp")]
    NotYetValid { claim: &'static str, seconds: u64 },
    #[error("the token lives longer than tokens of this issuer may")]
    Lifetime,
    #[error("the token was issued too long ago")]
    TooOld,
    #[error("the token's audience {found:?} is not exactly one service account's of this broker")]
    Audience { found: Vec<String> },
}

impl VerifyError {
    /// The word for it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Malformed => Code::TokenMalformed,
            Self::TooLarge => Code::TokenTooLarge,
            Self::Algorithm => Code::AlgorithmRefused,
            Self::Header { .. } => Code::TokenHeaderRefused,
            Self::IssuerUnknown { .. } => Code::IssuerUnknown,
            Self::KeyUnknown { .. } => Code::KeyUnknown,
            Self::KeyAmbiguous => Code::KeyAmbiguous,
            Self::KeysUnavailable => Code::KeysUnavailable,
            Self::Signature => Code::SignatureInvalid,
            Self::Claims(_) => Code::ClaimsInvalid,
            Self::Expired { .. } => Code::TokenExpired,
            Self::NotYetValid { .. } => Code::TokenNotYetValid,
            Self::Lifetime => Code::TokenLifetimeRefused,
            Self::TooOld => Code::TokenTooOld,
            Self::Audience { .. } => Code::AudienceRefused,
        }
    }
}

impl From<IdTokenError> for VerifyError {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::TooLarge => Self::TooLarge,
            IdTokenError::Malformed => Self::Malformed,
        }
    }
}

/// Verifies tokens of a closed set of issuers.
#[derive(Debug)]
pub struct Verifier {
    /// Issuers of ID tokens, by `iss`.
    issuers: FnvHashMap<String, Trusted>,
    /// Issuers of JWT-SVIDs, by `spiffe://` and the trust domain.
    trust_domains: FnvHashMap<String, Trusted>,
    audiences: BTreeSet<Arc<str>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Verifier {
    /// A verifier of tokens that `issuers` signed for one of `audiences`.
    pub fn new(
        issuers: Vec<Issuer>,
        audiences: BTreeSet<String>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let trusted = |issuer: Issuer| {
            let keys = KeyStore::new(&issuer, Arc::clone(&clock), Arc::clone(&metrics));
            let url = issuer.url.clone();
            (url, Trusted { issuer: Arc::new(issuer), keys: Arc::new(keys) })
        };
        let (of_svids, of_id_tokens): (Vec<_>, Vec<_>) =
            issuers.into_iter().partition(|issuer| issuer.kind == TokenKind::JwtSvid);
        Self {
            issuers: of_id_tokens.into_iter().map(trusted).collect(),
            trust_domains: of_svids.into_iter().map(trusted).collect(),
            audiences: audiences.into_iter().map(Arc::from).collect(),
            clock,
            metrics,
        }
    }

    /// The same verifier, with the keys that an earlier one holds of the same issuers.
    #[must_use]
    pub fn keeping(mut self, earlier: &Self) -> Self {
        let ours = self.issuers.iter_mut().chain(&mut self.trust_domains);
        for (url, trusted) in ours {
            let before = earlier.issuers.get(url).or_else(|| earlier.trust_domains.get(url));
            let Some(before) = before else { continue };
            if before.issuer == trusted.issuer {
                // One object, so that what holds an issuer for long does not hold one a reload.
                trusted.issuer = Arc::clone(&before.issuer);
            }
            if trusted.issuer.has_keys_of(&before.issuer) {
                trusted.keys = Arc::clone(&before.keys);
            }
        }
        self
    }

    /// True if a token that was verified once, by this verifier or an earlier one, is one that this
    /// verifier believes, its times and the rotation of its issuer's keys aside: the issuer is what
    /// it was, the audience is still ours, and a key that was written down is still there.
    pub fn still_believes(&self, id_token: &IdToken, token: &VerifiedToken) -> bool {
        let Some(trusted) = self.trusted(token) else { return false };
        let has_pinned_key = || {
            let is_same_set = trusted.keys.generation() == Some(token.key_generation);
            is_same_set || verifies_again(id_token, &trusted.keys).unwrap_or(false)
        };
        let is_still_ours = || {
            let claims = self.claims_of(id_token, token);
            claims.is_some_and(|it| self.audience(&it, &token.issuer) == Ok(&token.audience))
        };
        trusted.issuer == token.issuer
            && is_still_ours()
            && (!trusted.keys.is_pinned() || has_pinned_key())
    }

    /// The issuer of a token that was verified once.
    fn trusted(&self, token: &VerifiedToken) -> Option<&Trusted> {
        let issuers = match token.issuer.kind {
            TokenKind::IdToken => &self.issuers,
            TokenKind::JwtSvid => &self.trust_domains,
        };
        issuers.get(&token.issuer.url)
    }

    /// All claims of a token that was verified once.
    pub fn claims_of(&self, id_token: &IdToken, token: &VerifiedToken) -> Option<Claims> {
        self.trusted(token)?.claims(Payload::of(id_token.payload_json()?), End::Required).ok()
    }

    /// Checks a token, and gives its claims too.
    pub async fn verify(&self, token: &IdToken) -> Result<(VerifiedToken, Claims), Rejected> {
        let mut issuer = None;
        let outcome = self.check(token, &mut issuer).await;
        let verification = match &outcome {
            Ok(_) => Verification::Ok,
            Err(error) => Verification::Refused(error.code()),
        };
        self.metrics.token_verified(issuer, verification);
        let issuer = issuer.map(str::to_owned);
        outcome.map_err(|error| Rejected { issuer, error })
    }

    /// Checks again what may have changed of a token that this verifier has verified. False if the
    /// key set that it was verified with is no longer in use: it is to be verified anew. Fails when
    /// its times no longer hold.
    pub fn still_holds(&self, token: &VerifiedToken) -> Result<bool, Rejected> {
        let in_use = self.trusted(token).and_then(|trusted| trusted.keys.generation());
        if in_use != Some(token.key_generation) {
            return Ok(false);
        }
        let issuer = token.issuer_name();
        match times::check(&token.times, &token.issuer, self.clock.unix_seconds()) {
            Ok(()) => {
                self.metrics.token_verified(Some(issuer), Verification::Cached);
                Ok(true)
            }
            Err(error) => {
                self.metrics.token_verified(Some(issuer), Verification::Refused(error.code()));
                Err(Rejected { issuer: Some(issuer.to_owned()), error })
            }
        }
    }

    /// The checks, in the order of design: header, issuer, key, signature, claims, times, audience.
    async fn check<'a>(
        &'a self,
        token: &IdToken,
        issuer_name: &mut Option<&'a str>,
    ) -> Result<(VerifiedToken, Claims), VerifyError> {
        let reading = Reading::of(token)?;
        let named = self.named(&reading.payload);
        let issuer = named.issuer();
        *issuer_name = issuer.map(|issuer| issuer.name.as_str());
        reading.check_header(issuer)?;
        let trusted = named.known()?;
        let key_generation = trusted.verify_signature(token, &reading.header).await?;
        let claims = trusted.claims(reading.payload, End::Required)?;
        let issuer = Arc::clone(&trusted.issuer);
        times::check(&claims.registered.times, &issuer, self.clock.unix_seconds())?;
        let audience = Arc::clone(self.audience(&claims, &issuer)?);
        let verified = VerifiedToken::new(issuer, audience, &claims.registered, key_generation);
        Ok((verified, claims))
    }

    /// The issuer that `iss` names, byte for byte; else the trust domain in `sub`.
    pub(super) fn named(&self, payload: &Payload) -> Named<'_> {
        let name = payload.unverified_issuer();
        if let Some(trusted) = name.as_ref().and_then(|name| self.issuers.get(&**name)) {
            return Named::Ours(trusted);
        }
        match (self.named_trust_domain(payload), name) {
            (Some(domain), _) => match self.trust_domains.get(&domain) {
                Some(trusted) => Named::Ours(trusted),
                None => Named::Foreign(domain),
            },
            (None, Some(name)) => Named::Foreign(name.into_owned()),
            (None, None) => Named::Nobody,
        }
    }

    /// The trust domain in `sub`, as an issuer is named, if any is configured.
    fn named_trust_domain(&self, payload: &Payload) -> Option<String> {
        if self.trust_domains.is_empty() {
            return None;
        }
        svid::unverified_trust_domain(payload).map(|domain| format!("spiffe://{domain}"))
    }

    /// The one audience of ours; a token that names others beside it could be replayed there, and
    /// theirs here, so it is refused unless the issuer is allowed to.
    pub(super) fn audience(
        &self,
        claims: &Claims,
        issuer: &Issuer,
    ) -> Result<&Arc<str>, VerifyError> {
        let mut found = claims.audience.iter().filter_map(|it| self.audiences.get(it.as_str()));
        match (found.next(), found.next()) {
            (Some(audience), None) if claims.audience.len() == 1 || issuer.extra_audiences => {
                Ok(audience)
            }
            _ => Err(VerifyError::Audience { found: claims.audience.clone() }),
        }
    }

    /// The issuers and their keys, for readiness, refreshing and the status.
    pub fn issuers(&self) -> impl Iterator<Item = (&Issuer, &Arc<KeyStore>)> {
        self.issuers
            .values()
            .chain(self.trust_domains.values())
            .map(|trusted| (&*trusted.issuer, &trusted.keys))
    }
}

/// Whether the signature of a token holds by the keys that are there now.
fn verifies_again(id_token: &IdToken, keys: &KeyStore) -> Option<bool> {
    let header = Header::parse(&id_token.header_json()?).ok()?;
    let (input, signature) = id_token.signed()?;
    keys.with_known_key(header.key_id.as_deref(), header.algorithm, |key| {
        key.verifies(header.algorithm, input, signature)
    })
}
