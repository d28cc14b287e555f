//! What is known of ID tokens that were verified: found by the hash of the whole token, so that a
//! token which is presented again costs neither a signature nor a search through the rules. The token itself
//! is not kept: whoever presents it again brings it.
//!
//! Each generation of the configuration has its own: what is known was judged by its issuers and
//! rules. That a token's times and key set still hold is checked at each use.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::admission::Admitted;
use crate::bounded_map::{BoundedMap, Entry};
use crate::clock::{Clock, Reading};
use crate::identity::{Fingerprint, IdToken, IdTokenError, VerifiedToken};
use crate::limits;

/// Verified tokens, at most as many as configured.
#[derive(Debug)]
pub(super) struct VerifiedTokens {
    known: BoundedMap<Fingerprint, Arc<KnownToken>>,
}

/// A token that was verified, and what it was admitted as.
#[derive(Debug)]
pub(super) struct KnownToken {
    pub(super) token: Arc<VerifiedToken>,
    /// As whom, when it was last admitted. A job names the same account with nearly all its
    /// requests, or none.
    admitted: ArcSwapOption<Admitted>,
}

/// An ID token that somebody presents.
#[derive(Debug)]
pub struct PresentedToken {
    pub(super) id_token: IdToken,
    /// If it was verified before, and may be believed again.
    pub(super) known: Option<Arc<KnownToken>>,
}

/// The ID token that came last on a connection and was known: most connections bring one token again
/// and again, and comparing costs a tenth of hashing where the processor has no instructions for that.
#[derive(Debug, Default)]
pub struct LastToken(Mutex<Option<IdToken>>);

impl LastToken {
    /// The token of this text, if it is the last. How long that takes does not depend on where they
    /// differ: a proxy may carry several callers over one connection.
    fn with_text(&self, text: &[u8]) -> Option<IdToken> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |last: &&IdToken| verify_slices_are_equal(last.expose().as_bytes(), text).is_ok();
        last.as_ref().filter(is_same).cloned()
    }

    fn remember(&self, id_token: &IdToken) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(id_token.clone());
    }
}

impl PresentedToken {
    /// SHA-256 of the token.
    pub fn fingerprint(&self) -> Fingerprint {
        self.id_token.fingerprint()
    }

    /// True if it was verified before.
    pub fn is_known(&self) -> bool {
        self.known.is_some()
    }
}

impl KnownToken {
    /// What it is admitted as, if that is known for this name.
    pub(super) fn admitted(&self, service_account: Option<&str>) -> Option<Arc<Admitted>> {
        let last = self.admitted.load_full();
        last.filter(|admitted| admitted.answers(service_account))
    }

    pub(super) fn admit(&self, admitted: &Arc<Admitted>) {
        self.admitted.store(Some(Arc::clone(admitted)));
    }
}

impl Entry for Arc<KnownToken> {
    fn has_ended(&self, now: Reading) -> bool {
        self.token.has_ended_at(now.unix_seconds())
    }

    /// One for usual tokens.
    fn weight(&self) -> u64 {
        1 + (self.token.text_bytes() / limits::VERIFIED_TOKEN_BYTES) as u64
    }
}

impl VerifiedTokens {
    /// None yet; at most `most`.
    pub(super) fn new(most: u64, clock: Arc<dyn Clock>) -> Self {
        Self { known: BoundedMap::new(most, clock) }
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
        let fingerprint = Fingerprint::of(text);
        let known = self.known.get(&fingerprint);
        let id_token = match &known {
            Some(_) => IdToken::unchecked(text, fingerprint).ok_or(IdTokenError::Malformed)?,
            None => IdToken::unseen(text, fingerprint)?,
        };
        Ok(PresentedToken { id_token, known })
    }

    /// The same, for a connection on which `last` came before.
    pub(super) fn recognize_again(
        &self,
        text: &[u8],
        bytes_max: usize,
        last: &LastToken,
    ) -> Result<PresentedToken, IdTokenError> {
        if let Some(id_token) = last.with_text(text).filter(|_| text.len() <= bytes_max) {
            let known = self.known.get(&id_token.fingerprint());
            return Ok(PresentedToken { id_token, known });
        }
        let text = str::from_utf8(text).map_err(|_| IdTokenError::Malformed)?;
        let presented = self.recognize(text, bytes_max)?;
        if presented.is_known() {
            last.remember(&presented.id_token);
        }
        Ok(presented)
    }

    pub(super) fn remember(&self, id_token: &IdToken, token: VerifiedToken) -> Arc<KnownToken> {
        let token = Arc::new(token);
        let known = Arc::new(KnownToken { token, admitted: ArcSwapOption::empty() });
        self.known.insert(id_token.fingerprint(), Arc::clone(&known));
        known
    }

    pub(super) fn forget(&self, id_token: &IdToken) {
        self.known.remove(&id_token.fingerprint());
    }

    /// How many there are that have not ended.
    pub(super) fn count(&self) -> u64 {
        self.known.count()
    }
}
