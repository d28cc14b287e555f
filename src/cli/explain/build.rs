//! From what the judges say to the explanation.

use serde_json::{Map, Value};

use super::advice::advice;
use super::mask;
use super::octopus_side::OctopusSide;
use super::report::{
    CheckLine, Explanation, Fit, MissedLine, Outcome, RequestLine, RuleLine, TokenFacts,
};
use super::timing::{Timing, relative};
use crate::cli::rehearsal::{Asked, Judgement, Rehearsal, RequestJudgement};
use crate::identity::{Check, CheckOutcome, Inspection, Json, VerifyError};
use crate::octopus::Capability;
use crate::telemetry::Code;
use crate::trust::Exclusion;

/// What to do about claims that name no issuer.
const UNISSUED: &str =
    "Say whose claims they are: --issuer NAME, by its configured name; or write `iss` into them.";

/// What was asked for, beside the token.
pub(super) struct Question<'a> {
    /// The account that the caller names.
    pub(super) service_account: Option<&'a str>,
    pub(super) asked: Option<&'a Asked>,
    /// Checks that may fail.
    pub(super) uncounted: &'a [Check],
    /// True for bare claims that name no issuer.
    pub(super) is_unissued: bool,
    /// Of the token.
    pub(super) fingerprint: Option<String>,
    /// Seconds since 1970.
    pub(super) now: f64,
}

impl Explanation {
    pub(super) fn of(
        rehearsal: &Rehearsal,
        judgement: &Judgement<'_>,
        question: &Question<'_>,
    ) -> Self {
        let inspection = judgement.inspection;
        let decides = judgement.decisive().map(|rule| rule.name.clone());
        let nearest = judgement.nearest().filter(|_| decides.is_none());
        Self {
            ok: judgement.code.is_none(),
            code: judgement.code.map_or("ok", Code::as_str),
            summary: summary(judgement, question),
            signature_checked: has_signature(inspection),
            token: TokenFacts::of(inspection, question),
            checks: inspection
                .checks
                .iter()
                .map(|made| check(rehearsal, made, (inspection, question)))
                .collect(),
            service_account: question.service_account.map(str::to_owned),
            decides,
            nearest: nearest.map(|trial| trial.rule.name.clone()),
            rules: rules(judgement),
            request: request(judgement, question),
            octopus: octopus(rehearsal, judgement),
        }
    }
}

fn has_signature(inspection: &Inspection) -> bool {
    inspection.checks.contains(&(Check::Signature, CheckOutcome::Held))
}

/// The outcome in a sentence.
fn summary(judgement: &Judgement<'_>, question: &Question<'_>) -> String {
    let malformed = judgement.request.as_ref().and_then(RequestJudgement::malformed);
    if let Some((_, why)) = malformed {
        return format!(
            "The broker would refuse this request before it looks at the token: {why}."
        );
    }
    if let Some((_, error)) = judgement.inspection.failure(question.uncounted) {
        return format!("The broker would refuse this token: {error}.");
    }
    let nearest = judgement.nearest();
    match (judgement.decisive(), judgement.code) {
        (Some(rule), None) => {
            let condition = if has_signature(judgement.inspection) {
                "T"
            } else {
                "If the token is genuine, t"
            };
            let (account, rule) = (&rule.service_account, &rule.name);
            format!("{condition}he broker would act as {account}, by the rule {rule}.")
        }
        (Some(rule), Some(_)) => {
            let reason = judgement.request.as_ref().and_then(|request| request.by(rule).err());
            let reason = reason.unwrap_or_default();
            format!("The rule {} accepts the token, but not the request: {reason}.", rule.name)
        }
        (None, _) => match (nearest, question.service_account) {
            (Some(trial), _) => format!(
                "No rule accepts this token. The nearest is {}: {} of its {} conditions {}.",
                trial.rule.name,
                trial.missed.len(),
                trial.rule.conditions.len(),
                if trial.missed.len() == 1 { "fails" } else { "fail" },
            ),
            (None, Some(account)) => format!(
                "No rule for the service account {account} is for tokens of this issuer and \
                 audience."
            ),
            (None, None) => "No rule is for tokens of this issuer and audience.".to_owned(),
        },
    }
}

impl TokenFacts {
    fn of(inspection: &Inspection, question: &Question<'_>) -> Option<Self> {
        let payload = inspection.payload.as_ref()?;
        let claims = mask::shown(payload);
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut header = match inspection.header.as_ref().map(mask::shown) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        // Keys and certificates may stand there too: long, and never used.
        header.retain(|name, _| ["alg", "kid", "typ"].contains(&name.as_str()));
        Some(Self {
            issuer: text("iss"),
            issuer_name: inspection.issuer.as_ref().map(|issuer| issuer.name.clone()),
            subject: text("sub"),
            audience: claims.get("aud").cloned().unwrap_or_default(),
            timing: Timing::of(payload, question.now),
            fingerprint: question.fingerprint.clone(),
            header,
            claims,
        })
    }
}

fn check(
    rehearsal: &Rehearsal,
    (check, made): &(Check, CheckOutcome),
    (inspection, question): (&Inspection, &Question<'_>),
) -> CheckLine {
    let (outcome, code, found) = match made {
        CheckOutcome::Held => (Outcome::Holds, None, held(*check, inspection, question.now)),
        CheckOutcome::Failed(error) => {
            let counts = !question.uncounted.contains(check);
            let outcome = if counts { Outcome::Fails } else { Outcome::Noted };
            let found = format!("{error}{}", hint(rehearsal, inspection, error));
            (outcome, Some(error.code()), found)
        }
        CheckOutcome::Skipped => (Outcome::Skipped, None, "not checked".to_owned()),
        CheckOutcome::Impossible => {
            (Outcome::Impossible, None, "can't be checked after what failed".to_owned())
        }
    };
    let asks_for_issuer = match made {
        CheckOutcome::Failed(VerifyError::Claims(error)) => {
            question.is_unissued && error.claim() == "iss"
        }
        _ => false,
    };
    let advice = |code| if asks_for_issuer { UNISSUED.to_owned() } else { advice(code) };
    CheckLine {
        check: check.as_str(),
        outcome,
        code: code.map(Code::as_str),
        found,
        advice: code.filter(|_| outcome == Outcome::Fails).map(advice),
    }
}

fn header<'a>(inspection: &'a Inspection, member: &str) -> Option<&'a str> {
    match &inspection.header {
        Some(Json::Object(members)) => members.get(member).and_then(Json::as_str),
        _ => None,
    }
}

/// What was found where nothing is wrong.
fn held(check: Check, inspection: &Inspection, now: f64) -> String {
    match check {
        Check::Form => "three parts of base64url".to_owned(),
        Check::Header => match (header(inspection, "alg"), header(inspection, "kid")) {
            (Some(algorithm), Some(key)) => format!("{algorithm}, key {key}"),
            (Some(algorithm), None) => format!("{algorithm}, no key id"),
            _ => String::new(),
        },
        Check::Issuer => {
            let issuer = inspection.issuer.as_ref();
            issuer.map_or_else(String::new, |issuer| format!("configured as {}", issuer.name))
        }
        Check::Key => "the issuer has it".to_owned(),
        Check::Signature => "the key made it".to_owned(),
        Check::Claims => "of the right types".to_owned(),
        Check::Times => {
            let timing = inspection.payload.as_ref().map(|payload| Timing::of(payload, now));
            let left = timing.and_then(|timing| timing.expires_in_seconds);
            match left {
                Some(left @ ..0) => format!("expired {}, which is forgiven", relative(left)),
                Some(left) => format!("expires {}", relative(left)),
                None => String::new(),
            }
        }
        Check::Audience => inspection.audience.clone().unwrap_or_default(),
    }
}

/// What is likely meant, from the configuration.
fn hint(rehearsal: &Rehearsal, inspection: &Inspection, error: &VerifyError) -> String {
    match error {
        VerifyError::Algorithm => {
            let named = header(inspection, "alg").unwrap_or_default();
            let accepted = inspection.issuer.as_ref().map(|issuer| {
                let names = issuer.algorithms.iter().map(|algorithm| algorithm.as_str());
                format!(", and {} signs with {}", issuer.name, few(&names.collect::<Vec<_>>()))
            });
            format!("; it is {named:?}{}", accepted.unwrap_or_default())
        }
        VerifyError::IssuerUnknown { found } => {
            let bare = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
            let issuers: Vec<_> = rehearsal.verifier.issuers().collect();
            let twin = issuers.iter().find(|(issuer, _)| bare(&issuer.url) == bare(found));
            if let Some((twin, _)) = twin {
                let name = &twin.name;
                return format!(
                    "; {name} differs only in case or in a slash at its end: {:?}",
                    twin.url
                );
            }
            let mut names: Vec<&str> =
                issuers.iter().map(|(issuer, _)| issuer.url.as_str()).collect();
            names.sort_unstable();
            format!("; configured are {}", few(&names))
        }
        VerifyError::Audience { .. } => {
            let audiences: Vec<String> = rehearsal.audiences();
            let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
            format!("; those are {}", few(&audiences))
        }
        _ => String::new(),
    }
}

fn few(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn rules(judgement: &Judgement<'_>) -> Vec<RuleLine> {
    let claims = judgement.inspection.claims.as_ref();
    let mut lines: Vec<RuleLine> = judgement
        .trials
        .iter()
        .zip(1..)
        .map(|(trial, position)| {
            let rule = trial.rule;
            let missed = trial.missed.iter().map(|missed| MissedLine {
                claim: missed.claim.clone(),
                expected: missed.expected.clone(),
                actual: claims
                    .map_or_else(String::new, |claims| mask::actual(claims, &missed.claim)),
            });
            RuleLine {
                rule: rule.name.clone(),
                position,
                issuer: rule.issuer.clone(),
                service_account: rule.service_account.clone(),
                audience: rule.audience.clone(),
                outcome: match trial.exclusion {
                    Some(Exclusion::Issuer) => Fit::OtherIssuer,
                    Some(Exclusion::Audience) => Fit::OtherAudience,
                    Some(Exclusion::ServiceAccount) => Fit::OtherServiceAccount,
                    None if trial.missed.is_empty() => Fit::Matches,
                    None => Fit::Misses,
                },
                conditions: rule.conditions.len(),
                missed: missed.collect(),
                allows_request: judgement.request.as_ref().map(|request| request.by(rule).is_ok()),
            }
        })
        .collect();
    // What misses least comes first; else the order of the file stays.
    lines.sort_by_key(|line| (line.outcome, line.missed.len()));
    lines
}

fn request(judgement: &Judgement<'_>, question: &Question<'_>) -> Option<RequestLine> {
    let (asked, request) = (question.asked?, judgement.request.as_ref()?);
    let refused = match (judgement.decisive(), request.never) {
        (_, Some((_, why))) => Some(why.to_owned()),
        (Some(rule), None) => request.by(rule).err(),
        (None, None) => Some("no rule matches the token".to_owned()),
    };
    Some(RequestLine {
        method: asked.method.to_string(),
        path: asked.target.split('?').next().unwrap_or_default().to_owned(),
        route: request.route(),
        needs: request.needs().map(Capability::as_str),
        allowed: refused.is_none(),
        reason: refused,
    })
}

/// For the rule that decides; without one, for that which misses least.
fn octopus(rehearsal: &Rehearsal, judgement: &Judgement<'_>) -> Option<OctopusSide> {
    let nearest = || judgement.nearest().map(|trial| trial.rule);
    let rule = judgement.decisive().or_else(nearest)?;
    let account = rehearsal.account(&rule.service_account)?;
    let (issuer, claims) =
        (judgement.inspection.issuer.as_ref()?, judgement.inspection.claims.as_ref()?);
    Some(OctopusSide::of(rule, account, issuer, claims))
}
