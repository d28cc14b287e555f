//! The closed list of reasons for which the broker refuses or fails a request.
//!
//! The same word is the `Octobroker-Error` header, the `code` of the answer's body, the metric
//! label, the log field and a row of `docs/errors.md`.

use std::fmt;

/// Why the broker itself answered, instead of Octopus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The request breaks HTTP's rules or this broker's.
    BadRequest,
    /// The path could be read in two ways.
    UnsafePath,
    /// More than one credential came with the request.
    AmbiguousCredentials,
    /// No credential came with a request that needs one.
    CredentialMissing,
    /// The ID token is not a JWS in compact form.
    TokenMalformed,
    /// The ID token is longer than the limit.
    TokenTooLarge,
    /// The ID token's `alg` is not accepted from its issuer.
    AlgorithmRefused,
    /// The ID token's `iss` is not configured.
    IssuerUnknown,
    /// The issuer has no key for the ID token.
    KeyUnknown,
    /// Several keys fit the ID token.
    KeyAmbiguous,
    /// The signature does not hold.
    SignatureInvalid,
    /// The ID token's header holds something that is not accepted.
    TokenHeaderRefused,
    /// The ID token has expired.
    TokenExpired,
    /// The ID token is not valid yet.
    TokenNotYetValid,
    /// The ID token was issued too long ago.
    TokenTooOld,
    /// The ID token lives longer than its issuer may let it.
    TokenLifetimeRefused,
    /// The ID token is for somebody else.
    AudienceRefused,
    /// A claim has the wrong type, is missing or stands twice.
    ClaimsInvalid,
    /// The ID token has served, and serves once.
    TokenReplayed,
    /// The stand-in is not, or no longer, known.
    StandInUnknown,
    /// The ID token is genuine, but no rule matches it.
    NoRuleMatched,
    /// The rule does not allow this request.
    RequestNotAllowed,
    /// Octopus refused the token exchange.
    ExchangeRefused,
    /// The request comes from a web page.
    OriginRefused,
    /// The method is not one that the broker forwards.
    MethodRefused,
    /// The request is for another host.
    HostRefused,
    /// The request's body stopped coming.
    RequestTimeout,
    /// The request's body is too large.
    BodyTooLarge,
    /// The request's head is too large.
    HeadersTooLarge,
    /// 429: too many credentials of this peer were refused.
    RateLimited,
    /// A fault of the broker's own.
    Internal,
    /// Octopus answered the token exchange with something that is no token.
    ExchangeFailed,
    /// Octopus can't be reached.
    UpstreamUnreachable,
    /// Octopus's answer is not HTTP as it should be.
    UpstreamInvalid,
    /// The issuer's keys can't be had.
    KeysUnavailable,
    /// The token exchange can't be done at the moment.
    ExchangeUnavailable,
    /// The broker is full.
    Overloaded,
    /// The broker is about to stop.
    Draining,
    /// Octopus did not answer in time.
    UpstreamTimeout,
    /// The request has been here before.
    LoopDetected,
}

impl Code {
    /// Every code, in the order of design and documentation.
    pub const ALL: [Self; 40] = [
        Self::BadRequest,
        Self::UnsafePath,
        Self::AmbiguousCredentials,
        Self::CredentialMissing,
        Self::TokenMalformed,
        Self::TokenTooLarge,
        Self::AlgorithmRefused,
        Self::IssuerUnknown,
        Self::KeyUnknown,
        Self::KeyAmbiguous,
        Self::SignatureInvalid,
        Self::TokenHeaderRefused,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenTooOld,
        Self::TokenLifetimeRefused,
        Self::AudienceRefused,
        Self::ClaimsInvalid,
        Self::TokenReplayed,
        Self::StandInUnknown,
        Self::NoRuleMatched,
        Self::RequestNotAllowed,
        Self::ExchangeRefused,
        Self::OriginRefused,
        Self::MethodRefused,
        Self::HostRefused,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::HeadersTooLarge,
        Self::RateLimited,
        Self::Internal,
        Self::ExchangeFailed,
        Self::UpstreamUnreachable,
        Self::UpstreamInvalid,
        Self::KeysUnavailable,
        Self::ExchangeUnavailable,
        Self::Overloaded,
        Self::Draining,
        Self::UpstreamTimeout,
        Self::LoopDetected,
    ];

    /// The word, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnsafePath => "unsafe_path",
            Self::AmbiguousCredentials => "ambiguous_credentials",
            Self::CredentialMissing => "credential_missing",
            Self::TokenMalformed => "token_malformed",
            Self::TokenTooLarge => "token_too_large",
            Self::AlgorithmRefused => "algorithm_refused",
            Self::IssuerUnknown => "issuer_unknown",
            Self::KeyUnknown => "key_unknown",
            Self::KeyAmbiguous => "key_ambiguous",
            Self::SignatureInvalid => "signature_invalid",
            Self::TokenHeaderRefused => "token_header_refused",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::TokenTooOld => "token_too_old",
            Self::TokenLifetimeRefused => "token_lifetime_refused",
            Self::AudienceRefused => "audience_refused",
            Self::ClaimsInvalid => "claims_invalid",
            Self::TokenReplayed => "token_replayed",
            Self::StandInUnknown => "stand_in_unknown",
            Self::NoRuleMatched => "no_rule_matched",
            Self::RequestNotAllowed => "request_not_allowed",
            Self::ExchangeRefused => "exchange_refused",
            Self::OriginRefused => "origin_refused",
            Self::MethodRefused => "method_refused",
            Self::HostRefused => "host_refused",
            Self::RequestTimeout => "request_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::HeadersTooLarge => "headers_too_large",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::ExchangeFailed => "exchange_failed",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::KeysUnavailable => "keys_unavailable",
            Self::ExchangeUnavailable => "exchange_unavailable",
            Self::Overloaded => "overloaded",
            Self::Draining => "draining",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::LoopDetected => "loop_detected",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
