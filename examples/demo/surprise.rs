//! What is not as told: one sentence that ends the play.

use std::fmt::Debug;

/// A fact that differs from the story.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Surprise(pub(crate) String);

impl Surprise {
    /// Something failed that must not.
    pub(crate) fn because(what: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

/// Holds the story to the facts.
#[expect(clippy::needless_pass_by_value, reason = "the story reads better without ampersands")]
pub(crate) fn as_told<T: PartialEq + Debug>(what: &str, told: T, seen: T) -> Result<(), Surprise> {
    if told == seen {
        return Ok(());
    }
    Err(Surprise(format!("{what} should be {told:?} and is {seen:?}")))
}
