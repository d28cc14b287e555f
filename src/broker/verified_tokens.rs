//! What is known of ID tokens that were verified: found by the hash of the whole token, so that a
//! token which is presented again costs neither a signature nor a search through the rules.
//!
//! Each generation of the configuration has its own: what is known was judged by its issuers and
//! rules. That a token's times and key set still hold is checked at each use.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use moka::sync::Cache;

use super::Admission;
use crate::identity::{Fingerprint, IdToken, IdTokenError, VerifiedToken};
use crate::limits;

/// Verified tokens, at most as many as configured.
#[derive(Debug)]
pub(super) struct VerifiedTokens {
    known: Cache<Fingerprint, Arc<KnownToken>>,
}

/// A token that was verified, and what it was admitted as.
#[derive(Debug)]
pub struct KnownToken {
    pub(super) id_token: IdToken,
    pub(super) token: Arc<VerifiedToken>,
    /// As whom, when it was last admitted; with the service account that was named. A job names
    /// the same account with nearly all its requests, or none.
    admitted: ArcSwapOption<(Option<String>, Admission)>,
}

/// An ID token that somebody presents.
#[derive(Debug)]
pub enum PresentedToken {
    /// It was verified before, and may be believed again.
    Known(Arc<KnownToken>),
    /// Nothing is known of it.
    New(IdToken),
}

impl PresentedToken {
    /// SHA-256 of the token.
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Known(known) => known.id_token.fingerprint(),
            Self::New(id_token) => id_token.fingerprint(),
        }
    }
}

impl KnownToken {
    /// What it is admitted as, if that is known for this name.
    pub(super) fn admission(&self, service_account: Option<&str>) -> Option<Admission> {
        let admitted = self.admitted.load();
        let (named, admission) = &**admitted.as_ref()?;
        (named.as_deref() == service_account).then(|| admission.clone())
    }

    pub(super) fn admitted(&self, service_account: Option<&str>, admission: &Admission) {
        let named = service_account.map(str::to_owned);
        self.admitted.store(Some(Arc::new((named, admission.clone()))));
    }
}

impl VerifiedTokens {
    /// None yet; at most `most`.
    pub(super) fn new(most: u64) -> Self {
        // Freshness is judged by our clock; idling only sweeps out what nobody asks for.
        let known = Cache::builder()
            .max_capacity(most)
            .weigher(|_, known: &Arc<KnownToken>| known.weight())
            .time_to_idle(limits::VERIFIED_TOKEN_IDLE_TIME)
            .build();
        Self { known }
    }

    /// Looks a token up; one that is not known must have the form of an ID token.
    pub(super) fn recognize(
        &self,
        text: &str,
        bytes_max: usize,
    ) -> Result<PresentedToken, IdTokenError> {
        if text.len() > bytes_max {
            return Err(IdTokenError::TooLarge);
        }
        match self.known.get(&Fingerprint::of(text)) {
            Some(known) => Ok(PresentedToken::Known(known)),
            None => IdToken::parse(text, bytes_max).map(PresentedToken::New),
        }
    }

    pub(super) fn remember(&self, id_token: IdToken, token: VerifiedToken) -> Arc<KnownToken> {
        let fingerprint = id_token.fingerprint();
        let token = Arc::new(token);
        let known = Arc::new(KnownToken { id_token, token, admitted: ArcSwapOption::empty() });
        self.known.insert(fingerprint, Arc::clone(&known));
        known
    }

    pub(super) fn forget(&self, id_token: &IdToken) {
        self.known.invalidate(&id_token.fingerprint());
    }

    /// How many there are. Sweeps out what has ended.
    pub(super) fn count(&self) -> u64 {
        self.known.run_pending_tasks();
        self.known.entry_count()
    }
}

impl KnownToken {
    /// Of how many usual tokens it takes the place.
    fn weight(&self) -> u32 {
        let usual = self.id_token.expose().len().div_ceil(limits::VERIFIED_TOKEN_BYTES);
        u32::try_from(usual).unwrap_or(u32::MAX)
    }
}
