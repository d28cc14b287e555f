//! The last refusals, out of the lines of the log.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::telemetry::Decisions;

/// What a refusal's line says of who was refused what, and why. The line was cut and freed of
/// secrets when it was written.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::admin) struct Refusal {
    pub(in crate::admin) time: String,
    pub(in crate::admin) request_id: String,
    pub(in crate::admin) code: String,
    pub(in crate::admin) status: u16,
    pub(in crate::admin) method: String,
    pub(in crate::admin) path: String,
    pub(in crate::admin) peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) service_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) detail: Option<String>,
    /// For each rule that was tried the first condition that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::admin) missed: Vec<Miss>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::admin) struct Miss {
    pub(in crate::admin) rule: String,
    pub(in crate::admin) claim: String,
    pub(in crate::admin) expected: String,
    pub(in crate::admin) actual: String,
}

/// The newest first.
pub(super) fn of(decisions: &Decisions) -> Vec<Refusal> {
    let lines = decisions.refusals(limits::STATUS_REFUSALS).into_iter();
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}
