//! What Octopus says of its rate limits (2026.3 and later): two advisory headers on every answer
//! that is limited, and `Retry-After` on a 429.
//!
//! `Octopus-RateLimit-Policy: l=200;rpm=600` is the policy: at most 200 at once, refilled with 600
//! a minute. `Octopus-RateLimit: r=7;t=18` is the state: 7 left, full again in 18 s. Names are
//! compared without case, unknown ones are left out, numbers may have fractions.

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};

use super::answer::retry_after;
use crate::clock::Clock;
use crate::limits;

static POLICY: HeaderName = HeaderName::from_static("octopus-ratelimit-policy");
static STATE: HeaderName = HeaderName::from_static("octopus-ratelimit");

/// A token bucket, as the server describes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Policy {
    /// Requests that may come at once.
    pub(super) burst: f64,
    /// Requests that become possible a second.
    pub(super) per_second: f64,
}

impl Policy {
    /// How long so many requests take to become possible; a rate near zero takes for ever.
    pub(super) fn time_for(&self, requests: f64) -> Duration {
        Duration::try_from_secs_f64(requests / self.per_second).unwrap_or(Duration::MAX)
    }
}

/// What one answer says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Advice {
    pub(super) policy: Option<Policy>,
    /// Requests left.
    pub(super) remaining: Option<f64>,
    /// A 429: nothing was processed, and nothing will be for so long.
    pub(super) refused_for: Option<Duration>,
}

impl Advice {
    /// Reads the head of an answer. `clock` is for a `Retry-After` that is a date.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, clock: &dyn Clock) -> Self {
        let text = |header: &HeaderName| headers.get(header).and_then(|value| value.to_str().ok());
        let policy = text(&POLICY).and_then(|policy| {
            let (burst, rpm) = (parameter(policy, "l")?, parameter(policy, "rpm")?);
            (burst >= 1.0 && rpm > 0.0).then_some(Policy { burst, per_second: rpm / 60.0 })
        });
        let remaining = text(&STATE).and_then(|state| parameter(state, "r"));
        let refused_for = (status == StatusCode::TOO_MANY_REQUESTS).then(|| {
            let next = policy.map(|policy| policy.time_for(1.0));
            retry_after(headers, clock.now())
                .or(next)
                .unwrap_or(UNTOLD)
                .min(limits::RETRY_AFTER_MAX)
        });
        Self { policy, remaining, refused_for }
    }
}

/// One parameter of a text like `l=200;rpm=600`.
fn parameter(text: &str, wanted: &str) -> Option<f64> {
    let found = text.split([';', ',']).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then_some(value)
    });
    let number: f64 = found?.trim().parse().ok()?;
    (0.0..=MOST).contains(&number).then_some(number)
}

/// What a 429 that says nothing asks for: as Octopus's own .NET client has it.
const UNTOLD: Duration = Duration::from_secs(2);

/// A number beyond this is no rate.
const MOST: f64 = 1e9;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::clock::ManualClock;

    fn read(status: u16, lines: &[(&'static str, &'static str)]) -> Advice {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let clock = ManualClock::at(784_111_777);
        Advice::read(StatusCode::from_u16(status).unwrap(), &headers, &clock)
    }

    #[test]
    fn the_documented_headers_are_read() {
        let advice = read(
            200,
            &[("octopus-ratelimit-policy", "l=200;rpm=600"), ("octopus-ratelimit", "r=7;t=18")],
        );

        assert_eq!(advice.policy, Some(Policy { burst: 200.0, per_second: 10.0 }));
        assert_eq!((advice.remaining, advice.refused_for), (Some(7.0), None));
    }

    #[test]
    fn odd_headers_say_what_they_can_and_nothing_else() {
        let policy = |text| read(200, &[("octopus-ratelimit-policy", text)]).policy;
        let rows = [
            ("L=2; RPM = 60 ; x=1", Some((2.0, 1.0))),
            ("rpm=30;l=1.5", Some((1.5, 0.5))),
            ("l=200", None),
            ("rpm=600", None),
            ("l=0;rpm=600", None),
            ("l=200;rpm=0", None),
            ("l=200;rpm=-1", None),
            ("l=inf;rpm=600", None),
            ("l=nan;rpm=600", None),
            ("l=1e300;rpm=600", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let found = policy(text).map(|policy| (policy.burst, policy.per_second));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_for_how_long() {
        let policy = ("octopus-ratelimit-policy", "l=2;rpm=600");
        let slow = |text| [("octopus-ratelimit-policy", text)];
        let rows: [(&[_], _); 11] = [
            (&[("retry-after", "7")], 7_000),
            (&[("retry-after", "7"), ("date", "Sun, 06 Nov 1994 08:49:40 GMT")], 7_000),
            // The server's clock is a day ahead of ours, and asks for 5 s.
            (
                &[
                    ("retry-after", "Mon, 07 Nov 1994 08:49:42 GMT"),
                    ("date", "Mon, 07 Nov 1994 08:49:37 GMT"),
                ],
                5_000,
            ),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"), policy], 3_000),
            (&[policy], 100),
            (&[("retry-after", "soon")], 2_000),
            (&[], 2_000),
            (&[("retry-after", "999999999")], 600_000),
            (&slow("l=2;rpm=1e-300"), 600_000),
            (&slow("l=2;rpm=5e-324"), 600_000),
            (&slow("l=2;rpm=1e-9"), 600_000),
        ];
        for (lines, milliseconds) in rows {
            let asked = read(429, lines).refused_for;
            assert_eq!(asked, Some(Duration::from_millis(milliseconds)), "{lines:?}");
        }
        assert_eq!(read(503, &[("retry-after", "7")]).refused_for, None);
    }
}
