//! Who may do what: the rules as they are tried.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::octopus::{CallPattern, Capability, Grant, Names};
use crate::trust::{Condition, Policy, Rule};

#[derive(Debug, Serialize)]
pub(in crate::admin) struct RuleStatus {
    pub(in crate::admin) name: String,
    pub(in crate::admin) issuer: String,
    pub(in crate::admin) service_account: String,
    pub(in crate::admin) audience: String,
    /// All of them must hold; those that the provider's preset adds come last.
    pub(in crate::admin) conditions: Vec<ConditionStatus>,
    #[serde(flatten)]
    pub(in crate::admin) grant: GrantStatus,
    /// Requests that it decided since the broker was started, whatever came of them.
    pub(in crate::admin) matched: u64,
}

#[derive(Debug, Serialize)]
pub(in crate::admin) struct ConditionStatus {
    pub(in crate::admin) claim: String,
    pub(in crate::admin) expected: String,
}

/// What may be done, and where. A list that is not there narrows nothing.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct GrantStatus {
    /// Capabilities, then calls of the operator's own.
    pub(in crate::admin) allow: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) spaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) projects: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) environments: Option<Vec<String>>,
}

/// In the order in which they are tried. `matched` is by name.
pub(super) fn of(policy: &Policy<Arc<Grant>>, matched: &HashMap<String, u64>) -> Vec<RuleStatus> {
    let status = |rule: &Rule<Arc<Grant>>| RuleStatus {
        name: rule.name.clone(),
        issuer: rule.issuer.clone(),
        service_account: rule.service_account.clone(),
        audience: rule.audience.clone(),
        conditions: rule.conditions.iter().map(ConditionStatus::of).collect(),
        grant: GrantStatus::of(&rule.grant),
        matched: matched.get(&rule.name).copied().unwrap_or_default(),
    };
    policy.rules().map(status).collect()
}

impl ConditionStatus {
    fn of(condition: &Condition) -> Self {
        Self { claim: condition.claim.to_string(), expected: condition.test.to_string() }
    }
}

impl GrantStatus {
    pub(super) fn of(grant: &Grant) -> Self {
        let capabilities = grant.allowed().iter().map(Capability::as_str).map(str::to_owned);
        let calls = grant.calls().iter().map(CallPattern::to_string);
        let narrowing = grant.narrowing();
        let listed = |names: &Option<Names>| names.as_ref().map(|names| names.listed().to_vec());
        Self {
            allow: capabilities.chain(calls).collect(),
            spaces: listed(&narrowing.spaces),
            projects: listed(&narrowing.projects),
            environments: listed(&narrowing.environments),
        }
    }
}
