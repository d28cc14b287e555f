//! The token bucket of Octopus 2026.3 and its two advisory headers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::knobs::RateLimit;
use crate::answer::{self, Reply};

/// One bucket per account, and one for anonymous callers.
#[derive(Default)]
pub(super) struct Limiter(Mutex<HashMap<Option<String>, Bucket>>);

struct Bucket {
    policy: RateLimit,
    tokens: f64,
    filled_at: Duration,
}

/// What the bucket says about one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    policy: RateLimit,
    pub(super) is_allowed: bool,
    left: u64,
    full_in: u64,
    next_in: u64,
}

impl Limiter {
    /// Takes one token from the caller's bucket, or does not find one.
    pub(super) fn take(&self, who: Option<&str>, policy: RateLimit, now: Duration) -> Verdict {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(who.map(str::to_owned))
            .and_modify(|bucket| bucket.refill(policy, now))
            .or_insert_with(|| Bucket::full(policy, now));
        let is_allowed = bucket.tokens >= 1.0;
        if is_allowed {
            bucket.tokens -= 1.0;
        }
        let missing = |goal: f64| seconds((goal - bucket.tokens) * 60.0 / rate(policy));
        Verdict {
            policy,
            is_allowed,
            left: whole(bucket.tokens.floor()),
            full_in: missing(f64::from(policy.limit)),
            next_in: missing(1.0).max(1),
        }
    }
}

impl Bucket {
    fn full(policy: RateLimit, now: Duration) -> Self {
        Self { policy, tokens: f64::from(policy.limit), filled_at: now }
    }

    fn refill(&mut self, policy: RateLimit, now: Duration) {
        if self.policy != policy {
            *self = Self::full(policy, now);
        }
        let elapsed = now.saturating_sub(self.filled_at).as_secs_f64();
        let refilled = self.tokens + elapsed * rate(policy) / 60.0;
        self.tokens = refilled.min(f64::from(policy.limit));
        self.filled_at = now;
    }
}

impl Verdict {
    /// The refusal: 429 with Octopus's error object.
    pub(super) fn refusal(&self) -> Reply {
        let mut reply = answer::octopus_error(429, "Too many requests");
        answer::add_header(&mut reply, "Retry-After", &self.next_in.to_string());
        reply
    }

    /// Adds the advisory headers, which come with every answer while a limit is set.
    pub(super) fn advise(&self, reply: &mut Reply) {
        let RateLimit { limit, per_minute } = self.policy;
        let policy = format!("l={limit};rpm={per_minute}");
        let state = format!("r={};t={}", self.left, self.full_in);
        answer::add_header(reply, "Octopus-RateLimit-Policy", &policy);
        answer::add_header(reply, "Octopus-RateLimit", &state);
    }
}

/// Tokens per minute; a policy that never refills refills very slowly.
fn rate(policy: RateLimit) -> f64 {
    f64::from(policy.per_minute).max(0.001)
}

fn seconds(exact: f64) -> u64 {
    whole(exact.max(0.0).ceil())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers pass whole numbers that are not negative"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RateLimit = RateLimit { limit: 2, per_minute: 60 };

    #[test]
    fn empties_refills_and_advises() {
        let limiter = Limiter::default();
        let at = Duration::from_secs;

        assert!(limiter.take(Some("a"), POLICY, at(0)).is_allowed);
        assert!(limiter.take(Some("a"), POLICY, at(0)).is_allowed);
        let refused = limiter.take(Some("a"), POLICY, at(0));
        assert!(!refused.is_allowed);
        assert_eq!((refused.left, refused.full_in, refused.next_in), (0, 2, 1));

        assert!(limiter.take(None, POLICY, at(0)).is_allowed, "own bucket");
        assert!(limiter.take(Some("a"), POLICY, at(1)).is_allowed);
        assert!(!limiter.take(Some("a"), POLICY, at(1)).is_allowed);
    }

    #[test]
    fn headers_have_the_documented_form() {
        let limiter = Limiter::default();
        let policy = RateLimit { limit: 200, per_minute: 600 };

        let verdict = limiter.take(None, policy, Duration::ZERO);
        let mut reply = answer::json_reply(200, &().into());
        verdict.advise(&mut reply);

        assert_eq!(reply.headers()["Octopus-RateLimit-Policy"], "l=200;rpm=600");
        assert_eq!(reply.headers()["Octopus-RateLimit"], "r=199;t=1");
    }
}
