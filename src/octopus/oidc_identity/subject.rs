//! From a token's subject to the pattern that covers the subjects of its rule.
//!
//! The subject is cut into what the rule says of a claim, what varies from job to job, and the
//! rest, which stays as it is.

use std::collections::BTreeSet;
use std::ops::Range;

use super::saying::{Said, parts_of_subject, said, said_or_implied};
use crate::identity::Claims;
use crate::trust::Rule;

/// A subject in pieces.
#[derive(Debug)]
pub(super) struct Subject {
    pieces: Vec<Piece>,
    /// The claims that the subject shows as the rule has them.
    pub(super) shown: BTreeSet<String>,
    /// Those of which it allows more.
    pub(super) widened: Vec<String>,
    /// Those that stay as in the token although the rule lets other values in: it forbids some, and
    /// a wildcard would let those in too.
    pub(super) kept: Vec<String>,
    is_of_github: bool,
}

#[derive(Debug)]
enum Piece {
    /// Of the token's subject, and not looked through yet.
    Text(String),
    /// One of these patterns, which the rule has of a claim; without claim it varies.
    OneOf { claim: Option<String>, patterns: Vec<String> },
}

/// Claims that differ between jobs which a rule does not tell apart. All else in a subject names
/// whom the job belongs to, and stays. The last part of a name counts, as in
/// `oidc.circleci.com/vcs-ref`.
const VARYING: [&str; 33] = [
    "actor",
    "base_ref",
    "branch",
    "branchName",
    "build_branch",
    "build_commit",
    "build_number",
    "build_tag",
    "deploymentEnvironmentUuid",
    "environment",
    "head_ref",
    "job-id",
    "job_id",
    "job_workflow_ref",
    "pipeline-id",
    "pipelineUuid",
    "ref",
    "ref_type",
    "runId",
    "runType",
    "run_id",
    "scm_ref",
    "scm_user_name",
    "scope",
    "sha",
    "step_key",
    "stepUuid",
    "terraform_run_id",
    "terraform_run_phase",
    "trigger_type",
    "vcs-ref",
    "workflow-id",
    "workflow_ref",
];

/// In front of a part that varies and is no claim of its own.
const VARYING_LABELS: [&str; 1] = ["/user/"];

/// Most subjects that are written out; beyond, a wildcard stands for them.
const SUBJECTS: usize = 8;

impl Subject {
    pub(super) fn of<G>(rule: &Rule<G>, claims: &Claims) -> Self {
        let mut subject = Self {
            pieces: vec![Piece::Text(claims.subject().to_owned())],
            shown: BTreeSet::new(),
            widened: Vec::new(),
            kept: Vec::new(),
            is_of_github: claims.subject().starts_with("repo:"),
        };
        if let Some(said) = said(rule, "sub", claims.subject()) {
            subject.pieces.clear();
            subject.place("sub", said, 0..0);
            return subject;
        }
        for (claim, part, said) in parts_of_subject(rule, claims) {
            if let Some(gap) = subject.cut_out(&part) {
                subject.place(&claim, said, gap);
            }
        }
        let mut constrained = Vec::new();
        let mut varying = Vec::new();
        for (name, value) in claims.all() {
            let Some(value) = value.canonical().filter(|value| !value.is_empty()) else { continue };
            match said_or_implied(rule, claims, (name, &value)) {
                Some((by, said)) => constrained.push((value, by, said)),
                None if varies(name) => varying.push((name, value)),
                None => {}
            }
        }
        // The longest first: a repository's name holds its owner's.
        constrained.sort_by_key(|(value, ..)| std::cmp::Reverse(value.len()));
        varying.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        for (value, by, said) in constrained {
            // GitHub writes a colon in the name of an environment so.
            let escaped = value.replace(':', "%3A");
            let gap = subject.cut_out(&escaped).or_else(|| subject.cut_out(&value));
            if let Some(gap) = gap {
                subject.place(&by, said, gap);
            }
        }
        for (name, value) in varying {
            let is_forbidden_in_part =
                rule.conditions.iter().any(|condition| condition.claim.to_string() == name);
            let Some(gap) = subject.cut_out(&value) else { continue };
            let stands = if is_forbidden_in_part { value.into_owned() } else { "*".to_owned() };
            if is_forbidden_in_part {
                subject.kept.push(name.to_owned());
            }
            subject.pieces.splice(gap, [Piece::OneOf { claim: None, patterns: vec![stands] }]);
        }
        subject.widen_labels();
        subject.bound();
        subject
    }

    /// Every text that the pieces make.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts = vec![String::new()];
        for piece in &self.pieces {
            let patterns = match piece {
                Piece::Text(text) => std::slice::from_ref(text),
                Piece::OneOf { patterns, .. } => patterns,
            };
            let longer = |text: &String| {
                let text = text.clone();
                patterns.iter().map(move |pattern| format!("{text}{pattern}"))
            };
            texts = texts.iter().flat_map(longer).collect();
        }
        texts
    }

    /// Takes the value out of the text that is left, where it stands bounded at both ends; the gap
    /// is where something else is to be put.
    fn cut_out(&mut self, value: &str) -> Option<Range<usize>> {
        let (at, start, text) = self.pieces.iter().enumerate().find_map(|(at, piece)| {
            let Piece::Text(text) = piece else { return None };
            bounded(text, value).map(|start| (at, start, text.clone()))
        })?;
        let before = text.get(..start).unwrap_or_default().to_owned();
        let behind = text.get(start + value.len()..).unwrap_or_default().to_owned();
        self.pieces.splice(at..=at, [Piece::Text(before), Piece::Text(behind)]);
        Some(at + 1..at + 1)
    }

    fn place(&mut self, claim: &str, mut said: Said, gap: Range<usize>) {
        if self.is_of_github && claim == "environment" {
            said.escape_colons();
        }
        if said.is_widened {
            self.widen(claim);
        }
        self.shown.insert(claim.to_owned());
        let piece = Piece::OneOf { claim: Some(claim.to_owned()), patterns: said.patterns };
        self.pieces.splice(gap, [piece]);
    }

    fn widen(&mut self, claim: &str) {
        if !self.widened.iter().any(|widened| widened == claim) {
            self.widened.push(claim.to_owned());
        }
    }

    fn widen_labels(&mut self) {
        for label in VARYING_LABELS {
            for piece in &mut self.pieces {
                let Piece::Text(text) = piece else { continue };
                let Some((before, rest)) = text.split_once(label) else { continue };
                let behind = rest.find('/').and_then(|end| rest.get(end..)).unwrap_or_default();
                *text = format!("{before}{label}*{behind}");
            }
        }
    }

    /// Not more subjects than somebody would enter: the longest lists become wildcards.
    fn bound(&mut self) {
        while self.texts_count() > SUBJECTS {
            let lists = self.pieces.iter_mut().filter_map(|piece| match piece {
                Piece::OneOf { claim, patterns } => Some((claim.clone(), patterns)),
                Piece::Text(_) => None,
            });
            let longest = lists.max_by_key(|(_, patterns)| patterns.len());
            let Some((claim, patterns)) = longest else { return };
            *patterns = vec!["*".to_owned()];
            if let Some(claim) = claim {
                self.widen(&claim);
            }
        }
    }

    fn texts_count(&self) -> usize {
        self.pieces.iter().fold(1, |product: usize, piece| match piece {
            Piece::OneOf { patterns, .. } => product.saturating_mul(patterns.len()),
            Piece::Text(_) => product,
        })
    }
}

fn varies(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    VARYING.contains(&last)
}

/// Whether a value stands in a text, bounded at both ends.
pub(super) fn shows(text: &str, value: &str) -> bool {
    !value.is_empty() && bounded(text, value).is_some()
}

fn bounded(text: &str, value: &str) -> Option<usize> {
    let joins = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    text.match_indices(value).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).unwrap_or_default().chars().next_back();
        let behind = text.get(at + value.len()..).unwrap_or_default().chars().next();
        !before.is_some_and(joins) && !behind.is_some_and(joins)
    })
}

/// Octopus's reading of a subject: `*` is any run of characters, none included, `?` is one; case
/// counts.
#[cfg(test)]
pub(super) fn octopus_matches(pattern: &str, subject: &str) -> bool {
    let mut states = BTreeSet::from([0]);
    let pattern: Vec<char> = pattern.chars().collect();
    let skip_stars = |states: &mut BTreeSet<usize>| {
        for (at, character) in pattern.iter().enumerate() {
            if states.contains(&at) && *character == '*' {
                states.insert(at + 1);
            }
        }
    };
    skip_stars(&mut states);
    for character in subject.chars() {
        let mut next = BTreeSet::new();
        for at in states {
            match pattern.get(at) {
                Some('*') => next.insert(at),
                Some('?') => next.insert(at + 1),
                Some(wanted) if *wanted == character => next.insert(at + 1),
                _ => false,
            };
        }
        skip_stars(&mut next);
        states = next;
    }
    states.contains(&pattern.len())
}
