//! Taking turns: when a service account's budget is known to be spent, requests wait here instead
//! of being refused there.
//!
//! Turns go round the callers, so that one job with a thousand requests does not hold up another
//! with one; agents come after everybody else. A request waits no longer than its patience, and
//! then goes as it would have gone without a broker.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use fnv::FnvHashMap;
use http::Response;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::rate_bucket::Bucket;
use super::rate_limit::Advice;
use super::service_account::ServiceAccount;
use crate::clock::Clock;
use crate::tasks;
use crate::telemetry::Metrics;

/// The budgets of all service accounts, each made when it is first needed.
#[derive(Debug)]
pub struct RateBudgets {
    /// By the account's name.
    budgets: RwLock<FnvHashMap<String, Arc<RateBudget>>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// The budget of one service account. Octopus keeps one for each of its users.
#[derive(Debug)]
pub struct RateBudget {
    service_account: String,
    /// Who the account is at Octopus: another user under the same name has a budget of its own.
    id: Option<String>,
    state: Mutex<State>,
    /// Something is known that was not: whoever waits for a refill looks again.
    news: Notify,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// Whose turn it is: the same number is the same caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Who it is.
    pub number: u64,
    /// Agents come after everybody else.
    pub is_agent: bool,
}

/// What is left of a budget, as well as it can be known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLevel {
    /// Most requests at once.
    pub limit: f64,
    /// Whole requests left now.
    pub remaining: f64,
    /// Requests that become possible a minute.
    pub per_minute: f64,
    /// Requests that wait for their turn.
    pub waiting: usize,
}

/// A request's turn. It counts as being under way until it is answered or dropped.
#[derive(Debug)]
pub struct Turn {
    budget: Option<Arc<RateBudget>>,
    /// How long it was waited for.
    pub waited: Duration,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    queue: Queue,
    is_pumping: bool,
}

/// Those who wait, by caller, in two classes.
#[derive(Debug, Default)]
struct Queue {
    everybody: Lane,
    agents: Lane,
}

#[derive(Debug, Default)]
struct Lane {
    /// Each caller that waits, once.
    order: VecDeque<u64>,
    waiting: HashMap<u64, VecDeque<oneshot::Sender<()>>>,
}

impl RateBudgets {
    /// Nothing known yet.
    pub fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { budgets: RwLock::default(), clock, metrics }
    }

    /// The budget of an account.
    pub fn of(&self, account: &ServiceAccount) -> Arc<RateBudget> {
        if let Some(known) =
            known(&self.budgets.read().unwrap_or_else(PoisonError::into_inner), account)
        {
            return known;
        }
        let mut budgets = self.budgets.write().unwrap_or_else(PoisonError::into_inner);
        // Another request of the account may have been first.
        if let Some(known) = known(&budgets, account) {
            return known;
        }
        let bucket = Bucket::new(Instant::now());
        let state = State { bucket, queue: Queue::default(), is_pumping: false };
        let budget = Arc::new(RateBudget {
            service_account: account.name.clone(),
            id: account.id.clone(),
            state: Mutex::new(state),
            news: Notify::new(),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
        });
        budgets.insert(account.name.clone(), Arc::clone(&budget));
        budget
    }

    /// What is left for an account; `None` until Octopus has told of a limit.
    pub fn level(&self, account: &ServiceAccount) -> Option<RateLevel> {
        let known = known(&self.budgets.read().unwrap_or_else(PoisonError::into_inner), account);
        known?.level()
    }
}

fn known(
    budgets: &FnvHashMap<String, Arc<RateBudget>>,
    account: &ServiceAccount,
) -> Option<Arc<RateBudget>> {
    budgets.get(&account.name).filter(|known| known.id == account.id).cloned()
}

impl RateBudget {
    /// Waits for a turn, until `patience` ends at the latest.
    pub async fn turn(self: &Arc<Self>, caller: Caller, patience: Instant) -> Turn {
        let Some(ticket) = self.queue_up(caller, patience) else {
            return Turn { budget: Some(Arc::clone(self)), waited: Duration::ZERO };
        };
        let start = Instant::now();
        self.metrics.rate_limit_waited(&self.service_account);
        let is_granted = matches!(timeout_at(patience, ticket).await, Ok(Ok(())));
        if !is_granted {
            // It goes all the same, and Octopus says what it says.
            self.lock().bucket.send();
        }
        Turn { budget: Some(Arc::clone(self)), waited: start.elapsed() }
    }

    /// Whether a turn may come before `patience` ends.
    pub fn has_hope(&self, patience: Instant) -> bool {
        let now = Instant::now();
        self.lock().bucket.ready_in(now) <= patience.saturating_duration_since(now)
    }

    fn level(&self) -> Option<RateLevel> {
        let mut state = self.lock();
        let (policy, remaining) = state.bucket.level(Instant::now())?;
        let (limit, per_minute) = (policy.burst, policy.per_second * 60.0);
        Some(RateLevel { limit, remaining, per_minute, waiting: state.queue.len() })
    }

    /// `None` if there is nothing to wait for, or no sense in it.
    fn queue_up(
        self: &Arc<Self>,
        caller: Caller,
        patience: Instant,
    ) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        let now = Instant::now();
        let wait = state.bucket.ready_in(now);
        let is_free = state.queue.is_empty() && wait.is_zero();
        if is_free || wait > patience.saturating_duration_since(now) {
            state.bucket.send();
            return None;
        }
        let ticket = state.queue.push(caller);
        if !std::mem::replace(&mut state.is_pumping, true) {
            tasks::spawn(Arc::clone(self).pump());
        }
        Some(ticket)
    }

    /// Gives out turns as they become possible, until nobody waits.
    async fn pump(self: Arc<Self>) {
        loop {
            let wait = {
                let mut state = self.lock();
                if state.queue.is_empty() {
                    state.is_pumping = false;
                    return;
                }
                let wait = state.bucket.ready_in(Instant::now());
                // Whoever has gone takes no turn.
                if wait.is_zero() && state.queue.pop().is_some_and(|next| next.send(()).is_ok()) {
                    state.bucket.send();
                }
                wait
            };
            if !wait.is_zero() {
                // Sooner, if an answer says so.
                let _ = tokio::time::timeout(wait, self.news.notified()).await;
            }
        }
    }

    fn answered<B>(&self, answer: &Response<B>) {
        let advice = Advice::read(answer.status(), answer.headers(), &*self.clock);
        let remaining = {
            let mut state = self.lock();
            state.bucket.answered(&advice, Instant::now());
            state.bucket.remaining()
        };
        if let Some(remaining) = remaining {
            self.metrics.rate_limit_remaining(&self.service_account, remaining);
        }
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// For a request that is made as nobody.
    pub const fn free() -> Self {
        Self { budget: None, waited: Duration::ZERO }
    }

    /// Learns from an answer.
    pub fn answered<B>(mut self, answer: &Response<B>) {
        if let Some(budget) = self.budget.take() {
            budget.answered(answer);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.lock().bucket.abandon();
        }
    }
}

impl Queue {
    fn push(&mut self, caller: Caller) -> oneshot::Receiver<()> {
        let (grant, ticket) = oneshot::channel();
        let lane = if caller.is_agent { &mut self.agents } else { &mut self.everybody };
        let waiting = lane.waiting.entry(caller.number).or_default();
        if waiting.is_empty() {
            lane.order.push_back(caller.number);
        }
        waiting.push_back(grant);
        ticket
    }

    fn pop(&mut self) -> Option<oneshot::Sender<()>> {
        self.everybody.pop().or_else(|| self.agents.pop())
    }

    /// How many wait, those who have gone left out.
    fn len(&self) -> usize {
        let lanes = [&self.everybody, &self.agents].into_iter();
        let grants = lanes.flat_map(|lane| lane.waiting.values()).flatten();
        grants.filter(|grant| !grant.is_closed()).count()
    }

    fn is_empty(&self) -> bool {
        self.everybody.order.is_empty() && self.agents.order.is_empty()
    }
}

impl Lane {
    /// The next of the caller whose turn it is; then the caller goes to the end of the line.
    fn pop(&mut self) -> Option<oneshot::Sender<()>> {
        let caller = self.order.pop_front()?;
        let waiting = self.waiting.get_mut(&caller)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&caller);
        } else {
            self.order.push_back(caller);
        }
        next
    }
}

#[cfg(test)]
mod tests;
