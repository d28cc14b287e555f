//! What can come of each step of a request. The words are metric labels and log fields, so that a
//! word seen in one place can be searched for in all others.

use std::time::Duration;

use serde::Serialize;

use super::code::Code;

/// One request that has ended, as the metrics see it.
#[derive(Debug, Clone, Copy)]
pub struct RequestOutcome<'a> {
    /// The way in which the request came.
    pub door: Door,
    /// The rule that admitted the request, if one did.
    pub rule: Option<&'a str>,
    /// The service account that the request was made as. Where there is a rule, the account that
    /// is configured for the rule is counted.
    pub service_account: Option<&'a str>,
    /// Why the broker itself answered; `None` (`ok`) when Octopus did.
    pub code: Option<Code>,
    /// From the end of the request's head to the end of the answer's body.
    pub total: Duration,
    /// The broker's own part of `total`: without waiting for Octopus or for body bytes.
    pub overhead: Duration,
}

/// The way in which a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// With an ID token in `Authorization`.
    Bearer,
    /// With a stand-in in an API key's place.
    StandIn,
    /// To the broker's own token endpoint.
    Exchange,
    /// Without a credential: the broker uses the one that it was given.
    Ambient,
    /// Through no door: refused before, or answered without one.
    #[default]
    None,
}

impl Door {
    /// Every door.
    pub const ALL: [Self; 5] =
        [Self::Bearer, Self::StandIn, Self::Exchange, Self::Ambient, Self::None];

    /// The word, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::StandIn => "stand_in",
            Self::Exchange => "exchange",
            Self::Ambient => "ambient",
            Self::None => "none",
        }
    }
}

/// What came of checking an ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It was checked and is genuine.
    Ok,
    /// It had been checked before.
    Cached,
    /// It is refused, or could not be checked.
    Refused(Code),
}

impl Verification {
    /// The codes that a check can end with. Their series stand at 0 from the start.
    pub(super) const CODES: [Code; 15] = [
        Code::TokenMalformed,
        Code::TokenTooLarge,
        Code::AlgorithmRefused,
        Code::IssuerUnknown,
        Code::KeyUnknown,
        Code::KeyAmbiguous,
        Code::SignatureInvalid,
        Code::TokenHeaderRefused,
        Code::TokenExpired,
        Code::TokenNotYetValid,
        Code::TokenTooOld,
        Code::TokenLifetimeRefused,
        Code::AudienceRefused,
        Code::ClaimsInvalid,
        Code::KeysUnavailable,
    ];

    /// The word, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Cached => "cached",
            Self::Refused(code) => code.as_str(),
        }
    }
}

/// What came of a token exchange with Octopus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeOutcome {
    /// Octopus gave an access token.
    Ok,
    /// Octopus refused: no OIDC identity of the service account fits.
    Refused,
    /// Octopus answered with something that is no token.
    Failed,
    /// Octopus gave no answer.
    Unreachable,
    /// Octopus asked for patience (429).
    RateLimited,
}

impl ExchangeOutcome {
    pub(super) const ALL: [Self; 5] =
        [Self::Ok, Self::Refused, Self::Failed, Self::Unreachable, Self::RateLimited];

    /// The word, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::RateLimited => "rate_limited",
        }
    }
}

/// Where an access token for a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenResult {
    /// From the cache.
    Hit,
    /// From an exchange that this request began.
    Miss,
    /// From an exchange that another request had begun.
    Joined,
    /// From the cache, and this request began its renewal.
    Renewed,
    /// There is none: the last exchange failed a short time ago, and is not tried again yet.
    RememberedFailure,
}

impl AccessTokenResult {
    pub(super) const ALL: [Self; 5] =
        [Self::Hit, Self::Miss, Self::Joined, Self::Renewed, Self::RememberedFailure];

    /// The word, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Joined => "joined",
            Self::Renewed => "renewed",
            Self::RememberedFailure => "remembered_failure",
        }
    }
}

/// What came of reading an issuer's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The keys were read; they replace those before.
    Ok,
    /// They could not be read; those before stay in use.
    Failed,
}

impl RefreshOutcome {
    pub(super) const ALL: [Self; 2] = [Self::Ok, Self::Failed];

    /// The word, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }
}

/// Why a connection to a TLS listener ended before a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// What came is no TLS: plain HTTP, most often.
    NoTls,
    /// The client offers neither TLS 1.2 nor 1.3.
    NoCommonVersion,
    /// Client and listener have no cipher suite, key exchange, signature or protocol in common.
    NoCommonParameters,
    /// The listener wants a client certificate, and none came.
    NoClientCertificate,
    /// The client's certificate is not accepted: of another CA, or expired.
    ClientCertificateRefused,
    /// The client ended it with an alert: it does not accept the listener's certificate, most often.
    RefusedByClient,
    /// The client's messages are not those of the protocol.
    ProtocolError,
    /// The client closed or reset the connection.
    Closed,
    /// It was not over in time.
    Timeout,
}

impl HandshakeFailure {
    pub(super) const ALL: [Self; 9] = [
        Self::NoTls,
        Self::NoCommonVersion,
        Self::NoCommonParameters,
        Self::NoClientCertificate,
        Self::ClientCertificateRefused,
        Self::RefusedByClient,
        Self::ProtocolError,
        Self::Closed,
        Self::Timeout,
    ];

    /// The word, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoTls => "no_tls",
            Self::NoCommonVersion => "no_common_version",
            Self::NoCommonParameters => "no_common_parameters",
            Self::NoClientCertificate => "no_client_certificate",
            Self::ClientCertificateRefused => "client_certificate_refused",
            Self::RefusedByClient => "refused_by_client",
            Self::ProtocolError => "protocol_error",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
        }
    }
}
