//! `octobroker check --test`: rule tests, judged as the broker would, without any network.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::Exit;
use super::explain::mask;
use super::identity::block_on;
use super::page::{Mark, Page};
use super::rehearsal::{Asked, Judgement, Rehearsal};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Expected, RuleTest, TestSample};
use crate::identity::{Check, End, IdToken, Inspection, Keys};
use crate::telemetry::Code;

/// What came of all tests.
#[derive(Debug)]
pub(super) struct RuleTestRun {
    outcomes: Vec<Outcome>,
}

/// What came of one.
#[derive(Debug)]
struct Outcome {
    name: String,
    line: usize,
    is_ok: bool,
    wanted: String,
    got: String,
    code: Option<Code>,
    rule: Option<String>,
    service_account: Option<String>,
    /// More on what was got: the check or the conditions that failed.
    because: Vec<String>,
}

impl RuleTestRun {
    /// Runs them all.
    pub(super) fn of(tests: &[RuleTest], config: Config) -> Result<Self, Exit> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let token_bytes = config.limits.id_token_bytes;
        let rehearsal = Rehearsal::of(config, Arc::clone(&clock)).ok_or(Exit::Failure)?;
        let mut outcomes = Vec::with_capacity(tests.len());
        let exit = block_on(async {
            for test in tests {
                let at = test.at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                let now = at.map_or_else(|| clock.unix_seconds(), |at| at.as_secs_f64());
                let inspection = inspect(&rehearsal, test, token_bytes, now).await;
                outcomes.push(outcome(&rehearsal, test, &inspection));
            }
            Exit::Ok
        });
        if exit == Exit::Ok { Ok(Self { outcomes }) } else { Err(exit) }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.is_ok)
    }

    fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| !outcome.is_ok).count()
    }

    /// A line for each, more for those that failed, and the sum.
    pub(super) fn write(&self, file: &str, page: &mut Page) {
        page.heading(file, []);
        for outcome in &self.outcomes {
            let mark = if outcome.is_ok { Mark::Good } else { Mark::Bad };
            let line =
                if outcome.is_ok { String::new() } else { format!(" (line {})", outcome.line) };
            page.listed(mark, &format!("{}{line}", outcome.name));
            if !outcome.is_ok {
                page.paragraph(6, &format!("wanted  {}", outcome.wanted));
                page.paragraph(6, &format!("got     {}", outcome.got));
                for because in &outcome.because {
                    page.paragraph(14, because);
                }
            }
        }
        let failed = self.failed();
        let passed = self.outcomes.len() - failed;
        page.paragraph(0, &format!("{passed} passed, {failed} failed"));
    }

    pub(super) fn json(&self, file: &str) -> Value {
        let test = |outcome: &Outcome| {
            json!({
                "name": outcome.name,
                "line": outcome.line,
                "ok": outcome.is_ok,
                "wanted": outcome.wanted,
                "got": {
                    "code": outcome.code.map_or("ok", Code::as_str),
                    "rule": outcome.rule,
                    "service_account": outcome.service_account,
                },
                "because": outcome.because,
            })
        };
        let failed = self.failed();
        json!({
            "file": file,
            "ok": failed == 0,
            "passed": self.outcomes.len() - failed,
            "failed": failed,
            "tests": self.outcomes.iter().map(test).collect::<Vec<_>>(),
        })
    }
}

async fn inspect(
    rehearsal: &Rehearsal,
    test: &RuleTest,
    token_bytes: usize,
    now: f64,
) -> Inspection {
    match &test.sample {
        TestSample::Claims(claims) => {
            let end = if test.at.is_none() { End::Optional } else { End::Required };
            rehearsal.verifier.inspect_claims(claims, end, now)
        }
        TestSample::Token(text) => match IdToken::parse(text.expose(), token_bytes) {
            Ok(token) => rehearsal.verifier.inspect(&token, Keys::Spared, now).await,
            Err(error) => Inspection::of_no_token(error.into()),
        },
    }
}

fn outcome(rehearsal: &Rehearsal, test: &RuleTest, inspection: &Inspection) -> Outcome {
    let asked = test.request.as_ref().map(|request| Asked {
        method: request.method.clone(),
        target: request.target.clone(),
        body: request.body.clone(),
    });
    let uncounted: &[Check] = if test.at.is_none() { &[Check::Times] } else { &[] };
    let account = test.service_account.as_deref();
    let judgement = rehearsal.judge(inspection, account, asked.as_ref(), uncounted);
    let decisive = judgement.decisive();
    Outcome {
        name: test.name.clone(),
        line: test.line,
        is_ok: is_met(&test.expected, &judgement),
        wanted: wanted(&test.expected),
        got: match (judgement.code, decisive) {
            (None, Some(rule)) => format!("allowed, by {} as {}", rule.name, rule.service_account),
            (code, _) => format!("refused: {}", code.map_or("ok", Code::as_str)),
        },
        code: judgement.code,
        rule: decisive.map(|rule| rule.name.clone()),
        service_account: decisive.map(|rule| rule.service_account.clone()),
        because: because(&judgement, &test.expected, uncounted),
    }
}

fn is_met(expected: &Expected, judgement: &Judgement<'_>) -> bool {
    match (expected, judgement.code) {
        (Expected::Refused(wanted), Some(code)) => wanted.is_none_or(|wanted| wanted == code),
        (Expected::Allowed { rule, service_account }, None) => {
            let decisive = judgement.decisive();
            decisive.is_some_and(|decisive| {
                rule.as_ref().is_none_or(|rule| *rule == decisive.name)
                    && service_account.as_ref().is_none_or(|it| *it == decisive.service_account)
            })
        }
        _ => false,
    }
}

fn wanted(expected: &Expected) -> String {
    match expected {
        Expected::Refused(None) => "refused".to_owned(),
        Expected::Refused(Some(code)) => format!("refused: {code}"),
        Expected::Allowed { rule, service_account } => {
            let rule = rule.as_ref().map_or_else(String::new, |rule| format!(", by {rule}"));
            let account = service_account.as_ref();
            let account = account.map_or_else(String::new, |account| format!(" as {account}"));
            format!("allowed{rule}{account}")
        }
    }
}

/// What failed: a check, the request, or the conditions of the rule that was wanted, else of the
/// nearest.
fn because(judgement: &Judgement<'_>, expected: &Expected, uncounted: &[Check]) -> Vec<String> {
    if let Some((_, error)) = judgement.inspection.failure(uncounted) {
        return vec![error.to_string()];
    }
    if judgement.code.is_some()
        && let Some((rule, request)) = judgement.decisive().zip(judgement.request.as_ref())
    {
        let reason = request.by(rule).err().unwrap_or_default();
        return vec![format!("{} accepts the token, but {reason}", rule.name)];
    }
    let named = match expected {
        Expected::Allowed { rule: Some(wanted), .. } => {
            judgement.trials.iter().find(|trial| trial.rule.name == *wanted)
        }
        _ => None,
    };
    let nearest = || judgement.nearest().filter(|_| judgement.decisive().is_none());
    let Some(trial) = named.or_else(nearest) else { return Vec::new() };
    let name = &trial.rule.name;
    let Some(claims) = &judgement.inspection.claims else { return Vec::new() };
    let missed = trial.missed.iter().map(|missed| {
        let actual = mask::actual(claims, &missed.claim);
        format!("{name}: {} is {actual}, expected {}", missed.claim, missed.expected)
    });
    let missed: Vec<String> = missed.collect();
    match (missed.is_empty(), trial.exclusion) {
        (true, Some(exclusion)) => {
            vec![format!("{name} is for another {}", exclusion.as_str())]
        }
        _ => missed,
    }
}
