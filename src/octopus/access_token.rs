//! An access token of Octopus's, and how long it may be used.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;

use crate::clock::Reading;
use crate::limits;
use crate::secret::Secret;

/// An access token, ready to be attached. Its header value is marked as sensitive.
///
/// Life is measured on the monotonic clock, and on the wall clock as well: a machine that slept, or
/// whose clock was set forward, must not use a token that has expired.
#[derive(Clone)]
pub struct AccessToken {
    authorization: HeaderValue,
    asked: Reading,
    life: Duration,
    /// 0 to 1: spreads renewals.
    spread: f64,
}

impl AccessToken {
    /// A token that was asked for then, and lives `life` from then on.
    /// `None` if the text can't be a header value.
    pub fn new(text: &Secret, asked: Reading, life: Duration) -> Option<Self> {
        let bearer = Secret::new(format!("Bearer {}", text.expose()));
        let mut authorization = HeaderValue::from_str(bearer.expose()).ok()?;
        authorization.set_sensitive(true);
        let spread = text.expose().bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31) ^ byte);
        Some(Self { authorization, asked, life, spread: f64::from(spread) / 256.0 })
    }

    /// The value of `Authorization`.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// The token itself, for those who are to hold one.
    pub fn expose(&self) -> &str {
        let value = self.authorization.to_str().unwrap_or_default();
        value.strip_prefix("Bearer ").unwrap_or(value)
    }

    /// How long it lives from then on.
    pub fn remaining_at(&self, now: Reading) -> Duration {
        self.life.saturating_sub(self.age_at(now))
    }

    /// How long it may be used from then on: until 5 s before it expires, or a quarter of its life
    /// if that is less.
    pub fn usable_for_at(&self, now: Reading) -> Duration {
        let reserve = limits::UNUSABLE_BEFORE_EXPIRY.min(self.life / 4);
        self.remaining_at(now).saturating_sub(reserve)
    }

    /// False once it may not be used any more.
    pub fn is_usable_at(&self, now: Reading) -> bool {
        !self.usable_for_at(now).is_zero()
    }

    /// True from 120 s before the token expires, or half its life if that is less; somewhat later,
    /// by chance, so that the tokens of many jobs are not all renewed in the same second.
    pub fn wants_renewal_at(&self, now: Reading) -> bool {
        let window = limits::RENEW_BEFORE_EXPIRY.min(self.life / 2);
        let delay = window.mul_f64(self.spread / 4.0);
        self.age_at(now) >= self.life.saturating_sub(window) + delay
    }

    /// True while no more than a quarter of its life has gone.
    pub fn is_young_at(&self, now: Reading) -> bool {
        self.age_at(now) <= self.life / 4
    }

    fn age_at(&self, now: Reading) -> Duration {
        let on_the_wall = now.wall.duration_since(self.asked.wall).unwrap_or_default();
        now.elapsed.saturating_sub(self.asked.elapsed).max(on_the_wall)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessToken").field("life", &self.life).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    fn token(clock: &ManualClock, seconds: u64) -> AccessToken {
        let life = Duration::from_secs(seconds);
        AccessToken::new(&Secret::new("canary"), clock.reading(), life).unwrap()
    }

    /// The ages, in seconds, at which renewal is first wanted and use last possible.
    fn ages(life: u64) -> (u64, u64) {
        let clock = ManualClock::at(1_795_000_000);
        let token = token(&clock, life);
        let mut ages = (u64::MAX, 0);
        for age in 0..=life {
            if token.wants_renewal_at(clock.reading()) {
                ages.0 = ages.0.min(age);
            }
            if token.is_usable_at(clock.reading()) {
                ages.1 = age;
            }
            clock.advance(Duration::from_secs(1));
        }
        ages
    }

    #[test]
    fn is_fresh_until_two_minutes_before_its_end_or_half_its_life() {
        for (life, earliest, last) in [(3600, 3480, 3594), (100, 50, 94), (20, 10, 14), (8, 4, 5)] {
            let (renewal, usable) = ages(life);
            assert!((earliest..=earliest + 30).contains(&renewal), "{life}: {renewal}");
            assert_eq!(usable, last, "{life}");
        }
    }

    #[test]
    fn a_token_without_life_is_never_usable_again() {
        let clock = ManualClock::at(0);

        assert!(!token(&clock, 0).is_usable_at(clock.reading()));
    }

    #[test]
    fn a_wall_clock_that_jumps_ahead_ends_it() {
        let clock = ManualClock::at(1_795_000_000);
        let token = token(&clock, 3600);

        clock.set_wall(1_795_003_600);

        assert!(!token.is_usable_at(clock.reading()));
    }

    #[test]
    fn is_not_shown() {
        let clock = ManualClock::at(0);
        let token = token(&clock, 1);

        assert!(!format!("{token:?}{:?}", token.authorization()).contains("canary"));
    }
}
