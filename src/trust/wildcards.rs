//! Octopus's wildcards: `*` is any run of characters, none included, `?` is one; case counts. Both
//! cross every separator, and nothing escapes them, so a pattern of ours often says more.

use super::condition::Test;
use super::glob::Glob;

/// What a test accepts, as patterns of Octopus; or more than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcards {
    /// One of these.
    pub patterns: Vec<String>,
    /// Whether they let in more than the test does.
    pub is_widened: bool,
}

impl Test {
    /// The patterns, if the test says who may; where case does not count, as the operator spelled
    /// it.
    pub fn wildcards(&self) -> Option<Wildcards> {
        match self {
            Self::Exact(wanted) => Some(Wildcards::of_texts(std::slice::from_ref(wanted))),
            Self::OneOf(wanted) => Some(Wildcards::of_texts(wanted)),
            Self::Glob(globs) => {
                let (patterns, widened): (Vec<String>, Vec<bool>) =
                    globs.iter().map(translated).unzip();
                Some(Wildcards { patterns, is_widened: widened.contains(&true) })
            }
            Self::AnyCase { spelled, .. } => spelled.wildcards(),
            Self::PartOfSubject { test, .. } => test.wildcards(),
            _ => None,
        }
    }
}

impl Wildcards {
    /// These very texts, as far as Octopus takes them so.
    pub fn of_texts(texts: &[String]) -> Self {
        let is_widened = texts.iter().any(|text| text.contains(['*', '?']));
        Self { patterns: texts.to_vec(), is_widened }
    }
}

/// A pattern of ours in Octopus's wildcards, and whether it means more there: ours stay within a
/// segment, but for `**`.
fn translated(glob: &Glob) -> (String, bool) {
    let mut pattern = String::new();
    let mut is_widened = false;
    let mut characters = glob.as_str().chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let literal = characters.next().unwrap_or('\\');
                is_widened |= matches!(literal, '*' | '?');
                pattern.push(literal);
            }
            '*' if characters.next_if_eq(&'*').is_some() => pattern.push('*'),
            '*' | '?' => {
                is_widened = true;
                pattern.push(character);
            }
            literal => pattern.push(literal),
        }
    }
    (pattern, is_widened)
}

/// Whether Octopus takes every subject by the one pattern that it takes by the other. A text without
/// wildcards is a pattern for itself. May say no where it is so all the same: `*?` and `?*`.
pub fn covers(pattern: &str, other: &str) -> bool {
    let steps: Vec<char> = pattern.chars().collect();
    // reached[n]: what was read of the other can be read as the first n steps.
    let mut reached = vec![false; steps.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    skip_stars(&steps, &mut reached);
    for character in other.chars() {
        let mut next = vec![false; reached.len()];
        for (at, step) in steps.iter().enumerate().filter(|(at, _)| reached.get(*at) == Some(&true))
        {
            // A star of the other may be anything, so that only a star stands for it.
            let (stays, goes_on) = match step {
                '*' => (true, false),
                '?' => (false, character != '*'),
                literal => (false, *literal == character),
            };
            for (is_reached, slot) in [(stays, at), (goes_on, at + 1)] {
                if let Some(slot) = next.get_mut(slot).filter(|_| is_reached) {
                    *slot = true;
                }
            }
        }
        skip_stars(&steps, &mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

/// A star may stand for nothing.
fn skip_stars(steps: &[char], reached: &mut [bool]) {
    for (at, step) in steps.iter().enumerate() {
        if *step == '*'
            && reached.get(at) == Some(&true)
            && let Some(slot) = reached.get_mut(at + 1)
        {
            *slot = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_lets_in() {
        let rows = [
            ("repo:acme/*", "repo:acme/web:ref:refs/heads/main", true),
            ("repo:acme/*", "repo:acme/web:*", true),
            ("repo:acme/*:ref:*", "repo:acme/web:ref:refs/heads/*", true),
            ("*", "", true),
            ("*", "*", true),
            ("a?c", "a/c", true),
            ("a?c", "a?c", true),
            ("a", "a", true),
            ("a*", "a", true),
            ("a*a", "aa", true),
            ("a", "A", false),
            ("a?c", "a*c", false),
            ("a", "?", false),
            ("a", "*", false),
            ("repo:acme/web:*", "repo:acme/*", false),
            ("a*a", "a", false),
            ("", "a", false),
            ("?", "", false),
        ];
        for (pattern, other, expected) in rows {
            assert_eq!(covers(pattern, other), expected, "{pattern} {other}");
        }
    }

    #[test]
    fn a_star_of_ours_means_more_in_octopus() {
        let glob = |text| Test::Glob(vec![Glob::new(text, "/:").unwrap()]);
        let rows = [
            (glob("refs/heads/*"), "refs/heads/*", true),
            (glob("refs/**"), "refs/*", false),
            (glob("a\\?"), "a?", true),
            (glob("a\\\\b"), "a\\b", false),
            (glob("v?"), "v?", true),
            (Test::Exact("a*".to_owned()), "a*", true),
        ];
        for (test, pattern, is_widened) in rows {
            let wildcards = test.wildcards().unwrap();
            assert_eq!(
                (wildcards.patterns, wildcards.is_widened),
                (vec![pattern.to_owned()], is_widened)
            );
        }
        assert_eq!(Test::Absent.wildcards(), None);
    }
}
