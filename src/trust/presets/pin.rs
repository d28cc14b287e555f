//! What a rule must pin, so that it means one thing for ever.

use super::super::condition::{Condition, Test};
use super::issuers::Tenancy;

/// Claims that together say whose token it is.
#[derive(Debug, Clone, Copy)]
pub struct Pins {
    /// All of these.
    pub always: &'static [Pin],
    /// Of an issuer that signs for many customers, these as well.
    pub if_shared: &'static [Pin],
    /// What the claims are.
    pub basis: Basis,
}

/// What pins are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Ids that are never given again, or the nearest to it that the provider has.
    Ids,
    /// Names that somebody else may have tomorrow: enough only if the rule says
    /// `accept_recyclable_names: true`.
    Names,
}

/// One claim that a rule must pin.
#[derive(Debug, Clone, Copy)]
pub struct Pin {
    /// The claim.
    pub claim: &'static str,
    /// The field to write for it.
    pub field: &'static str,
    /// Whether a condition on the claim pins it.
    pub holds: fn(&Test) -> bool,
    /// How to get the value: a sentence without its full stop.
    pub advice: &'static str,
}

impl Pins {
    /// Every claim, of whatever issuer.
    pub fn all(&self) -> impl Iterator<Item = &'static Pin> {
        self.always.iter().chain(self.if_shared)
    }

    /// Those that the conditions lack.
    pub fn missing(&self, conditions: &[Condition], tenancy: Tenancy) -> Vec<&'static Pin> {
        let if_shared = match tenancy {
            Tenancy::Single => &[],
            Tenancy::Shared => self.if_shared,
        };
        let is_missing = |pin: &&Pin| {
            !conditions.iter().any(|condition| {
                condition.claim.to_string() == pin.claim && (pin.holds)(&condition.test)
            })
        };
        self.always.iter().chain(if_shared).filter(is_missing).collect()
    }
}

impl Pin {
    /// A claim that must have one value, or one of a list.
    pub(super) const fn exact(
        claim: &'static str,
        field: &'static str,
        advice: &'static str,
    ) -> Self {
        Self { claim, field, holds: is_exact, advice }
    }

    /// The same, if each value passes a check.
    pub(super) const fn checked(self, holds: fn(&Test) -> bool) -> Self {
        Self { holds, ..self }
    }
}

/// True if the claim must have one value, or one of a list.
pub(super) fn is_exact(test: &Test) -> bool {
    every_value(test, |value| !value.is_empty())
}

/// True if each value or pattern for `sub` begins with these keys, each with a value that is written
/// out: `repo:acme/web:` and the like.
pub(super) fn names_in_subject(test: &Test, keys: &[&str]) -> bool {
    let is_named = |text: &str| {
        let mut parts = text.split(':');
        let is_literal = |value: &str| !value.is_empty() && !value.contains(['*', '?', '\\']);
        keys.iter().all(|key| parts.next() == Some(key) && parts.next().is_some_and(is_literal))
    };
    match test {
        Test::Glob(globs) => globs.iter().all(|glob| is_named(glob.as_str())),
        exact => every_value(exact, is_named),
    }
}

/// True if the test names values, and each passes a check.
pub(super) fn every_value(test: &Test, check: impl Fn(&str) -> bool) -> bool {
    let values = test.values();
    !values.is_empty() && values.iter().all(|value| check(value))
}
