//! The heart: an ID token in, an admission out; an admission in, an access token out.
//!
//! In: an [`IdToken`], and the service account that the caller named, if it did. Out: an
//! [`Admission`], the proof that the token was verified and that a rule matched; and for an
//! admission an access token, cached or freshly exchanged.
//!
//! An access token is shared only within one service account, issuer, subject and audience, for
//! Octopus judges by exactly these; and it is given only for a credential that was judged by this
//! very request: an ID token that has expired gets nothing, although the access token lives on.

mod access_tokens;
mod stand_ins;

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};

pub use access_tokens::{AccessTokens, ExchangeFailure, Obtained};
pub use stand_ins::{StandInError, StandIns};

use crate::clock::Clock;
use crate::identity::{IdToken, Rejected, VerifiedToken, Verifier, VerifyError};
use crate::octopus::{API_KEY, ApiKey, ServiceAccount};
use crate::secret::Secret;
use crate::telemetry::{Code, Missed};
use crate::trust::Policy;

/// Judges credentials and holds access tokens.
#[derive(Debug)]
pub struct Broker {
    verifier: Arc<Verifier>,
    policy: Policy,
    service_accounts: HashMap<String, Arc<ServiceAccount>>,
    access_tokens: AccessTokens,
    stand_ins: StandIns,
    clock: Arc<dyn Clock>,
}

/// The outcome of judging a credential: this identity, by this rule, as this service account.
#[derive(Debug, Clone)]
pub struct Admission {
    id_token: IdToken,
    token: Arc<VerifiedToken>,
    rule: String,
    service_account: Arc<ServiceAccount>,
    /// True if a stand-in was presented, which may outlive the ID token.
    is_stand_in: bool,
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

/// Why there is no admission.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// The token is not believed.
    #[error("the ID token is refused")]
    Refused {
        /// The operator's name of the issuer that the token claims to be from.
        issuer: Option<String>,
        /// Why.
        #[source]
        error: VerifyError,
    },
    /// The token is genuine, but no rule matches.
    #[error("no rule matches the ID token")]
    NoRule {
        /// Whose token it is.
        token: Arc<VerifiedToken>,
        /// For each rule that was tried, the first condition that failed.
        missed: Vec<Missed>,
    },
    /// A fault of this program: configuration checks that every rule's account is there.
    #[error("the rule {rule} names a service account that is not there")]
    NoAccount {
        /// The rule.
        rule: String,
    },
}

impl AdmissionError {
    /// The word for it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Refused { error, .. } => error.code(),
            Self::NoRule { .. } => Code::NoRuleMatched,
            Self::NoAccount { .. } => Code::Internal,
        }
    }
}

impl Admission {
    /// Whose token it is.
    pub fn token(&self) -> &VerifiedToken {
        &self.token
    }

    /// The rule that matched.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Whom the request is made as.
    pub fn service_account(&self) -> &ServiceAccount {
        &self.service_account
    }

    /// The API key that is used instead of exchanges, if the account has one.
    fn api_key(&self) -> Option<&ApiKey> {
        self.service_account.api_key.as_ref()
    }

    /// False once the ID token has expired: Octopus would refuse it.
    fn is_exchangeable(&self, clock: &dyn Clock) -> bool {
        self.token.is_live_at(clock.unix_seconds())
    }
}

impl Broker {
    /// A broker for these rules and accounts.
    pub fn new(
        verifier: Arc<Verifier>,
        policy: Policy,
        service_accounts: Vec<ServiceAccount>,
        (access_tokens, stand_ins): (AccessTokens, StandIns),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let by_name = service_accounts.into_iter().map(|account| {
            let name = account.name.clone();
            (name, Arc::new(account))
        });
        let service_accounts = by_name.collect();
        Self { verifier, policy, service_accounts, access_tokens, stand_ins, clock }
    }

    /// Judges a credential: is it genuine, and whom may it act as?
    pub async fn admit(
        &self,
        id_token: IdToken,
        service_account: Option<&str>,
    ) -> Result<Admission, AdmissionError> {
        let token = self.verifier.verify(&id_token).await.map_err(|rejected| {
            let Rejected { issuer, error } = rejected;
            AdmissionError::Refused { issuer, error }
        })?;
        let rule = match self.policy.authorize(&token, service_account) {
            Ok(rule) => rule,
            Err(denial) => return Err(AdmissionError::NoRule { token, missed: denial.missed }),
        };
        let account = self.service_accounts.get(&rule.service_account);
        let rule = rule.name.clone();
        let Some(service_account) = account.cloned() else {
            return Err(AdmissionError::NoAccount { rule });
        };
        Ok(Admission { id_token, token, rule, service_account, is_stand_in: false })
    }

    /// The service account with this id or name.
    pub fn service_account(&self, id_or_name: &str) -> Option<&ServiceAccount> {
        let has_id = |account: &&Arc<ServiceAccount>| account.id.as_deref() == Some(id_or_name);
        let by_id = self.service_accounts.values().find(has_id);
        by_id.or_else(|| self.service_accounts.get(id_or_name)).map(|account| &**account)
    }

    /// The credential with which a request of this admission goes to Octopus.
    pub async fn credential(&self, admission: &Admission) -> Result<Credential, ExchangeFailure> {
        match admission.api_key() {
            Some(key) => Ok(Credential::ApiKey(key.header_value(&*self.clock))),
            None => self.access_tokens.obtain(admission).await.map(Credential::AccessToken),
        }
    }

    /// Makes a stand-in for an admission.
    pub fn issue_stand_in(&self, admission: Admission) -> Result<Secret, StandInError> {
        self.stand_ins.issue(admission, &self.access_tokens)
    }

    /// The admission that a stand-in stands for, if it is live.
    pub fn redeem(&self, stand_in: &Secret) -> Option<Admission> {
        self.stand_ins.redeem(stand_in, &self.access_tokens)
    }

    /// How many stand-ins are live.
    pub fn live_stand_ins(&self) -> usize {
        self.stand_ins.count(&self.access_tokens)
    }

    /// The access tokens.
    pub fn access_tokens(&self) -> &AccessTokens {
        &self.access_tokens
    }

    /// What verifies ID tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
