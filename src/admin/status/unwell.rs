//! What somebody should look at. Refusals are not among it: they are what the broker is for.

use super::{ConfigStatus, IssuerStatus, Status};

/// A sentence each, the gravest kind first.
pub(super) fn sentences(status: &Status) -> Vec<String> {
    let issuers = status.issuers.iter().filter_map(|issuer| of_issuer(issuer, status.is_ready));
    let own = status.own_identity.as_ref().and_then(|own| own.error.as_ref());
    let own = own.map(|error| format!("the broker's own ID token can't be had: {error}"));
    let budgets = status.service_accounts.iter().filter_map(|account| {
        let budget = account.rate_budget.as_ref().filter(|budget| budget.waiting > 0)?;
        let (name, waiting) = (&account.name, budget.waiting);
        Some(format!("Octopus's rate limit for {name} is spent; requests that wait: {waiting}"))
    });
    issuers.chain(own).chain(of_config(&status.config)).chain(budgets).collect()
}

fn of_issuer(issuer: &IssuerStatus, is_ready: bool) -> Option<String> {
    let name = &issuer.name;
    match (&issuer.error, issuer.keys) {
        (Some(error), 0) => {
            Some(format!("there are no keys of {name}, and its tokens are refused: {error}"))
        }
        (Some(error), _) => {
            Some(format!("the keys of {name} can't be read again, and the last serve: {error}"))
        }
        (None, 0) if is_ready => {
            Some(format!("there are no usable keys of {name}, and its tokens are refused"))
        }
        (None, _) => None,
    }
}

fn of_config(config: &ConfigStatus) -> Option<String> {
    let last = config.last_reload.as_ref().filter(|last| !last.is_successful)?;
    let (at, count) = (last.at, last.problems.len());
    Some(format!(
        "the configuration of {at} can't be used, and the one before serves; problems: {count}"
    ))
}
