//! Whose request it is.

use std::sync::Arc;

use crate::broker::{Admission, Identity};
use crate::identity::VerifiedToken;

/// Whose request it is, as far as is known.
#[derive(Debug)]
pub(super) enum Who {
    Nobody,
    /// A token says so that is not believed: the issuer's configured name, if it has one.
    Claimed(Option<String>),
    /// A token that is believed, and that no rule matches.
    Verified(Arc<VerifiedToken>),
    Admitted(Admission),
}

impl Who {
    fn admission(&self) -> Option<&Admission> {
        match self {
            Self::Admitted(admission) => Some(admission),
            Self::Nobody | Self::Claimed(_) | Self::Verified(_) => None,
        }
    }

    pub(super) fn token(&self) -> Option<&VerifiedToken> {
        match self {
            Self::Verified(token) => Some(token),
            Self::Admitted(admission) => admission.token(),
            Self::Nobody | Self::Claimed(_) => None,
        }
    }

    /// The configured name of the token's issuer; of the broker's own identity its `iss`.
    pub(super) fn issuer(&self) -> Option<&str> {
        if let Self::Claimed(issuer) = self {
            return issuer.as_deref();
        }
        let own =
            || self.identity().map(|identity| identity.issuer).filter(|text| !text.is_empty());
        self.token().map(VerifiedToken::issuer_name).or_else(own)
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.identity().map(|identity| identity.subject).filter(|text| !text.is_empty())
    }

    pub(super) fn audience(&self) -> Option<&str> {
        self.identity().map(|identity| identity.audience).filter(|text| !text.is_empty())
    }

    fn identity(&self) -> Option<Identity<'_>> {
        match self {
            Self::Verified(token) => Some(Identity::of(token)),
            Self::Admitted(admission) => Some(admission.identity()),
            Self::Nobody | Self::Claimed(_) => None,
        }
    }

    pub(super) fn rule(&self) -> Option<&str> {
        self.admission().and_then(Admission::rule)
    }

    pub(super) fn service_account(&self) -> Option<&str> {
        self.admission().map(|admission| &*admission.service_account().name)
    }

    pub(super) fn is_agent(&self) -> bool {
        self.admission().is_some_and(|admission| admission.service_account().is_agent)
    }
}
