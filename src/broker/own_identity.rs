//! The broker's own identity: that of the pod or job that it stands beside.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::access_tokens::AccessTokens;
use super::admission::{Admission, Admitted, Caller, Ground};
use crate::ambient::{AmbientError, AmbientIdentity, OwnToken};
use crate::octopus::{Grant, ServiceAccount};

/// Who the broker is, and as whom it acts.
#[derive(Debug)]
pub struct OwnIdentity {
    /// `None` only where the service account has an API key.
    ambient: Option<AmbientIdentity>,
    service_account: Arc<ServiceAccount>,
    grant: Arc<Grant>,
    /// By the last token that the platform gave: while its access token lives, it serves on.
    last: ArcSwapOption<Last>,
}

/// What a token of the broker's own was judged to be, for every request until the next token.
#[derive(Debug)]
struct Last {
    token: Arc<OwnToken>,
    admission: Admission,
}

impl OwnIdentity {
    /// Acts as `service_account` with the ID tokens of `ambient`, which an account with an API key
    /// does not need, and does no more than is granted.
    pub fn new(
        ambient: Option<AmbientIdentity>,
        service_account: ServiceAccount,
        grant: Grant,
    ) -> Self {
        let (service_account, grant) = (Arc::new(service_account), Arc::new(grant));
        Self { ambient, service_account, grant, last: ArcSwapOption::empty() }
    }

    /// The same, with the last token that an earlier one had from the same source.
    #[must_use]
    pub fn keeping(self, earlier: &Self) -> Self {
        if let Some(last) = earlier.last.load_full() {
            self.judge(&last.token);
        }
        self
    }

    /// Where the ID tokens come from.
    pub fn ambient(&self) -> Option<&AmbientIdentity> {
        self.ambient.as_ref()
    }

    /// As whom the broker acts.
    pub fn service_account(&self) -> &ServiceAccount {
        &self.service_account
    }

    /// What it does at most.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The admission for a request that acts as the broker itself.
    pub(super) async fn admit(
        &self,
        access_tokens: &AccessTokens,
    ) -> Result<Admission, Arc<AmbientError>> {
        let Some(ambient) = &self.ambient else {
            return Ok(self.admission(Caller::KeyHolder));
        };
        let last = self.last.load_full();
        let error = match (ambient.id_token().await, &last) {
            (Ok(token), Some(last)) if Arc::ptr_eq(&token, &last.token) => {
                return Ok(last.admission.clone());
            }
            (Ok(token), _) => return Ok(self.judge(&token)),
            (Err(error), _) => Arc::new(error),
        };
        // A platform that gives one token for a job gives none when that has expired; the access
        // token that it was exchanged for may live for most of an hour more.
        let last = self.last.load_full().map(|last| last.admission.clone());
        last.filter(|last| access_tokens.remaining(last).is_some()).ok_or(error)
    }

    fn judge(&self, token: &Arc<OwnToken>) -> Admission {
        let admission = self.admission(Caller::Itself(Arc::clone(token)));
        let last = Last { token: Arc::clone(token), admission: admission.clone() };
        self.last.store(Some(Arc::new(last)));
        admission
    }

    fn admission(&self, caller: Caller) -> Admission {
        let service_account = Arc::clone(&self.service_account);
        let ground = Ground::Own(Arc::clone(&self.grant));
        Admission::of(Admitted::new(caller, ground, service_account), None)
    }
}
