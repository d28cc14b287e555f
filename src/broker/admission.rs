//! The outcome of judging a credential.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use crate::ambient::OwnToken;
use crate::clock::Clock;
use crate::identity::{IdToken, SingleUse, VerifiedToken, VerifyError};
use crate::octopus::{ApiKey, Grant, ServiceAccount};
use crate::telemetry::{Code, Missed};
use crate::trust::Rule;

/// The proof that a request may go to Octopus: this identity, by this rule, as this service
/// account. Clones share it.
#[derive(Debug, Clone)]
pub struct Admission {
    admitted: Arc<Admitted>,
    /// What a workload presented.
    presented: Option<IdToken>,
    pub(super) errand: Errand,
}

/// For what somebody was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// A request, with an ID token.
    Request,
    /// A login: the access token is to have most of its life before it.
    Login,
    /// A request with a stand-in, which may outlive the ID token.
    StandIn,
}

/// What was found out once and holds for every request.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) caller: Caller,
    ground: Ground,
    pub(super) service_account: Arc<ServiceAccount>,
    key: Arc<AccessKey>,
    number: u64,
}

/// By what somebody was admitted, and what it grants.
#[derive(Debug)]
pub(super) enum Ground {
    /// A rule.
    Rule {
        rule: Arc<Rule<Arc<Grant>>>,
        /// Whether the caller named the service account: without a name another rule might have been
        /// first.
        was_named: bool,
    },
    /// The broker's own identity, which no rule judges.
    Own(Arc<Grant>),
}

/// Whose access token it is. Never wider: Octopus grants an access token to exactly these.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AccessKey {
    /// Of the others.
    hash: u64,
    /// The id of the service account, whose name says nothing about who it is at Octopus; issuer,
    /// subject, audience: one after the other, for there are many keys.
    text: Box<str>,
    /// How long the first three are, in bytes.
    lengths: [usize; 3],
}

/// Whose request it is.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// A workload's, by its ID token.
    Workload(Arc<VerifiedToken>),
    /// The broker's own, by the ID token that its platform gave it.
    Itself(Arc<OwnToken>),
    /// The broker's own, where the service account has an API key and needs no identity.
    KeyHolder,
}

/// An identity, by which Octopus judges an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `sub`
    pub subject: &'a str,
    /// The audience that the service account wants.
    pub audience: &'a str,
}

impl<'a> Identity<'a> {
    /// A workload's.
    pub fn of(token: &'a VerifiedToken) -> Self {
        Self { issuer: token.issuer(), subject: token.subject(), audience: token.audience() }
    }
}

impl Admitted {
    /// This caller, on this ground, as this account.
    pub(super) fn new(
        caller: Caller,
        ground: Ground,
        service_account: Arc<ServiceAccount>,
    ) -> Arc<Self> {
        let identity = caller.identity(&service_account);
        let key = Arc::new(AccessKey::of(identity, &service_account));
        let number = RANDOM.hash_one((identity.issuer, identity.subject));
        Arc::new(Self { caller, ground, service_account, key, number })
    }

    /// Whether it is what a caller would be admitted as that names this account, or none.
    pub(super) fn answers(&self, named: Option<&str>) -> bool {
        match named {
            Some(name) => name == self.service_account.name,
            None => !matches!(self.ground, Ground::Rule { was_named: true, .. }),
        }
    }
}

impl Admission {
    /// The admission of a request that presented this ID token, if it presented one.
    pub(super) fn of(admitted: Arc<Admitted>, presented: Option<IdToken>) -> Self {
        Self { admitted, presented, errand: Errand::Request }
    }

    /// The same, for whoever presents a stand-in.
    pub(super) fn of_stand_in(self) -> Self {
        Self { errand: Errand::StandIn, ..self }
    }

    /// The same, for whoever logs in.
    #[must_use]
    pub fn of_login(self) -> Self {
        Self { errand: Errand::Login, ..self }
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.admitted.caller
    }

    /// Whose access token serves.
    pub(super) fn key(&self) -> &Arc<AccessKey> {
        &self.admitted.key
    }

    /// A number for whoever the request is from: as Octopus judges, one identity is one caller.
    pub fn caller_number(&self) -> u64 {
        self.admitted.number
    }

    /// The verified token of a workload.
    pub fn token(&self) -> Option<&VerifiedToken> {
        match self.caller() {
            Caller::Workload(token) => Some(token),
            Caller::Itself(_) | Caller::KeyHolder => None,
        }
    }

    /// Which ID token was presented, if it is one that serves once.
    pub(super) fn single_use(&self) -> Option<SingleUse<'_>> {
        if self.errand == Errand::StandIn {
            return None;
        }
        self.token()?.single_use()
    }

    /// Who it is, as Octopus judges; empty where nothing is exchanged.
    pub fn identity(&self) -> Identity<'_> {
        self.caller().identity(&self.admitted.service_account)
    }

    /// The rule that matched.
    pub fn rule(&self) -> Option<&str> {
        match &self.admitted.ground {
            Ground::Rule { rule, .. } => Some(&rule.name),
            Ground::Own(_) => None,
        }
    }

    /// Whom the request is made as.
    pub fn service_account(&self) -> &Arc<ServiceAccount> {
        &self.admitted.service_account
    }

    /// What the caller may do as that account.
    pub fn grant(&self) -> &Grant {
        match &self.admitted.ground {
            Ground::Rule { rule, .. } => &rule.grant,
            Ground::Own(grant) => grant,
        }
    }

    /// The API key that is used instead of exchanges, if the account has one.
    pub(super) fn api_key(&self) -> Option<&ApiKey> {
        self.admitted.service_account.api_key.as_ref()
    }

    /// What is exchanged.
    pub(super) fn id_token(&self) -> Option<&IdToken> {
        match self.caller() {
            Caller::Workload(_) => self.presented.as_ref(),
            Caller::Itself(own) => Some(own.id_token()),
            Caller::KeyHolder => None,
        }
    }

    /// False once the ID token has expired: Octopus would refuse it.
    pub(super) fn is_exchangeable(&self, clock: &dyn Clock) -> bool {
        self.is_exchangeable_at(clock.unix_seconds())
    }

    /// The same, at another time: in seconds since 1970.
    pub(super) fn is_exchangeable_at(&self, unix_seconds: f64) -> bool {
        match self.caller() {
            Caller::Workload(token) => token.is_live_at(unix_seconds),
            Caller::Itself(own) => own.is_live_at(unix_seconds),
            Caller::KeyHolder => false,
        }
    }
}

impl Caller {
    fn identity<'a>(&'a self, service_account: &'a ServiceAccount) -> Identity<'a> {
        match self {
            Self::Workload(token) => Identity::of(token),
            Self::Itself(own) => Identity {
                issuer: own.issuer(),
                subject: own.subject(),
                audience: service_account.audience.as_deref().unwrap_or_default(),
            },
            Self::KeyHolder => Identity { issuer: "", subject: "", audience: "" },
        }
    }
}

impl AccessKey {
    fn of(identity: Identity<'_>, service_account: &ServiceAccount) -> Self {
        let Identity { issuer, subject, audience } = identity;
        let account = service_account.id.as_deref().unwrap_or_default();
        Self {
            hash: RANDOM.hash_one((account, issuer, subject, audience)),
            text: [account, issuer, subject, audience].concat().into(),
            lengths: [account, issuer, subject].map(str::len),
        }
    }

    /// The service account's id, and whose token it is.
    pub(super) fn parts(&self) -> (&str, Identity<'_>) {
        let [account, issuer, subject] = self.lengths;
        let (account, rest) = self.text.split_at(account);
        let (issuer, rest) = rest.split_at(issuer);
        let (subject, audience) = rest.split_at(subject);
        (account, Identity { issuer, subject, audience })
    }
}

impl Hash for AccessKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// One for the process, so that an identity has the same hashes under every configuration.
static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);

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
    /// A fault of this program: they were read when the token was verified.
    #[error("the claims of a token that is known can't be read again")]
    NoClaims,
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
            Self::NoClaims | Self::NoAccount { .. } => Code::Internal,
        }
    }
}
