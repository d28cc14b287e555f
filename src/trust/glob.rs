//! Patterns for claims: anchored at both ends, aware of segments, linear in the text.
//!
//! | written | matches |
//! |---|---|
//! | `*` | one or more characters inside a segment |
//! | `**` | one or more characters, separators too |
//! | `?` | one character that is no separator |
//! | `\` | takes the next character as it is |
//!
//! Separators are `/` and, for composite subjects such as `repo:acme/web:ref:refs/heads/main`,
//! `:` as well; so `repo:acme/*:environment:production` can't be met by a branch that is named
//! `x:environment:production`. There are no classes, no braces and no regular expressions.

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    separators: &'static str,
    steps: Vec<Step>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Nothing can match it.
    #[error("the pattern is empty")]
    Empty,
    /// A backslash at the end.
    #[error("the pattern ends in a backslash that escapes nothing")]
    Escape,
    /// Three stars say nothing that two do not.
    #[error("more than two stars stand in a row")]
    Stars,
}

/// What the next character must be, and whether more of the kind may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Literal(char),
    InSegment { repeats: bool },
    Any,
}

impl Glob {
    /// Compiles a pattern; `separators` are the characters that end a segment.
    pub fn new(pattern: &str, separators: &'static str) -> Result<Self, GlobError> {
        let mut steps = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            steps.push(match character {
                '\\' => Step::Literal(characters.next().ok_or(GlobError::Escape)?),
                '?' => Step::InSegment { repeats: false },
                '*' => {
                    if characters.next_if_eq(&'*').is_none() {
                        Step::InSegment { repeats: true }
                    } else if characters.peek() == Some(&'*') {
                        return Err(GlobError::Stars);
                    } else {
                        Step::Any
                    }
                }
                literal => Step::Literal(literal),
            });
        }
        if steps.is_empty() {
            return Err(GlobError::Empty);
        }
        Ok(Self { pattern: pattern.to_owned(), separators, steps })
    }

    /// Whether the whole text matches. Walks all readings of the pattern side by side, so that no
    /// text can make it go back: at most one visit per character and step.
    pub fn matches(&self, text: &str) -> bool {
        let mut reached = self.start();
        let mut next = reached.clone();
        for character in text.chars() {
            if !self.advance(&reached, character, &mut next) {
                return false;
            }
            std::mem::swap(&mut reached, &mut next);
        }
        Self::is_end(&reached)
    }

    /// Before any text. `reached[n]`: the text so far can be read as the first n steps.
    pub(super) fn start(&self) -> Vec<bool> {
        let mut reached = vec![false; self.steps.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        reached
    }

    /// What is reached with one character more; false if nothing.
    pub(super) fn advance(&self, reached: &[bool], character: char, next: &mut [bool]) -> bool {
        next.fill(false);
        let mut is_alive = false;
        for (at, step) in self.steps.iter().enumerate() {
            let before = reached.get(at) == Some(&true);
            // A repeating step that has matched once may match again.
            let again = step.repeats() && reached.get(at + 1) == Some(&true);
            if (before || again) && self.accepts(*step, character) {
                if let Some(slot) = next.get_mut(at + 1) {
                    *slot = true;
                }
                is_alive = true;
            }
        }
        is_alive
    }

    /// Whether the text so far can be read as the whole pattern.
    pub(super) fn is_end(reached: &[bool]) -> bool {
        reached.last() == Some(&true)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) const fn separators(&self) -> &'static str {
        self.separators
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    fn accepts(&self, step: Step, character: char) -> bool {
        match step {
            Step::Literal(wanted) => wanted == character,
            Step::InSegment { .. } => !self.separators.contains(character),
            Step::Any => true,
        }
    }
}

impl Step {
    const fn repeats(self) -> bool {
        matches!(self, Self::InSegment { repeats: true } | Self::Any)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matching_is_anchored_and_knows_segments() {
        let rows = [
            // pattern, text, matches
            ("refs/heads/*", "refs/heads/main", true),
            ("refs/heads/*", "refs/heads/release/1", false),
            ("refs/heads/*", "refs/heads/", false),
            ("refs/heads/*", "xrefs/heads/main", false),
            ("refs/heads/*", "refs/tags/heads/main", false),
            ("refs/heads/**", "refs/heads/release/1", true),
            ("refs/heads/**", "refs/heads/", false),
            ("**", "anything/at:all", true),
            ("**", "", false),
            ("*", "a/b", false),
            ("v?.?", "v1.2", true),
            ("v?.?", "v12", false),
            ("v?", "v/", false),
            ("v?", "v:", false),
            ("v?", "v\u{1f600}", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\\\b", "a\\b", true),
            ("main", "main", true),
            ("main", "Main", false),
            ("main", "main\n", false),
            ("main|x", "main", false),
            ("(main)", "main", false),
            ("[ab]", "a", false),
            ("{a,b}", "a", false),
            ("repo:acme/web:environment:*", "repo:acme/web:environment:prod", true),
            ("repo:acme/*:environment:prod", "repo:acme/web:ref:x:environment:prod", false),
            ("repo:acme/*:ref:*", "repo:acme/web:ref:x", true),
            ("repo:acme/*:ref:*", "repo:acme/web:ref:x:y", false),
            ("repo:acme/*", "repo:acme-evil/web", false),
            ("repo:acme/*:**", "repo:acme/web:ref:refs/heads/x:environment:prod", true),
            ("repo:acme/*:x", "repo:acme/web%3Ax", false),
            ("**:environment:prod", "a:b/c:environment:prod", true),
            ("a*a*a", "aaa", false),
            ("a*a*a", "aaaaa", true),
            ("*b*", "abc", true),
        ];
        for (pattern, text, expected) in rows {
            let glob = Glob::new(pattern, "/:").unwrap();
            assert_eq!(glob.matches(text), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn a_colon_separates_only_composite_claims() {
        assert!(Glob::new("a*", "/").unwrap().matches("ab:c"));
        assert!(!Glob::new("a*", "/:").unwrap().matches("ab:c"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(Glob::new("", "/").err(), Some(GlobError::Empty));
        assert_eq!(Glob::new("a\\", "/").err(), Some(GlobError::Escape));
        assert_eq!(Glob::new("a***", "/").err(), Some(GlobError::Stars));
    }

    /// The same rules, written the slow and obvious way.
    fn matches_naively(pattern: &[char], text: &[char]) -> bool {
        let is_separator = |character: &char| *character == '/' || *character == ':';
        match (pattern, text) {
            ([], []) => true,
            ([], _) | (_, []) => false,
            (['*', '*', rest @ ..], [_, tail @ ..]) => {
                matches_naively(rest, tail) || matches_naively(pattern, tail)
            }
            (['*', rest @ ..], [first, tail @ ..]) => {
                !is_separator(first)
                    && (matches_naively(rest, tail) || matches_naively(pattern, tail))
            }
            (['?', rest @ ..], [first, tail @ ..]) => {
                !is_separator(first) && matches_naively(rest, tail)
            }
            (['\\', wanted, rest @ ..] | [wanted, rest @ ..], [first, tail @ ..]) => {
                wanted == first && matches_naively(rest, tail)
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious_matcher(
            pattern in "([ab/:?]|\\*|\\*\\*[ab]|\\\\[*?]){1,8}",
            text in "[ab/:*?]{0,10}",
        ) {
            if let Ok(glob) = Glob::new(&pattern, "/:") {
                let pattern: Vec<char> = pattern.chars().collect();
                let characters: Vec<char> = text.chars().collect();
                prop_assert_eq!(glob.matches(&text), matches_naively(&pattern, &characters));
            }
        }

        #[test]
        fn a_text_without_pattern_characters_matches_only_itself(
            text in "[a-z/:]{1,20}",
            other in "[a-z/:]{1,20}",
        ) {
            let glob = Glob::new(&text, "/:").unwrap();
            prop_assert!(glob.matches(&text));
            prop_assert_eq!(glob.matches(&other), text == other);
        }
    }
}
