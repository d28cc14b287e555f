//! LIFE1: issuers whose tokens stay good for long.

use std::time::Duration;

use super::scene::{Found, Scene};
use super::table::LIFE1;

/// What a stolen token should be good for at most.
const LONG: Duration = Duration::from_secs(3600);

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for issuer in scene.issuers {
        // An age that could not be read is one.
        let has_age = scene.is_written("issuers", &issuer.name, "max_token_age");
        let may_be_old = issuer.max_token_age.map_or(!has_age, |age| age > LONG);
        if issuer.max_token_lifetime > LONG && may_be_old {
            let hours = issuer.max_token_lifetime.as_secs().div_ceil(3600);
            let sentence = format!(
                "its tokens may live for {hours} hours, and one that is stolen is good until then; \
                 write `max_token_age: 1h` if workloads can get a fresh one, or a shorter \
                 `max_token_lifetime` if theirs end sooner"
            );
            let place = scene.value_of_named("issuers", &issuer.name, "max_token_lifetime");
            found.push(Found::new(&LIFE1, place, sentence));
        }
    }
    found
}
