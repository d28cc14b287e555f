//! `token_door:` — what the exchange door gives out.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::Problems;
use super::reader::Section;
use super::schema::{Form, Key, Shape, names, words};
use super::values::{duration, set, word};
use super::yaml::Node;
use crate::proxy::{Issues, TokenDoor};

/// The section.
pub(super) const FORM: Form = Form::of(&[
    Key::new(
        "issues",
        Shape::Word(&ISSUES_WORDS),
        "What a login gets: a key worth nothing at Octopus, or Octopus's access token.",
    )
    .default("stand-in"),
    Key::new(
        "stand_in_lifetime",
        Shape::Duration,
        "Longest life of a stand-in; most end with their access token.",
    )
    .default("12h"),
]);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

const ISSUES_WORDS: [&str; 2] = words(&ISSUES);

const ISSUES: [(&str, Issues); 2] =
    [("stand-in", Issues::StandIn), ("access-token", Issues::AccessToken)];

/// A second, for tests; a week is no short life any more.
const LIFETIME: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 60 * 60);

/// Reads the section.
pub(super) fn read(node: Option<&Node>, problems: &mut Problems) -> TokenDoor {
    let mut door = TokenDoor::default();
    if let Some(section) = node.and_then(|node| Section::open(node, KEYS, problems)) {
        set(
            &mut door.issues,
            section.value("issues").and_then(|node| word(node, &ISSUES, problems)),
        );
        let lifetime = section.value("stand_in_lifetime");
        let lifetime = lifetime.and_then(|node| duration(node, LIFETIME, problems));
        set(&mut door.stand_in_lifetime, lifetime);
    }
    door
}
