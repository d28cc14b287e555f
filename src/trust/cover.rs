//! Whether one pattern matches all that another matches.

use std::collections::{HashSet, VecDeque};

use super::glob::{Glob, Step};

/// States that are looked at before giving up: a pattern of everyday length has a few dozen.
const STATES: usize = 2_000;

/// A character that stands for all that no pattern names: one of them at least is in neither.
const OTHERS: std::ops::RangeInclusive<char> = '\u{e000}'..='\u{f8ff}';

impl Glob {
    /// Whether everything that `other` matches, this matches. `false` also if it takes too long
    /// to find out.
    pub fn covers(&self, other: &Self) -> bool {
        if self.separators() != other.separators() {
            return false;
        }
        if self.as_str() == other.as_str() {
            return true;
        }
        // Whatever `other` matches begins with its literal beginning, and goes on as it likes.
        let (own, theirs) = (self.beginning(), other.beginning());
        theirs.starts_with(&own) && self.holds_all_of(other)
    }

    /// The literal characters before the first wildcard.
    pub fn beginning(&self) -> Vec<char> {
        let literals = self.steps().iter().map_while(|step| match step {
            Step::Literal(character) => Some(*character),
            Step::InSegment { .. } | Step::Any => None,
        });
        literals.collect()
    }

    /// Whether it matches more than one text.
    pub fn has_wildcard(&self) -> bool {
        self.steps().iter().any(|step| !matches!(step, Step::Literal(_)))
    }

    /// Reads `other` and this side by side, with every character that makes a difference.
    fn holds_all_of(&self, other: &Self) -> bool {
        let alphabet = alphabet(self, other);
        let start = (other.start(), self.start());
        let mut seen = HashSet::from([start.clone()]);
        let mut next = VecDeque::from([start]);
        while let Some((theirs, own)) = next.pop_front() {
            if Self::is_end(&theirs) && !Self::is_end(&own) {
                return false;
            }
            for character in &alphabet {
                let (mut they, mut we) = (theirs.clone(), own.clone());
                if !other.advance(&theirs, *character, &mut they) {
                    continue;
                }
                self.advance(&own, *character, &mut we);
                let state = (they, we);
                if seen.len() >= STATES {
                    return false;
                }
                if seen.insert(state.clone()) {
                    next.push_back(state);
                }
            }
        }
        true
    }
}

/// Every character that a pattern names, every separator, and one for all others.
fn alphabet(one: &Glob, other: &Glob) -> HashSet<char> {
    let literals = one.steps().iter().chain(other.steps()).filter_map(|step| match step {
        Step::Literal(character) => Some(*character),
        Step::InSegment { .. } | Step::Any => None,
    });
    let mut alphabet: HashSet<char> = literals.chain(one.separators().chars()).collect();
    let unnamed = OTHERS.into_iter().find(|character| !alphabet.contains(character));
    alphabet.extend(unnamed);
    alphabet
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        let rows = [
            // wider, narrower, covers
            ("refs/heads/*", "refs/heads/release-*", true),
            ("refs/heads/*", "refs/heads/main", true),
            ("refs/heads/*", "refs/heads/**", false),
            ("refs/heads/**", "refs/heads/*", true),
            ("refs/heads/**", "refs/heads/release/*", true),
            ("refs/**", "refs/heads/*", true),
            ("refs/heads/release-*", "refs/heads/*", false),
            ("**", "*/?", true),
            ("*", "?", true),
            ("?", "*", false),
            ("a*b", "axb", true),
            ("a*b", "a?*b", true),
            ("a?*b", "a*b", false),
            ("*b", "a*b", true),
            ("b*", "*b", false),
            ("**b", "a*b", true),
            ("a**", "a\\**", true),
            ("a\\*", "a*", false),
        ];
        for (wider, narrower, expected) in rows {
            let (wide, narrow) =
                (Glob::new(wider, "/").unwrap(), Glob::new(narrower, "/").unwrap());
            assert_eq!(wide.covers(&narrow), expected, "{wider} {narrower}");
        }
    }

    #[test]
    fn what_takes_long_to_find_out_is_not_covered() {
        let wide = Glob::new(&"*a**b?".repeat(80), "/").unwrap();
        let narrow = Glob::new(&"*a**b?c".repeat(70), "/").unwrap();

        assert!(!wide.covers(&narrow));
    }

    proptest! {
        #[test]
        fn nothing_covered_slips_through(
            wide in "([ab/?]|\\*|\\*\\*[ab]){1,5}",
            narrow in "([ab/?]|\\*|\\*\\*[ab]){1,5}",
            text in "[ab/c]{0,6}",
        ) {
            if let (Ok(wide), Ok(narrow)) = (Glob::new(&wide, "/"), Glob::new(&narrow, "/"))
                && wide.covers(&narrow) && narrow.matches(&text)
            {
                prop_assert!(wide.matches(&text));
            }
        }
    }
}
