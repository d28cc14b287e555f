//! The turns of one request in its service account's rate budget: it waits when the budget is
//! spent, and once more after a 429, as long as its patience lasts.

use std::sync::Arc;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Proxy;
use super::journey::Journey;
use crate::broker::Admission;
use crate::http_client;
use crate::limits;
use crate::octopus::{Caller, Lease, RateBudget, Turn};

/// One request's claim to be sent.
#[derive(Debug)]
pub(super) struct Turns {
    /// `None` for a request that is made as nobody.
    budget: Option<(Arc<RateBudget>, Caller)>,
    patience: Instant,
}

impl Turns {
    /// For a request of this admission, which waits until `patience` ends.
    pub(super) fn of(proxy: &Proxy, admission: Option<&Admission>, patience: Instant) -> Self {
        let budget = admission.map(|admission| {
            let account = admission.service_account();
            let caller = Caller { number: admission.caller_number(), is_agent: account.is_agent };
            (proxy.rate_budgets.of(account), caller)
        });
        Self { budget, patience }
    }

    /// Waits for the next turn.
    pub(super) async fn next(&self, journey: &mut Journey) -> Turn {
        let Some((budget, caller)) = &self.budget else { return Turn::free() };
        let turn = budget.turn(*caller, self.patience).await;
        journey.held(turn.waited);
        turn
    }

    /// Whether a refused request may wait for another turn.
    pub(super) fn may_wait_after(&self, status: StatusCode) -> bool {
        status == StatusCode::TOO_MANY_REQUESTS
            && self.budget.as_ref().is_some_and(|(budget, _)| budget.has_hope(self.patience))
    }
}

/// Reads what is left of an answer that nobody gets, so that its connection serves on.
pub(super) async fn discard(answer: Response<Incoming>, lease: Lease) {
    let read = http_client::read_capped(answer.into_body(), limits::REPLAY_BODY_BYTES);
    let read = tokio::time::timeout(limits::REFUSED_BODY_TIME, read).await;
    if let Ok(Ok(_)) = read {
        lease.put_back();
    }
}
