//! The service accounts, and what Octopus's rate limit leaves them.

use serde::Serialize;

use crate::broker::Broker;
use crate::octopus::{RateBudgets, RateLevel, ServiceAccount};

#[derive(Debug, Serialize)]
pub(in crate::admin) struct AccountStatus {
    pub(in crate::admin) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) audience: Option<String>,
    /// Whether it goes to Octopus with an API key, not with exchanged access tokens.
    pub(in crate::admin) has_api_key: bool,
    pub(in crate::admin) is_agent: bool,
    /// Not there until Octopus tells of a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) rate_budget: Option<BudgetStatus>,
}

/// In requests.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct BudgetStatus {
    pub(in crate::admin) limit: u64,
    pub(in crate::admin) remaining: u64,
    pub(in crate::admin) per_minute: u64,
    pub(in crate::admin) waiting: usize,
}

/// By name.
pub(super) fn of(broker: &Broker, budgets: &RateBudgets) -> Vec<AccountStatus> {
    let accounts = broker.service_accounts().map(|account: &ServiceAccount| AccountStatus {
        name: account.name.clone(),
        id: account.id.clone(),
        audience: account.audience.clone(),
        has_api_key: account.api_key.is_some(),
        is_agent: account.is_agent,
        rate_budget: budgets.level(account).map(BudgetStatus::of),
    });
    let mut accounts: Vec<AccountStatus> = accounts.collect();
    accounts.sort_by(|first, second| first.name.cmp(&second.name));
    accounts
}

impl BudgetStatus {
    fn of(level: RateLevel) -> Self {
        Self {
            limit: whole(level.limit),
            remaining: whole(level.remaining),
            per_minute: whole(level.per_minute),
            waiting: level.waiting,
        }
    }
}

/// Octopus's numbers may have fractions, and be any.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float stays within its target"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}
