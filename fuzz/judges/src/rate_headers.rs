//! What Octopus says of its rate limits. Input: answers, each of up to four lines: an index of a
//! status and the values of three headers; an empty line stands between two answers.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Response};
use octobroker::clock::ManualClock;
use octobroker::limits;
use octobroker::octopus::{Caller, RateBudget, RateBudgets, ServiceAccount};
use octobroker::telemetry::{Labels, Metrics};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

const STATUSES: [u16; 4] = [200, 429, 503, 304];
const HEADERS: [&str; 3] = ["octopus-ratelimit-policy", "octopus-ratelimit", "retry-after"];

/// Whatever was said, nobody waits without end for what can be, and one good answer heals all.
pub fn judge(input: &[u8]) {
    runtime().block_on(async {
        let budget = budget();
        let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
        for answer in lines.split(|line| line.is_empty()).take(16) {
            say(&budget, answer).await;
        }
        let longest = Instant::now() + limits::RETRY_AFTER_MAX + Duration::from_secs(60);
        say(&budget, &[b"0", b"l=5;rpm=600", b"r=5"]).await;
        assert!(budget.has_hope(longest), "nothing will ever be sent again");
    });
}

async fn say(budget: &Arc<RateBudget>, answer: &[&[u8]]) {
    let caller = Caller { number: 1, is_agent: false };
    // Without patience it never waits.
    let turn = budget.turn(caller, Instant::now()).await;
    let mut lines = answer.iter();
    let status = lines.next().and_then(|line| line.first()).map_or(0, |byte| usize::from(*byte));
    let mut said = Response::new(());
    *said.status_mut() = STATUSES[status % 4].try_into().expect("a status");
    for (name, value) in HEADERS.into_iter().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            said.headers_mut().insert(name, value);
        }
    }
    turn.answered(&said);
    let _ = budget.has_hope(Instant::now());
}

fn budget() -> Arc<RateBudget> {
    let metrics = Metrics::new(&Labels::default()).expect("metrics");
    let budgets = RateBudgets::new(Arc::new(ManualClock::at(784_111_777)), Arc::new(metrics));
    budgets.of(&ServiceAccount {
        name: "bot".to_owned(),
        id: None,
        audience: None,
        api_key: None,
        is_agent: false,
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}
