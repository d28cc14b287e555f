//! Our own copy of the token bucket that Octopus keeps for a user, as well as it can be known: the
//! policy and what is left are told with each answer, what was sent since is counted here.

use std::time::Duration;

use tokio::time::Instant;

use super::rate_limit::{Advice, Policy};

/// What may be sent now. Without a policy, which only servers that limit tell, everything.
#[derive(Debug)]
pub(super) struct Bucket {
    policy: Option<Policy>,
    tokens: f64,
    refilled: Instant,
    /// After a 429 nothing is sent before.
    blocked_until: Option<Instant>,
    /// Sent, and not answered yet.
    in_flight: u32,
}

impl Bucket {
    pub(super) fn new(now: Instant) -> Self {
        Self { policy: None, tokens: 0.0, refilled: now, blocked_until: None, in_flight: 0 }
    }

    /// How long until one more may be sent: nothing if it may now.
    pub(super) fn ready_in(&mut self, now: Instant) -> Duration {
        self.refill(now);
        let blocked = self.blocked_until.map(|until| until.saturating_duration_since(now));
        let missing = match self.policy {
            Some(policy) if self.tokens < 1.0 => policy.time_for(1.0 - self.tokens),
            _ => Duration::ZERO,
        };
        blocked.unwrap_or_default().max(missing)
    }

    /// One is sent.
    pub(super) fn send(&mut self) {
        self.tokens -= 1.0;
        self.in_flight += 1;
    }

    /// One that was sent has not come so far that it was answered.
    pub(super) fn abandon(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// One that was sent was answered.
    pub(super) fn answered(&mut self, advice: &Advice, now: Instant) {
        self.abandon();
        self.refill(now);
        if let Some(policy) = advice.policy {
            if self.policy.is_none() {
                self.tokens = policy.burst;
            }
            self.policy = Some(policy);
        }
        if let Some(remaining) = advice.remaining {
            // The server rounds down, and has not counted all that is on its way to it.
            let least = remaining - f64::from(self.in_flight);
            self.tokens = self.tokens.max(least).min(remaining + 1.0);
        }
        if let Some(pause) = advice.refused_for {
            self.tokens = self.tokens.min(0.0);
            self.blocked_until = self.blocked_until.max(now.checked_add(pause));
        }
    }

    /// Whole requests left, if there is a limit.
    pub(super) fn remaining(&self) -> Option<f64> {
        self.policy.map(|_| self.tokens.max(0.0).floor())
    }

    /// The policy and whole requests left now, if there is a limit.
    pub(super) fn level(&mut self, now: Instant) -> Option<(Policy, f64)> {
        self.refill(now);
        self.policy.zip(self.remaining())
    }

    fn refill(&mut self, now: Instant) {
        if let Some(policy) = self.policy {
            let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
            self.tokens = (self.tokens + passed * policy.per_second).min(policy.burst);
        }
        self.refilled = now;
        self.blocked_until = self.blocked_until.filter(|until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { burst: 5.0, per_second: 2.0 };

    fn ok(remaining: f64) -> Advice {
        Advice { policy: Some(POLICY), remaining: Some(remaining), refused_for: None }
    }

    fn milliseconds(bucket: &mut Bucket, now: Instant) -> u128 {
        bucket.ready_in(now).as_millis()
    }

    #[test]
    fn nothing_is_known_and_nothing_held_back_before_the_first_answer() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);

        for _ in 0..1_000 {
            assert_eq!(milliseconds(&mut bucket, now), 0);
            bucket.send();
        }
        bucket.answered(&Advice::default(), now);
        assert_eq!(milliseconds(&mut bucket, now), 0);
        assert_eq!(bucket.remaining(), None);
    }

    #[test]
    fn a_spent_bucket_refills_at_the_rate_of_the_policy() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        bucket.send();
        bucket.answered(&ok(4.0), now);
        for _ in 0..5 {
            bucket.send();
        }

        assert_eq!(milliseconds(&mut bucket, now), 500);
        assert_eq!(milliseconds(&mut bucket, now + Duration::from_millis(400)), 100);
        assert_eq!(milliseconds(&mut bucket, now + Duration::from_millis(500)), 0);
    }

    #[test]
    fn it_holds_no_more_than_its_burst() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        bucket.send();
        bucket.answered(&ok(4.0), now);
        let later = now + Duration::from_secs(3600);

        let sent = (0..100).take_while(|_| {
            let is_ready = bucket.ready_in(later).is_zero();
            bucket.send();
            is_ready
        });
        assert_eq!(sent.count(), 5);
    }

    #[test]
    fn others_who_spend_of_the_same_budget_are_noticed() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        bucket.send();
        bucket.answered(&ok(4.0), now);
        bucket.send();
        bucket.answered(&ok(0.0), now);

        bucket.send();

        assert_eq!(milliseconds(&mut bucket, now), 500);
    }

    #[test]
    fn an_answer_that_was_overtaken_takes_nothing_away() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        bucket.send();
        bucket.answered(&ok(4.0), now);
        bucket.send();
        bucket.send();
        // The second's answer comes first; the first's says what was before the second.
        bucket.answered(&ok(2.0), now);
        bucket.answered(&ok(3.0), now);

        assert!(bucket.remaining().unwrap() >= 2.0);
    }

    #[test]
    fn a_refusal_blocks_for_as_long_as_it_says() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        bucket.send();
        let pause = Duration::from_secs(7);
        let refused = Advice { refused_for: Some(pause), ..Advice::default() };
        bucket.answered(&refused, now);

        assert_eq!(milliseconds(&mut bucket, now), 7_000);
        assert_eq!(milliseconds(&mut bucket, now + pause), 0);
    }
}
