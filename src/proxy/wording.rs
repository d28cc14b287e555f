//! What each code is called and says to the caller, and its status.

use crate::telemetry::Code;

/// Status, title and sentence of each code. Blame decides the status: the caller's 4xx, Octopus's
/// and the issuers' 5xx, our own 500 and 503.
pub(super) const fn wording(code: Code) -> (u16, &'static str, &'static str) {
    match code {
        Code::BadRequest => (400, "Bad request", "The request is not acceptable HTTP."),
        Code::UnsafePath => (400, "Unsafe path", "The path could be read in more than one way."),
        Code::AmbiguousCredentials => {
            (400, "Ambiguous credentials", "The request carries more than one credential.")
        }
        Code::CredentialMissing => (
            401,
            "Credential missing",
            "The request needs an OIDC ID token in the header Authorization: Bearer.",
        ),
        Code::TokenMalformed => (401, "Token malformed", "The credential is no valid ID token."),
        Code::TokenTooLarge => (401, "Token too large", "The ID token is too large."),
        Code::AlgorithmRefused => (
            401,
            "Algorithm refused",
            "The ID token is signed with an algorithm that is not accepted from its issuer.",
        ),
        Code::IssuerUnknown => {
            (401, "Issuer unknown", "The ID token is from an issuer that is not configured here.")
        }
        Code::KeyUnknown => (
            401,
            "Key unknown",
            "The ID token is signed with a key that its issuer does not publish.",
        ),
        Code::KeyAmbiguous => {
            (401, "Key ambiguous", "More than one key of the issuer fits the ID token.")
        }
        Code::SignatureInvalid => {
            (401, "Signature invalid", "The signature of the ID token does not hold.")
        }
        Code::TokenHeaderRefused => {
            (401, "Token header refused", "The header of the ID token is not acceptable.")
        }
        Code::TokenExpired => (401, "Token expired", "The ID token has expired."),
        Code::TokenNotYetValid => (401, "Token not yet valid", "The ID token is not valid yet."),
        Code::TokenTooOld => (401, "Token too old", "The ID token was issued too long ago."),
        Code::TokenLifetimeRefused => (
            401,
            "Token lifetime refused",
            "The ID token lives longer than is accepted from its issuer.",
        ),
        Code::AudienceRefused => (
            401,
            "Audience refused",
            "The audience of the ID token is not that of a service account configured here.",
        ),
        Code::ClaimsInvalid => {
            (401, "Claims invalid", "A claim of the ID token is missing or malformed.")
        }
        Code::TokenReplayed => {
            (401, "Token replayed", "The ID token has served already, and serves only once.")
        }
        Code::StandInUnknown => {
            (401, "Key unknown", "The API key in the request has ended, or was never known here.")
        }
        other => other_wording(other),
    }
}

/// The codes that are not about the credential.
const fn other_wording(code: Code) -> (u16, &'static str, &'static str) {
    match code {
        Code::NoRuleMatched => {
            (403, "No rule matched", "The ID token is genuine, but no rule here accepts it.")
        }
        Code::RequestNotAllowed => {
            (403, "Request not allowed", "This request is not allowed through the broker.")
        }
        Code::ExchangeRefused => (
            403,
            "Exchange refused",
            "Octopus does not accept the ID token for the service account.",
        ),
        Code::OriginRefused => (403, "Origin refused", "Requests of web pages are refused."),
        Code::MethodRefused => (405, "Method refused", "The method is not one that is forwarded."),
        Code::HostRefused => (421, "Host refused", "The request is for another host."),
        Code::RequestTimeout => (408, "Request timeout", "The body of the request stopped coming."),
        Code::BodyTooLarge => {
            (413, "Body too large", "The body of the request is too large for what it is.")
        }
        Code::HeadersTooLarge => {
            (431, "Headers too large", "The head of the request is too large.")
        }
        Code::RateLimited => (
            429,
            "Rate limited",
            "Too many credentials from this address were refused. Wait before the next try.",
        ),
        Code::ExchangeFailed => (
            502,
            "Exchange failed",
            "Octopus answered the token exchange with something that is no token.",
        ),
        Code::UpstreamUnreachable => {
            (502, "Octopus unreachable", "The Octopus server can't be reached.")
        }
        Code::UpstreamInvalid => {
            (502, "Octopus's answer invalid", "The answer of the Octopus server is not valid.")
        }
        Code::KeysUnavailable => (
            503,
            "Keys unavailable",
            "The keys of the ID token's issuer can't be had at the moment.",
        ),
        Code::ExchangeUnavailable => {
            (503, "Exchange unavailable", "An access token of Octopus can't be had at the moment.")
        }
        Code::Overloaded => (503, "Overloaded", "The broker is serving as much as it can."),
        Code::Draining => (503, "Draining", "The broker is about to stop."),
        Code::UpstreamTimeout => {
            (504, "Octopus timeout", "The Octopus server did not answer in time.")
        }
        Code::LoopDetected => {
            (508, "Loop detected", "The request has come back to the broker that sent it.")
        }
        _ => (500, "Internal error", "The broker failed."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_but_one_has_its_own_status_and_sentence() {
        for code in Code::ALL {
            let (status, _, sentence) = wording(code);
            assert_eq!(status == 500, code == Code::Internal, "{code}");
            assert!(sentence.ends_with('.'), "{code}");
        }
    }
}
