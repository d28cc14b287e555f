//! Every lint: id, severity, meaning. `docs/lints.md` has a row for each.

use crate::config::problem::Severity;

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Lint {
    /// Short and never reused, such as `SUB1`.
    pub id: &'static str,
    /// How grave its findings are.
    pub severity: Severity,
    /// What it finds, in a line.
    pub meaning: &'static str,
}

const fn error(id: &'static str, meaning: &'static str) -> Lint {
    Lint { id, severity: Severity::Error, meaning }
}

/// Patterns that match everything.
pub(in crate::config) static SUB2: Lint = error("SUB2", "a pattern matches everything");

/// All of them, by id.
pub static LINTS: &[&Lint] = &[&SUB2];
