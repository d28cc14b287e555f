//! What the broker would do with a token or a claim set: the product's own judges, one after the
//! other, without a server and without Octopus.

use std::sync::Arc;

use http::Method;

use crate::clock::Clock;
use crate::config::Config;
use crate::identity::{Check, Inspection, Verifier};
use crate::limits;
use crate::octopus::{Call, Capability, Grant, NotAllowed, Route, ServiceAccount};
use crate::proxy::check_target;
use crate::telemetry::{Code, Labels, Metrics};
use crate::trust::{Policy, Rule, Trial};

/// The judges of one configuration.
pub(super) struct Rehearsal {
    pub(super) verifier: Verifier,
    pub(super) accounts: Vec<ServiceAccount>,
    policy: Policy<Arc<Grant>>,
    audiences: Vec<String>,
    path_prefix: String,
}

/// A request that the token is to be used for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Path and query, as sent.
    pub(super) target: String,
    /// If it is known.
    pub(super) body: Option<Vec<u8>>,
}

/// What the judges say, in the end and in between.
pub(super) struct Judgement<'a> {
    pub(super) inspection: &'a Inspection,
    /// Every rule, in the order of the file; none where the claims can't be read or the issuer is
    /// not known.
    pub(super) trials: Vec<Trial<'a, Arc<Grant>>>,
    /// Why the broker would refuse; `None` if it would not.
    pub(super) code: Option<Code>,
    /// Of the request, if one was named.
    pub(super) request: Option<RequestJudgement>,
}

/// What is asked of a rule for a request.
#[derive(Debug)]
pub(super) struct RequestJudgement {
    asked: Asked,
    route: Route,
    /// Why no rule at all would do, with the code for it.
    pub(super) never: Option<(Code, &'static str)>,
    /// Where the path begins that Octopus's routes know.
    below_at: usize,
}

impl Rehearsal {
    /// Nothing is fetched.
    pub(super) fn of(config: Config, clock: Arc<dyn Clock>) -> Option<Self> {
        let metrics = Metrics::new(&Labels::default()).ok()?;
        let audiences = config.audiences();
        Some(Self {
            audiences: audiences.iter().cloned().collect(),
            verifier: Verifier::new(config.issuers, audiences, clock, Arc::new(metrics)),
            policy: Policy::new(config.rules),
            accounts: config.service_accounts,
            path_prefix: config.upstream.path_prefix().to_owned(),
        })
    }

    /// Judges as the broker does: what was inspected, then the rules, then the request. Checks that
    /// are `uncounted` may fail.
    pub(super) fn judge<'a>(
        &'a self,
        inspection: &'a Inspection,
        service_account: Option<&str>,
        request: Option<&Asked>,
        uncounted: &[Check],
    ) -> Judgement<'a> {
        let trials = match (&inspection.issuer, &inspection.claims) {
            (Some(issuer), Some(claims)) => {
                let audience = inspection.audience.as_deref();
                self.policy.trials(&issuer.name, audience, claims, service_account)
            }
            _ => Vec::new(),
        };
        let request = request.map(|asked| self.request(asked));
        let mut judgement = Judgement { inspection, trials, code: None, request };
        judgement.code = judgement.refusal(uncounted);
        judgement
    }

    /// The account that a caller means by a name or an id.
    pub(super) fn account(&self, name_or_id: &str) -> Option<&ServiceAccount> {
        let has_id = |account: &&ServiceAccount| {
            account.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(name_or_id))
        };
        let by_name = self.accounts.iter().find(|account| account.name == name_or_id);
        by_name.or_else(|| self.accounts.iter().find(has_id))
    }

    /// The audiences that tokens may have.
    pub(super) fn audiences(&self) -> Vec<String> {
        self.audiences.clone()
    }

    fn request(&self, asked: &Asked) -> RequestJudgement {
        let path = asked.target.split('?').next().unwrap_or_default();
        let below = path.strip_prefix(&self.path_prefix);
        let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
        let never = match (check_target(&asked.target), below) {
            (Err(code), _) => Some((code, "the path could be read in two ways, or is none")),
            (Ok(_), None) => Some((
                Code::RequestNotAllowed,
                "the path is outside the virtual directory of octopus.url",
            )),
            (Ok(_), Some(_)) => None,
        };
        RequestJudgement {
            asked: asked.clone(),
            route: Route::of(&asked.method, below.unwrap_or_default()),
            never,
            below_at: self.path_prefix.len(),
        }
    }
}

impl RequestJudgement {
    /// What is wrong with its form, which the broker sees before it looks at the token.
    pub(super) fn malformed(&self) -> Option<(Code, &'static str)> {
        self.never.filter(|(code, _)| *code != Code::RequestNotAllowed)
    }

    /// The template of the route.
    pub(super) const fn route(&self) -> &'static str {
        self.route.template
    }

    /// The capability that it needs; none for what nobody may do.
    pub(super) const fn needs(&self) -> Option<Capability> {
        if self.never.is_some() { None } else { self.route.needs }
    }

    /// Whether a rule lets the request through; else why not.
    pub(super) fn by(&self, rule: &Rule<Arc<Grant>>) -> Result<(), String> {
        if let Some((_, why)) = self.never {
            return Err(why.to_owned());
        }
        let below = self.asked.target.get(self.below_at..).unwrap_or_default();
        let call = Call::new(&self.asked.method, below);
        let said = |refused: NotAllowed| refused.to_string();
        rule.grant.judge(&call).map_err(said)?;
        if !rule.grant.wants_body(&call) {
            return Ok(());
        }
        match &self.asked.body {
            Some(body) if body.len() > limits::JUDGED_BODY_BYTES => {
                Err("the rule judges the body, which is too large for that".to_owned())
            }
            Some(body) => rule.grant.judge_body(&call, body).map_err(said),
            None => Err("the rule judges the body, which was not named".to_owned()),
        }
    }
}

impl<'a> Judgement<'a> {
    /// The rule that decides: the first that matches.
    pub(super) fn decisive(&self) -> Option<&'a Rule<Arc<Grant>>> {
        self.trials.iter().find(|trial| trial.is_match()).map(|trial| trial.rule)
    }

    /// Of the rules that were tried and don't match, the one that misses least.
    pub(super) fn nearest(&self) -> Option<&Trial<'a, Arc<Grant>>> {
        let tried = self.trials.iter().filter(|trial| trial.exclusion.is_none());
        let missed = tried.filter(|trial| !trial.is_match());
        missed.min_by_key(|trial| trial.missed.len())
    }

    fn refusal(&self, uncounted: &[Check]) -> Option<Code> {
        let malformed = self.request.as_ref().and_then(RequestJudgement::malformed);
        if let Some((code, _)) = malformed {
            return Some(code);
        }
        if let Some((_, error)) = self.inspection.failure(uncounted) {
            return Some(error.code());
        }
        let Some(rule) = self.decisive() else {
            return Some(Code::NoRuleMatched);
        };
        let request = self.request.as_ref()?;
        request.by(rule).err()?;
        Some(request.never.map_or(Code::RequestNotAllowed, |(code, _)| code))
    }
}
