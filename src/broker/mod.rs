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

use std::collections::HashMap;
use std::sync::Arc;

pub use access_tokens::{AccessTokens, ExchangeFailure, Obtained};

use crate::identity::{IdToken, Rejected, VerifiedToken, Verifier, VerifyError};
use crate::octopus::ServiceAccount;
use crate::telemetry::{Code, Missed};
use crate::trust::Policy;

/// Judges credentials and holds access tokens.
#[derive(Debug)]
pub struct Broker {
    verifier: Arc<Verifier>,
    policy: Policy,
    service_accounts: HashMap<String, Arc<ServiceAccount>>,
    access_tokens: AccessTokens,
}

/// The outcome of judging a credential: this identity, by this rule, as this service account.
#[derive(Debug, Clone)]
pub struct Admission {
    id_token: IdToken,
    token: Arc<VerifiedToken>,
    rule: String,
    service_account: Arc<ServiceAccount>,
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
}

impl Broker {
    /// A broker for these rules and accounts.
    pub fn new(
        verifier: Arc<Verifier>,
        policy: Policy,
        service_accounts: Vec<ServiceAccount>,
        access_tokens: AccessTokens,
    ) -> Self {
        let by_name = service_accounts.into_iter().map(|account| {
            let name = account.name.clone();
            (name, Arc::new(account))
        });
        Self { verifier, policy, service_accounts: by_name.collect(), access_tokens }
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
        Ok(Admission { id_token, token, rule, service_account })
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
