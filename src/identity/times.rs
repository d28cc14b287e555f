//! Whether a token's times hold: pure, so that it is tested as a table.

use super::claims::ClaimsError;
use super::issuer::Issuer;
use super::verifier::VerifyError;
use crate::limits::CLOCK_LEEWAY;

/// When a token is valid (RFC 7519 4.1.4 to 4.1.6), in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// `exp`
    pub(super) expires: f64,
    /// `nbf`
    pub(super) not_before: Option<f64>,
    /// `iat`
    pub(super) issued_at: Option<f64>,
}

/// Checks `exp`, `nbf`, `iat`, lifetime and age against `now` (seconds since 1970), each with the
/// leeway, in this order.
pub(super) fn check(times: &Times, issuer: &Issuer, now: f64) -> Result<(), VerifyError> {
    let leeway = CLOCK_LEEWAY.as_secs_f64();
    // RFC 7519 4.1.4: the current time must be *before* `exp`.
    if !is_before_end(times, now) {
        return Err(VerifyError::Expired { seconds: whole(now - times.expires) });
    }
    for (claim, time) in [("nbf", times.not_before), ("iat", times.issued_at)] {
        let Some(time) = time else { continue };
        if now < time - leeway || (claim == "nbf" && time > times.expires) {
            return Err(VerifyError::NotYetValid { claim, seconds: whole(time - now) });
        }
    }
    // Without `iat` the token is at least as old as now, so this is its shortest possible life.
    let issued_at = times.issued_at.unwrap_or(now);
    if times.expires - issued_at > issuer.max_token_lifetime.as_secs_f64() + leeway {
        return Err(VerifyError::Lifetime);
    }
    let Some(max_age) = issuer.max_token_age else {
        return Ok(());
    };
    let Some(issued_at) = times.issued_at else {
        let missing =
            ClaimsError { claim: "iat", fault: "is missing, and the token's age is limited" };
        return Err(VerifyError::Claims(missing));
    };
    if now - issued_at > max_age.as_secs_f64() + leeway {
        return Err(VerifyError::TooOld);
    }
    Ok(())
}

/// Whether `exp` is still to come, with the leeway.
pub(super) fn is_before_end(times: &Times, now: f64) -> bool {
    now < times.expires + CLOCK_LEEWAY.as_secs_f64()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a negative number becomes 0, and 53 bits fit"
)]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::identity::Claims;
    use crate::telemetry::Code;

    #[test]
    fn times_hold_to_the_second() {
        let now = 1_795_000_000_u64;
        let issuer = Issuer {
            max_token_lifetime: Duration::from_secs(3600),
            max_token_age: Some(Duration::from_secs(900)),
            ..Issuer::for_tests()
        };
        let rows = [
            (format!(r#""iat":{now},"exp":{}"#, now + 300), None),
            (format!(r#""iat":{now},"exp":{}"#, now - 29), None),
            (format!(r#""iat":{now},"exp":{}"#, now - 30), Some(Code::TokenExpired)),
            (format!(r#""iat":{now},"exp":{}.9"#, now - 31), Some(Code::TokenExpired)),
            (format!(r#""iat":{now},"exp":0"#), Some(Code::TokenExpired)),
            (format!(r#""iat":{now},"exp":{},"nbf":{}"#, now + 60, now + 30), None),
            (
                format!(r#""iat":{now},"exp":{},"nbf":{}"#, now + 60, now + 31),
                Some(Code::TokenNotYetValid),
            ),
            (
                format!(r#""iat":{now},"exp":{},"nbf":{}"#, now - 10, now - 5),
                Some(Code::TokenNotYetValid),
            ),
            (format!(r#""iat":{},"exp":{}"#, now + 30, now + 60), None),
            (format!(r#""iat":{},"exp":{}"#, now + 31, now + 60), Some(Code::TokenNotYetValid)),
            (format!(r#""iat":{now},"exp":{}"#, now + 3630), None),
            (format!(r#""iat":{now},"exp":{}"#, now + 3631), Some(Code::TokenLifetimeRefused)),
            (format!(r#""iat":{now},"exp":{}"#, now * 1000), Some(Code::TokenLifetimeRefused)),
            (
                format!(r#""iat":{},"exp":{}"#, now - 172_800, now + 60),
                Some(Code::TokenLifetimeRefused),
            ),
            (format!(r#""exp":{}"#, now + 4000), Some(Code::TokenLifetimeRefused)),
            (format!(r#""exp":{}"#, now + 60), Some(Code::ClaimsInvalid)),
            (format!(r#""iat":{},"exp":{}"#, now - 930, now + 60), None),
            (format!(r#""iat":{},"exp":{}"#, now - 931, now + 60), Some(Code::TokenTooOld)),
        ];
        for (times, expected) in rows {
            let payload = format!(r#"{{"iss":"i","sub":"s",{times}}}"#);
            let claims = Claims::parse(payload.as_bytes()).unwrap();
            let outcome = check(&claims.registered.times, &issuer, 1_795_000_000.0);
            assert_eq!(outcome.err().map(|error| error.code()), expected, "{times}");
        }
    }
}
