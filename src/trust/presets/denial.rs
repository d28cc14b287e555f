//! What every rule of a provider refuses, unless it asks for it.

use super::super::condition::Test;
use crate::identity::ClaimAddress;

/// Something that a rule refuses unless it asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Denial {
    /// The claim that tells.
    pub claim: &'static str,
    /// What it must be.
    pub requirement: Requirement,
    /// When it is asked.
    pub when: When,
    /// What on the rule lifts it.
    pub lift: Lift,
    /// What is refused, and why: a clause for the operator.
    pub why: &'static str,
}

/// What a claim must be, as data.
#[derive(Debug, Clone, Copy)]
pub enum Requirement {
    /// One of these.
    OneOf(&'static [&'static str]),
    /// There, and none of these.
    NoneOf(&'static [&'static str]),
    /// There, and not beginning with any of these.
    NotStartingWith(&'static [&'static str]),
    /// There, whatever it is.
    Present,
    /// Not there.
    Absent,
    /// Not there, `null` or empty.
    Empty,
    /// The same as another claim, if there.
    SameAsIfPresent(&'static str),
    /// Not beginning with any of these, if there.
    NotStartingWithIfPresent(&'static [&'static str]),
    /// None of these, if there.
    NoneOfIfPresent(&'static [&'static str]),
}

/// When a denial applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// To each rule.
    Always,
    /// To rules with one of these fields.
    Field(&'static [&'static str]),
}

/// What on a rule lifts a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lift {
    /// A field that is a switch has this value.
    Switch(&'static str, bool),
    /// One of these fields says what is accepted instead; the first is the one to write.
    Field(&'static [&'static str]),
    /// The field names one of these values.
    FieldNaming(&'static str, &'static [&'static str]),
    /// The rule has a condition of its own on the claim.
    OwnCondition,
    /// Nothing.
    Never,
}

impl Denial {
    /// What the claim must be, on every rule without the field that says what else is accepted.
    pub(super) const fn unless(
        claim: &'static str,
        requirement: Requirement,
        lift: Lift,
        why: &'static str,
    ) -> Self {
        Self { claim, requirement, when: When::Always, lift, why }
    }

    /// The same, only for rules with one of these fields.
    pub(super) const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// What to write on a rule to lift it; `None` if nothing does.
    pub fn opt_in(&self) -> Option<String> {
        Some(match self.lift {
            Lift::Switch(field, value) => format!("`{field}: {value}`"),
            Lift::Field(fields) => {
                format!("`{}:` with what is accepted", fields.first().unwrap_or(&""))
            }
            Lift::FieldNaming(field, values) => {
                format!("`{field}:` with {}", values.join(" or "))
            }
            Lift::OwnCondition => format!("a condition on `{}`", self.claim),
            Lift::Never => return None,
        })
    }
}

impl Requirement {
    /// As a test.
    pub fn test(&self) -> Test {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        match *self {
            Self::OneOf([only]) => Test::Exact((*only).to_owned()),
            Self::OneOf(wanted) => Test::OneOf(texts(wanted)),
            Self::NoneOf(unwanted) => Test::NotOneOf(texts(unwanted)),
            Self::NotStartingWith(unwanted) => Test::NotStartingWith(texts(unwanted)),
            Self::Present => Test::Present,
            Self::Absent => Test::Absent,
            Self::Empty => Test::Empty,
            Self::SameAsIfPresent(other) => {
                Test::AbsentOr(Box::new(Test::SameAs(ClaimAddress::Name(other.to_owned()))))
            }
            Self::NotStartingWithIfPresent(unwanted) => {
                Test::AbsentOr(Box::new(Test::NotStartingWith(texts(unwanted))))
            }
            Self::NoneOfIfPresent(unwanted) => {
                Test::AbsentOr(Box::new(Test::NotOneOf(texts(unwanted))))
            }
        }
    }
}
