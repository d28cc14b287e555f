//! What to do about a refusal, for the operator or for whoever owns the job.

use crate::telemetry::Code;

/// A sentence or two for each code that a token, a rule or Octopus is the cause of.
const ROWS: &[(Code, &str)] = &[
    (
        Code::TokenMalformed,
        "Send the token as the platform gives it: three parts, joined with dots, nothing before or \
         behind. One that was copied from a log is often masked or cut.",
    ),
    (
        Code::TokenTooLarge,
        "Ask the platform for fewer claims or groups, or raise limits.id_token_size.",
    ),
    (
        Code::AlgorithmRefused,
        "Add it to the issuer's algorithms if the issuer does sign so; `none` and HMAC are never \
         accepted.",
    ),
    (
        Code::TokenHeaderRefused,
        "Present an ID token: access tokens, encrypted and nested tokens are none.",
    ),
    (
        Code::IssuerUnknown,
        "Configure the issuer with this URL, byte for byte; a slash at the end counts.",
    ),
    (
        Code::KeyUnknown,
        "Is it a token of this very issuer? If its keys stand in a jwks_file, renew that.",
    ),
    (
        Code::KeyAmbiguous,
        "The issuer publishes several keys that fit; its tokens must name theirs by kid.",
    ),
    (
        Code::KeysUnavailable,
        "Can the issuer be reached from here? To judge the rules without its keys, say --no-verify.",
    ),
    (
        Code::SignatureInvalid,
        "The issuer did not sign this: it was changed or cut, or another system of the same name \
         made it.",
    ),
    (Code::ClaimsInvalid, "The platform must write the claim as RFC 7519 says."),
    (
        Code::TokenExpired,
        "Take a fresh token: ask for it in the step that uses it. If it is fresh, compare the \
         clocks.",
    ),
    (Code::TokenNotYetValid, "Compare the clocks of the platform and of the broker."),
    (Code::TokenTooOld, "Take a fresh token, or raise the issuer's max_token_age."),
    (
        Code::TokenLifetimeRefused,
        "Ask the platform for a shorter life, or raise the issuer's max_token_lifetime.",
    ),
    (
        Code::AudienceRefused,
        "Ask the platform for a token with exactly one audience: that of the service account.",
    ),
    (
        Code::NoRuleMatched,
        "Change the job or a rule until one matches; the list says what misses. Where there is no \
         list, no rule is for its issuer and audience, or none for the account that the caller names: \
         the detail says which.",
    ),
    (
        Code::RequestNotAllowed,
        "Let the rule allow it, if that is meant, or make the request with another account.",
    ),
    (Code::UnsafePath, "Write the path plainly; %2F inside a segment is fine."),
    (Code::CredentialMissing, "Send the ID token as `Authorization: Bearer`."),
    (
        Code::TokenReplayed,
        "Log in once and go on with the stand-in, or take a new token for each request.",
    ),
    (
        Code::StandInUnknown,
        "Log in again: a stand-in ends with its time, or with the process that made it.",
    ),
    (
        Code::ExchangeRefused,
        "In Octopus, give the service account an OIDC identity with exactly the issuer, subject \
         and audience of the token; `octobroker explain --token` prints them.",
    ),
];

/// The advice for a code; what is not told here, `docs/errors.md` tells.
pub(super) fn advice(code: Code) -> String {
    let row = ROWS.iter().find(|(of, _)| *of == code);
    row.map_or_else(
        || format!("The row `{}` in docs/errors.md says what to do.", code.as_str()),
        |(_, advice)| (*advice).to_owned(),
    )
}
