//! The heart: an ID token in, an admission out; an admission in, an access token out.
//!
//! In: an ID token, and the service account that the caller named, if it did. Out: an
//! [`Admission`], the proof that the token was verified and that a rule matched; and for an
//! admission an access token, cached or freshly exchanged.
//!
//! An access token is shared only within one service account, issuer, subject and audience, for
//! Octopus judges by exactly these; and it is given only for a credential that was judged by this
//! very request: an ID token that has expired gets nothing, although the access token lives on.

mod access_tokens;
mod admission;
mod exchanges;
mod own_identity;
mod patience;
mod stand_ins;
mod used_tokens;
mod verified_tokens;

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use tokio::time::Instant;

pub use access_tokens::{AccessTokens, ExchangeFailure, Holding, Obtained};
pub use admission::{Admission, AdmissionError, Identity};
pub use own_identity::OwnIdentity;
pub use stand_ins::{Holder, StandInError, StandInHolding, StandIns};
pub use used_tokens::{UseError, UsedTokens};
pub use verified_tokens::{LastToken, PresentedToken};

use admission::{Admitted, Caller, Ground};
use verified_tokens::{KnownToken, VerifiedTokens};

use crate::ambient::AmbientError;
use crate::clock::Clock;
use crate::identity::{Claims, IdToken, IdTokenError, Rejected, Verifier};
use crate::octopus::{API_KEY, Grant, ServiceAccount};
use crate::secret::Secret;
use crate::trust::Policy;

/// Judges credentials and holds access tokens.
#[derive(Debug)]
pub struct Broker {
    verifier: Arc<Verifier>,
    verified_tokens: VerifiedTokens,
    policy: Policy<Arc<Grant>>,
    service_accounts: HashMap<String, Arc<ServiceAccount>>,
    access_tokens: AccessTokens,
    stand_ins: StandIns,
    used_tokens: UsedTokens,
    own_identity: Option<OwnIdentity>,
    clock: Arc<dyn Clock>,
}

/// What a broker remembers beyond a request.
#[derive(Debug)]
pub struct Memories {
    /// So many verified ID tokens, at most.
    pub verified_tokens: u64,
    /// The access tokens.
    pub access_tokens: AccessTokens,
    /// The stand-ins.
    pub stand_ins: StandIns,
    /// The ID tokens that have served, of those that serve once.
    pub used_tokens: UsedTokens,
}

/// Why the broker can't act as itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OwnIdentityError {
    /// None was configured.
    #[error("the broker has no identity of its own")]
    None,
    /// Its platform gives no ID token.
    #[error("the broker's own ID token can't be had")]
    Ambient(#[source] Arc<AmbientError>),
}

/// What identifies the service account to Octopus.
#[derive(Debug, Clone)]
pub enum Credential {
    /// For `Authorization`.
    AccessToken(Obtained),
    /// For `X-Octopus-ApiKey`.
    ApiKey(HeaderValue),
}

impl Credential {
    /// The one header line that carries it.
    pub fn line(&self) -> (HeaderName, &HeaderValue) {
        match self {
            Self::AccessToken(obtained) => {
                (header::AUTHORIZATION, obtained.token().authorization())
            }
            Self::ApiKey(value) => (API_KEY, value),
        }
    }
}

impl Broker {
    /// A broker for these rules and accounts, with these memories.
    pub fn new(
        verifier: Arc<Verifier>,
        policy: Policy<Arc<Grant>>,
        service_accounts: Vec<ServiceAccount>,
        memories: Memories,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let Memories { verified_tokens, access_tokens, stand_ins, used_tokens } = memories;
        let by_name = service_accounts.into_iter().map(|account| {
            let name = account.name.clone();
            (name, Arc::new(account))
        });
        let service_accounts = by_name.collect();
        Self {
            verifier,
            verified_tokens: VerifiedTokens::new(verified_tokens, Arc::clone(&clock)),
            policy,
            service_accounts,
            access_tokens,
            stand_ins,
            used_tokens,
            own_identity: None,
            clock,
        }
    }

    /// The same broker, with an identity of its own.
    #[must_use]
    pub fn acting_as(mut self, own_identity: Option<OwnIdentity>) -> Self {
        self.own_identity = own_identity;
        self
    }

    /// The broker's own identity, if it has one.
    pub fn own_identity(&self) -> Option<&OwnIdentity> {
        self.own_identity.as_ref()
    }

    /// The admission for a request that acts as the broker itself.
    pub async fn admit_itself(&self) -> Result<Admission, OwnIdentityError> {
        let own = self.own_identity.as_ref().ok_or(OwnIdentityError::None)?;
        Box::pin(own.admit(&self.access_tokens)).await.map_err(OwnIdentityError::Ambient)
    }

    /// Looks up an ID token. One that was verified before need not be read again.
    pub fn recognize(&self, text: &str, bytes_max: usize) -> Result<PresentedToken, IdTokenError> {
        self.verified_tokens.recognize(text, bytes_max)
    }

    /// The same, for a connection on which `last` came before. What is no text is no ID token.
    pub fn recognize_again(
        &self,
        text: &[u8],
        bytes_max: usize,
        last: &LastToken,
    ) -> Result<PresentedToken, IdTokenError> {
        self.verified_tokens.recognize_again(text, bytes_max, last)
    }

    /// Judges an ID token: is it genuine, and whom may it act as?
    pub async fn admit(
        &self,
        presented: PresentedToken,
        service_account: Option<&str>,
    ) -> Result<Admission, AdmissionError> {
        let PresentedToken { id_token, known } = presented;
        let (known, claims) = self.verify(&id_token, known).await.map_err(|rejected| {
            let Rejected { issuer, error } = rejected;
            AdmissionError::Refused { issuer, error }
        })?;
        if let Some(admitted) = known.admitted(service_account) {
            return Ok(Admission::of(admitted, Some(id_token)));
        }
        let read_again = || self.verifier.claims_of(&id_token, &known.token);
        let claims = claims.or_else(read_again).ok_or(AdmissionError::NoClaims)?;
        let admitted = self.authorize(&known, &claims, service_account)?;
        known.admit(&admitted);
        Ok(Admission::of(admitted, Some(id_token)))
    }

    /// One that was verified before is believed again as long as its key set is in use and its
    /// times hold. The claims come with one that was verified now.
    async fn verify(
        &self,
        id_token: &IdToken,
        known: Option<Arc<KnownToken>>,
    ) -> Result<(Arc<KnownToken>, Option<Claims>), Rejected> {
        if let Some(known) = known {
            let still_holds = self.verifier.still_holds(&known.token);
            if still_holds.inspect_err(|_| self.verified_tokens.forget(id_token))? {
                return Ok((known, None));
            }
        }
        let outcome = Box::pin(self.verifier.verify(id_token)).await;
        let (token, claims) = outcome.inspect_err(|_| self.verified_tokens.forget(id_token))?;
        Ok((self.verified_tokens.remember(id_token, token), Some(claims)))
    }

    fn authorize(
        &self,
        known: &KnownToken,
        claims: &Claims,
        service_account: Option<&str>,
    ) -> Result<Arc<Admitted>, AdmissionError> {
        let token = Arc::clone(&known.token);
        let rule = match self.policy.authorize((&token, claims), service_account) {
            Ok(rule) => rule,
            Err(denial) => return Err(AdmissionError::NoRule { token, missed: denial.missed }),
        };
        let account = self.service_accounts.get(&rule.service_account);
        let Some(account) = account.cloned() else {
            return Err(AdmissionError::NoAccount { rule: rule.name.clone() });
        };
        let was_named = service_account.is_some();
        let ground = Ground::Rule { rule: Arc::clone(rule), was_named };
        Ok(Admitted::new(Caller::Workload(token), ground, account))
    }

    /// The names of the service accounts with this id, or the one with this name. Several may be one
    /// account of Octopus, each with an audience of its own.
    pub fn accounts_named(&self, id_or_name: &str) -> Vec<&str> {
        let has_id = |account: &&Arc<ServiceAccount>| {
            account.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(id_or_name))
        };
        let by_id = self.service_accounts.values().filter(has_id);
        let mut names: Vec<_> = by_id.map(|account| &*account.name).collect();
        if names.is_empty() {
            let by_name = self.service_accounts.get(id_or_name);
            names.extend(by_name.map(|account| &*account.name));
        }
        names.sort_unstable();
        names
    }

    /// The credential with which a request of this admission goes to Octopus, if it is at hand; counted
    /// as had from the cache.
    pub fn credential_at_hand(&self, admission: &Admission) -> Option<Credential> {
        match admission.api_key() {
            Some(key) => Some(Credential::ApiKey(key.header_value(&*self.clock))),
            None => self.access_tokens.at_hand(admission).map(Credential::AccessToken),
        }
    }

    /// The same; if it is not at hand, an access token is waited for. A rate limit of exchanges is
    /// waited out until `patience` ends.
    pub async fn credential(
        &self,
        admission: &Admission,
        patience: Instant,
    ) -> Result<Credential, ExchangeFailure> {
        match self.credential_at_hand(admission) {
            Some(credential) => Ok(credential),
            None => {
                self.access_tokens.obtain(admission, patience).await.map(Credential::AccessToken)
            }
        }
    }

    /// Makes a stand-in for an admission.
    pub fn issue_stand_in(&self, admission: Admission) -> Result<Secret, StandInError> {
        self.stand_ins.issue(admission, &self.access_tokens)
    }

    /// Makes a stand-in for the broker's own identity. It lives as long as the process.
    pub fn issue_own_stand_in(&self) -> Result<Secret, StandInError> {
        self.stand_ins.issue_own()
    }

    /// Whom a stand-in stands for, if it is live.
    pub fn redeem(&self, stand_in: &Secret) -> Option<Holder> {
        self.stand_ins.redeem(stand_in, &self.access_tokens, |earlier| self.judge_again(earlier))
    }

    /// Judges every stand-in that was made under an earlier configuration by this one, and tells how
    /// many have ended by that. A stand-in that is presented before its turn is judged then.
    pub fn settle_stand_ins(&self) -> usize {
        self.stand_ins.settle_all(|earlier| self.judge_again(earlier))
    }

    /// What an admission of an earlier configuration is under this one: the issuer must be what it
    /// was, the account the same at Octopus, and a rule must let the token's holder act as it.
    fn judge_again(&self, earlier: &Admission) -> Option<Admission> {
        let Caller::Workload(token) = earlier.caller() else { return None };
        let id_token = earlier.id_token()?;
        if !self.verifier.still_believes(id_token, token) {
            return None;
        }
        let mut accounts = self.service_accounts.values();
        let account =
            accounts.find(|account| account.is_same_account(earlier.service_account()))?;
        let claims = self.verifier.claims_of(id_token, token)?;
        let rule = self.policy.authorize((token, &claims), Some(&account.name)).ok()?;
        let ground = Ground::Rule { rule: Arc::clone(rule), was_named: true };
        let admitted = Admitted::new(earlier.caller().clone(), ground, Arc::clone(account));
        Some(Admission::of(admitted, Some(id_token.clone())))
    }

    /// How many verified tokens are remembered that have not ended.
    pub fn remembered_tokens(&self) -> u64 {
        self.verified_tokens.count()
    }

    /// How many stand-ins are live.
    pub fn live_stand_ins(&self) -> usize {
        self.stand_ins.count(&self.access_tokens)
    }

    /// The stand-ins that are live: the newest, and no more than `most`.
    pub fn newest_stand_ins(&self, most: usize) -> Vec<StandInHolding> {
        self.stand_ins.newest(most, &self.access_tokens)
    }

    /// The service accounts, in no order.
    pub fn service_accounts(&self) -> impl Iterator<Item = &ServiceAccount> {
        self.service_accounts.values().map(|account| &**account)
    }

    /// The access tokens.
    pub fn access_tokens(&self) -> &AccessTokens {
        &self.access_tokens
    }

    /// The stand-ins.
    pub fn stand_ins(&self) -> &StandIns {
        &self.stand_ins
    }

    /// The ID tokens that have served, of those that serve once.
    pub fn used_tokens(&self) -> &UsedTokens {
        &self.used_tokens
    }

    /// What verifies ID tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The rules.
    pub fn policy(&self) -> &Policy<Arc<Grant>> {
        &self.policy
    }
}
