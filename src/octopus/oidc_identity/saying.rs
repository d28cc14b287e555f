//! What a rule says of one claim, in Octopus's wildcards.

use crate::identity::{ClaimAddress, Claims};
use crate::trust::{Rule, Test, Wildcards};

/// One of these patterns.
pub(super) struct Said {
    pub(super) patterns: Vec<String>,
    /// Whether they let in more than the rule does.
    pub(super) is_widened: bool,
}

/// GitLab says the ref in three claims: the rule may pin one, and the subject shows the others.
const REF_PREFIXES: [&str; 2] = ["refs/heads/", "refs/tags/"];

impl Said {
    /// As GitHub writes a colon in the name of an environment.
    pub(super) fn escape_colons(&mut self) {
        for pattern in &mut self.patterns {
            *pattern = pattern.replace(':', "%3A");
        }
    }
}

/// What the rule says of a claim, or of another one that says the same; with the name of that.
pub(super) fn said_or_implied<G>(
    rule: &Rule<G>,
    claims: &Claims,
    (name, value): (&str, &str),
) -> Option<(String, Said)> {
    if let Some(said) = said(rule, name, value) {
        return Some((name.to_owned(), said));
    }
    let path = said(rule, "ref_path", value)?;
    match name {
        "ref" => {
            // A tag must not pass for a branch of its name: of the patterns those of its kind.
            let own = claims.at(&ClaimAddress::Name("ref_path".to_owned()))?.as_str()?;
            let prefix = REF_PREFIXES.iter().find(|prefix| own.starts_with(**prefix))?;
            let of_kind = path.patterns.iter().filter_map(|pattern| pattern.strip_prefix(*prefix));
            let patterns: Vec<String> = of_kind.map(str::to_owned).collect();
            let is_widened = path.is_widened && patterns.iter().any(|it| it.contains(['*', '?']));
            Some(("ref_path".to_owned(), Said { patterns, is_widened }))
        }
        "ref_type" => {
            let patterns = vec![value.to_owned()];
            Some(("ref_path".to_owned(), Said { patterns, is_widened: false }))
        }
        _ => None,
    }
}

/// What the rule says of claims that the token does not have and its subject shows: the claim, the
/// part `key:value`, and what may stand there.
pub(super) fn parts_of_subject<G>(rule: &Rule<G>, claims: &Claims) -> Vec<(String, String, Said)> {
    let mut parts = Vec::new();
    for condition in &rule.conditions {
        let Test::PartOfSubject { key, test } = &condition.test else { continue };
        if claims.at(&condition.claim).is_some() {
            continue;
        }
        let mut words = claims.subject().split(':');
        let Some(value) = words.find(|word| word == key).and_then(|_| words.next()) else {
            continue;
        };
        let Some(said) = patterns(test, value) else { continue };
        let with_key = said.patterns.iter().map(|pattern| format!("{key}:{pattern}")).collect();
        let said = Said { patterns: with_key, ..said };
        parts.push((condition.claim.to_string(), format!("{key}:{value}"), said));
    }
    parts
}

/// What the rule says of a claim, of which the token holds `value`.
pub(super) fn said<G>(rule: &Rule<G>, name: &str, value: &str) -> Option<Said> {
    let named = |claim: &ClaimAddress| matches!(claim, ClaimAddress::Name(it) if it == name);
    let conditions = rule.conditions.iter().filter(|condition| named(&condition.claim));
    let mut said = conditions.filter_map(|condition| patterns(&condition.test, value));
    said.next()
}

fn patterns(test: &Test, value: &str) -> Option<Said> {
    match test {
        // Octopus knows case: as the token spells it, where the rule names it.
        Test::AnyCase { lower, .. } => {
            let mut said = patterns(lower, value)?;
            for pattern in &mut said.patterns {
                if *pattern == value.to_ascii_lowercase() {
                    value.clone_into(pattern);
                }
            }
            Some(said)
        }
        Test::AbsentOr(test) | Test::PartOfSubject { test, .. } => patterns(test, value),
        test => {
            let Wildcards { patterns, is_widened } = test.wildcards()?;
            Some(Said { patterns, is_widened })
        }
    }
}
