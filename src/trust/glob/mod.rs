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

mod core;

use core::Core;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    separators: &'static str,
    steps: Vec<Step>,
    /// What every match begins with: the characters before the first wildcard.
    prefix: String,
    /// What every match ends with: the characters after the last wildcard.
    suffix: String,
    /// All from the first wildcard to the last, both among it.
    core: Core,
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
    /// Compiles a pattern; `separators` are the characters, of ASCII, that end a segment.
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
        let literal = |step: &Step| if let Step::Literal(one) = step { Some(*one) } else { None };
        let prefix: String = steps.iter().map_while(literal).collect();
        let inner = steps.get(prefix.chars().count()..).unwrap_or_default();
        let ending: Vec<char> = inner.iter().rev().map_while(literal).collect();
        let inner = inner.get(..inner.len() - ending.len()).unwrap_or_default();
        let core = Core::of(inner);
        let suffix = ending.into_iter().rev().collect();
        Ok(Self { pattern: pattern.to_owned(), separators, steps, prefix, suffix, core })
    }

    /// Whether the whole text matches. Most texts are told apart by their beginning or their end; no
    /// text can make it go back: between those it makes at most one visit per character and step.
    pub fn matches(&self, text: &str) -> bool {
        let rest = text.strip_prefix(self.prefix.as_str());
        let Some(middle) = rest.and_then(|rest| rest.strip_suffix(self.suffix.as_str())) else {
            return false;
        };
        match &self.core {
            Core::Nothing => middle.is_empty(),
            Core::Segment => !middle.is_empty() && !self.has_separator(middle),
            Core::Anything => !middle.is_empty(),
            Core::Short(readings) => readings.matches(middle, self.separators),
            Core::Long => self.matches_stepwise(text),
        }
    }

    fn has_separator(&self, text: &str) -> bool {
        text.bytes().any(|byte| self.separators.as_bytes().contains(&byte))
    }

    /// Walks all readings of the pattern side by side.
    fn matches_stepwise(&self, text: &str) -> bool {
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
mod tests;
