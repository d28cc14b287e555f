//! An ID token of our own, and what it says about itself.

use std::fmt;

use super::error::{AmbientError, Moment};
use super::origin::Wanted;
use crate::identity::{IdToken, OwnClaims, own_claims};
use crate::limits;

/// The broker's own ID token. Its claims were read, not verified: it is our own.
pub struct OwnToken {
    id_token: IdToken,
    claims: OwnClaims,
    /// When a newer one should be asked for, in seconds since 1970.
    renew_from: f64,
}

impl OwnToken {
    /// Reads a token that was found at `place`: it must be well-formed, for the wanted audience,
    /// and live.
    pub(super) fn read(
        text: &str,
        place: &str,
        wanted: &Wanted,
        now: f64,
    ) -> Result<Self, AmbientError> {
        let platform = wanted.platform;
        let malformed =
            |fault: String| AmbientError::Malformed { platform, place: place.to_owned(), fault };
        let id_token = IdToken::parse(text.trim(), limits::OWN_TOKEN_BYTES)
            .map_err(|error| malformed(error.to_string()))?;
        let claims = own_claims(&id_token).map_err(|error| malformed(error.to_string()))?;
        if !claims.audiences.contains(&wanted.audience) {
            return Err(AmbientError::AudienceMismatch {
                platform,
                wanted: wanted.audience.clone(),
                found: claims.audiences,
                advice: wanted.audience_advice.clone(),
            });
        }
        let renew_from = renew_from(claims.issued_at.unwrap_or(now), claims.expires);
        let token = Self { id_token, claims, renew_from };
        if token.is_live_at(now) {
            return Ok(token);
        }
        Err(AmbientError::Expired { platform, expired: token.expires(), advice: wanted.expired })
    }

    /// The token, for the exchange.
    pub fn id_token(&self) -> &IdToken {
        &self.id_token
    }

    /// Its `iss`.
    pub fn issuer(&self) -> &str {
        &self.claims.issuer
    }

    /// Its `sub`.
    pub fn subject(&self) -> &str {
        &self.claims.subject
    }

    /// Its `aud`, in which the wanted audience is.
    pub fn audiences(&self) -> &[String] {
        &self.claims.audiences
    }

    /// Its `exp`, in seconds since 1970.
    pub fn expires(&self) -> f64 {
        self.claims.expires
    }

    /// True before its expiry, without leeway: Octopus has its own.
    pub fn is_live_at(&self, unix_seconds: f64) -> bool {
        unix_seconds < self.claims.expires
    }

    /// True if it is time to ask for a newer one.
    pub(super) fn is_due_at(&self, unix_seconds: f64) -> bool {
        unix_seconds >= self.renew_from
    }

    /// True if it still lives long enough to be used: it has yet to reach Octopus.
    pub(super) fn is_usable_at(&self, unix_seconds: f64) -> bool {
        self.is_live_at(unix_seconds + limits::UNUSABLE_BEFORE_EXPIRY.as_secs_f64())
    }
}

/// Half its life, or 60 s before its expiry if that is later.
fn renew_from(issued_at: f64, expires: f64) -> f64 {
    let half = f64::midpoint(issued_at.min(expires), expires);
    half.max(expires - limits::OWN_TOKEN_RENEW_BEFORE_EXPIRY.as_secs_f64())
}

impl fmt::Debug for OwnToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OwnToken")
            .field("issuer", &self.issuer())
            .field("subject", &self.subject())
            .field("audiences", &self.audiences())
            .field("expires", &format_args!("{}", Moment(self.expires())))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_due_at_half_life_or_a_minute_before_the_end_whichever_is_later() {
        let rows = [
            (0.0, 300.0, 240.0),
            (0.0, 3_600.0, 3_540.0),
            (0.0, 120.0, 60.0),
            (0.0, 60.0, 30.0),
            (0.0, 10.0, 5.0),
            (50.0, 10.0, 10.0),
        ];
        for (issued_at, expires, due) in rows {
            assert!((renew_from(issued_at, expires) - due).abs() < 1e-9, "{issued_at} {expires}");
        }
    }
}
