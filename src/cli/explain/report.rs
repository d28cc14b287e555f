//! The explanation as data: what the page and the JSON are made from. Its shape is a promise:
//! `docs/explain.md`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::octopus_side::OctopusSide;
use super::timing::Timing;

/// Everything that can be said.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// Whether the token, and the request if one was named, would be let through.
    pub(super) ok: bool,
    /// `ok`, or the word that the broker would answer.
    pub(super) code: &'static str,
    pub(super) summary: String,
    /// Whether a key of the issuer was found to have signed it.
    pub(super) signature_checked: bool,
    pub(super) token: Option<TokenFacts>,
    pub(super) checks: Vec<CheckLine>,
    /// The account that the caller named.
    pub(super) service_account: Option<String>,
    /// The rule that decides.
    pub(super) decides: Option<String>,
    /// The rule that misses least, where none matches.
    pub(super) nearest: Option<String>,
    /// Those that were tried first, the nearest of them first.
    pub(super) rules: Vec<RuleLine>,
    pub(super) request: Option<RequestLine>,
    pub(super) octopus: Option<OctopusSide>,
}

/// What the token says. Nobody vouches for it unless the signature was checked.
#[derive(Debug, Serialize)]
pub(super) struct TokenFacts {
    pub(super) issuer: Option<String>,
    /// Its configured name.
    pub(super) issuer_name: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) audience: Value,
    #[serde(flatten)]
    pub(super) timing: Timing,
    /// The beginning of its hash, which the log has too.
    pub(super) fingerprint: Option<String>,
    pub(super) header: Map<String, Value>,
    pub(super) claims: Value,
}

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct CheckLine {
    pub(super) check: &'static str,
    pub(super) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'static str>,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Holds,
    /// The broker would refuse here, if not before.
    Fails,
    /// It fails, and does not count here.
    Noted,
    Skipped,
    /// What failed before leaves nothing to check.
    Impossible,
}

/// One rule.
#[derive(Debug, Serialize)]
pub(super) struct RuleLine {
    pub(super) rule: String,
    /// From 1, in the file.
    pub(super) position: usize,
    pub(super) issuer: String,
    pub(super) service_account: String,
    pub(super) audience: String,
    pub(super) outcome: Fit,
    pub(super) conditions: usize,
    pub(super) missed: Vec<MissedLine>,
    /// Whether it would let the request through; absent without a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allows_request: Option<bool>,
}

/// How a rule fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fit {
    /// It matches; the first of these in the file decides.
    Matches,
    Misses,
    OtherServiceAccount,
    OtherAudience,
    OtherIssuer,
}

/// A condition that fails.
#[derive(Debug, Serialize)]
pub(super) struct MissedLine {
    pub(super) claim: String,
    pub(super) expected: String,
    pub(super) actual: String,
}

/// The request that was named.
#[derive(Debug, Serialize)]
pub(super) struct RequestLine {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) route: &'static str,
    /// The capability that it needs; none if nobody may make it.
    pub(super) needs: Option<&'static str>,
    pub(super) allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}
