//! Conditions on claims.

use std::fmt;

use super::glob::Glob;
use crate::identity::{ClaimAddress, Json};

/// A claim, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Where the claim stands.
    pub claim: ClaimAddress,
    /// What it must be.
    pub test: Test,
}

/// What a claim must be. Strings, whole numbers and booleans compare by their canonical text,
/// byte for byte unless [`Test::AnyCase`] says otherwise; numbers with a fraction, `null`, arrays
/// and objects equal nothing. A claim that is missing fails every test but those that say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// This very text.
    Exact(String),
    /// One of these texts.
    OneOf(Vec<String>),
    /// None of these texts. Not positive: it says who may not.
    NotOneOf(Vec<String>),
    /// One of these patterns matches.
    Glob(Vec<Glob>),
    /// Begins with none of these. Not positive.
    NotStartingWith(Vec<String>),
    /// An array that holds every one of these texts.
    Contains(Vec<String>),
    /// The same text as another claim.
    SameAs(ClaimAddress),
    /// Not there. Not positive.
    Absent,
    /// Not there, `null`, or an empty text. Not positive.
    Empty,
    /// There, and neither `null` nor an empty text. Not positive: everybody's may be.
    Present,
    /// Not there, or as the test wants it. Not positive.
    AbsentOr(Box<Test>),
    /// As the test wants it, without regard to the case of ASCII.
    AnyCase {
        /// In lower case: what is compared.
        lower: Box<Test>,
        /// As the operator spelled it: Octopus, which knows case, is told this.
        spelled: Box<Test>,
    },
    /// As the test wants it; if the claim is not there, the part of `sub` that follows this key
    /// (`key:value:key:value`) instead.
    PartOfSubject {
        /// The key in `sub`.
        key: String,
        /// What the value must be.
        test: Box<Test>,
    },
}

impl Condition {
    /// Whether it holds for the claims that `claim` finds.
    pub fn holds<'a>(&self, claim: impl Fn(&ClaimAddress) -> Option<&'a Json>) -> bool {
        self.test.holds(claim(&self.claim), &claim)
    }

    /// True if it says who may, not only who may not.
    pub const fn is_positive(&self) -> bool {
        self.test.is_positive()
    }

    /// True if one text alone passes, byte for byte.
    pub(super) const fn is_exact(&self) -> bool {
        matches!(self.test, Test::Exact(_))
    }
}

impl Test {
    fn holds<'a, F>(&self, value: Option<&Json>, claim: &F) -> bool
    where
        F: Fn(&ClaimAddress) -> Option<&'a Json>,
    {
        match (self, value) {
            (Self::Absent, value) => value.is_none(),
            (Self::Empty, value) => is_empty(value),
            (Self::Present, value) => !is_empty(value),
            (Self::AbsentOr(test), value) => value.is_none() || test.holds(value, claim),
            (Self::PartOfSubject { key, test }, None) => {
                let subject = claim(&ClaimAddress::Name("sub".to_owned()));
                let Some(parts) = subject.and_then(Json::as_str).and_then(parts) else {
                    return false;
                };
                let mut found = parts.iter().filter(|[name, _]| name == key);
                match (found.next(), found.next()) {
                    (Some([_, part]), None) => test.accepts(part),
                    (None, _) => test.allows_absence(),
                    (Some(_), Some(_)) => false,
                }
            }
            (Self::PartOfSubject { test, .. }, value) => test.holds(value, claim),
            (_, None) => false,
            (Self::Contains(wanted), Some(value)) => contains_all(value, wanted),
            (Self::SameAs(other), Some(value)) => {
                let other = claim(other).and_then(Json::canonical);
                other.is_some() && other == value.canonical()
            }
            (test, Some(value)) => value.canonical().is_some_and(|text| test.accepts(&text)),
        }
    }

    /// Whether a text passes by itself.
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == text,
            Self::OneOf(wanted) => wanted.iter().any(|wanted| wanted == text),
            Self::NotOneOf(unwanted) => unwanted.iter().all(|unwanted| unwanted != text),
            Self::Glob(globs) => globs.iter().any(|glob| glob.matches(text)),
            Self::NotStartingWith(starts) => {
                !starts.iter().any(|start| text.starts_with(start.as_str()))
            }
            Self::Empty => text.is_empty(),
            Self::Present => !text.is_empty(),
            Self::AnyCase { lower, .. } => lower.accepts(&text.to_ascii_lowercase()),
            Self::AbsentOr(test) | Self::PartOfSubject { test, .. } => test.accepts(text),
            Self::Contains(_) | Self::SameAs(_) | Self::Absent => false,
        }
    }

    /// The values that it names, if nothing else passes; in lower case if case does not count.
    pub fn values(&self) -> &[String] {
        match self {
            Self::Exact(wanted) => std::slice::from_ref(wanted),
            Self::OneOf(wanted) => wanted,
            Self::AnyCase { lower: test, .. } | Self::PartOfSubject { test, .. } => test.values(),
            _ => &[],
        }
    }

    /// True if another claim decides.
    pub const fn compares_claims(&self) -> bool {
        match self {
            Self::SameAs(_) => true,
            Self::AbsentOr(test)
            | Self::AnyCase { lower: test, .. }
            | Self::PartOfSubject { test, .. } => test.compares_claims(),
            _ => false,
        }
    }

    const fn allows_absence(&self) -> bool {
        matches!(self, Self::Absent | Self::Empty | Self::AbsentOr(_))
    }

    const fn is_positive(&self) -> bool {
        match self {
            Self::Exact(_)
            | Self::OneOf(_)
            | Self::Glob(_)
            | Self::Contains(_)
            | Self::SameAs(_) => true,
            Self::AnyCase { lower: test, .. } | Self::PartOfSubject { test, .. } => {
                test.is_positive()
            }
            Self::NotOneOf(_)
            | Self::NotStartingWith(_)
            | Self::Absent
            | Self::Empty
            | Self::Present
            | Self::AbsentOr(_) => false,
        }
    }
}

fn is_empty(value: Option<&Json>) -> bool {
    value.is_none_or(|value| {
        matches!(value, Json::Null) || value.as_str().is_some_and(str::is_empty)
    })
}

/// The keys and values of a subject such as `space:default:project:web`. They take turns, so a value
/// that is named like a key is none. `None` if the subject is not of this form.
fn parts(subject: &str) -> Option<Vec<[&str; 2]>> {
    let words: Vec<&str> = subject.split(':').collect();
    let (pairs, rest) = words.as_chunks::<2>();
    rest.is_empty().then(|| pairs.to_vec())
}

fn contains_all(value: &Json, wanted: &[String]) -> bool {
    let Json::Array(items) = value else {
        return false;
    };
    let holds = |wanted: &String| {
        items.iter().any(|item| item.canonical().is_some_and(|text| *wanted == text))
    };
    wanted.iter().all(holds)
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(wanted) => write!(formatter, "{wanted:?}"),
            Self::OneOf(wanted) => write!(formatter, "one of {wanted:?}"),
            Self::NotOneOf(unwanted) => write!(formatter, "none of {unwanted:?}"),
            Self::Glob(globs) => {
                let patterns: Vec<&str> = globs.iter().map(Glob::as_str).collect();
                write!(formatter, "a match of {patterns:?}")
            }
            Self::Contains(wanted) => write!(formatter, "an array with {wanted:?}"),
            Self::SameAs(other) => write!(formatter, "the same as {other}"),
            Self::NotStartingWith(starts) => {
                write!(formatter, "a text that begins with none of {starts:?}")
            }
            Self::Absent => formatter.write_str("absent"),
            Self::Empty => formatter.write_str("absent or empty"),
            Self::Present => formatter.write_str("present"),
            Self::AbsentOr(test) => write!(formatter, "absent or {test}"),
            Self::AnyCase { lower, .. } => write!(formatter, "{lower} in any case"),
            Self::PartOfSubject { test, key } => {
                write!(formatter, "{test}, here or behind {key:?} in sub")
            }
        }
    }
}

#[cfg(test)]
mod tests;
