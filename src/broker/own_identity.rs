//! The broker's own identity: that of the pod or job that it stands beside.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::access_tokens::AccessTokens;
use super::admission::{Admission, Caller};
use crate::ambient::{AmbientError, AmbientIdentity, OwnToken};
use crate::octopus::{Grant, ServiceAccount};

/// Who the broker is, and as whom it acts.
#[derive(Debug)]
pub struct OwnIdentity {
    /// `None` only where the service account has an API key.
    ambient: Option<AmbientIdentity>,
    service_account: Arc<ServiceAccount>,
    grant: Arc<Grant>,
    /// The last token that the platform gave: while its access token lives, it serves on.
    last: ArcSwapOption<OwnToken>,
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
        self.last.store(earlier.last.load_full());
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

    /// The admission for a request that acts as the broker itself.
    pub(super) async fn admit(
        &self,
        access_tokens: &AccessTokens,
    ) -> Result<Admission, Arc<AmbientError>> {
        let Some(ambient) = &self.ambient else {
            return Ok(self.admission(Caller::KeyHolder));
        };
        let error = match ambient.id_token().await {
            Ok(token) => {
                self.last.store(Some(Arc::clone(&token)));
                return Ok(self.admission(Caller::Itself(token)));
            }
            Err(error) => Arc::new(error),
        };
        // A platform that gives one token for a job gives none when that has expired; the access
        // token that it was exchanged for may live for most of an hour more.
        let last = self.last.load_full().map(|last| self.admission(Caller::Itself(last)));
        last.filter(|last| access_tokens.remaining(last).is_some()).ok_or(error)
    }

    fn admission(&self, caller: Caller) -> Admission {
        let service_account = Arc::clone(&self.service_account);
        let grant = Arc::clone(&self.grant);
        Admission { caller, rule: None, service_account, grant, is_stand_in: false }
    }
}
