//! What stands between the literal ends of a pattern, in the form that is quickest to match.

use super::Step;

/// Steps from the first wildcard to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Core {
    /// There is no wildcard.
    Nothing,
    /// A single `*`, as in most patterns.
    Segment,
    /// A single `**`.
    Anything,
    /// Few enough steps for [`Readings`].
    Short(Readings),
    /// More steps than that: these are walked one by one.
    Long,
}

/// All readings of a text side by side, one bit each: bit `n` of a state says that the text so far
/// can be read as the first `n` steps. The masks have bit `n` for step `n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readings {
    literals: Vec<char>,
    /// Steps that take any character inside a segment.
    in_segment: u128,
    /// Steps that take any character.
    any: u128,
    /// Steps that, once they have matched, may match again.
    repeating: u128,
}

/// Stands in `literals` for a step that is none.
const NO_LITERAL: char = '\0';

impl Core {
    pub(super) fn of(steps: &[Step]) -> Self {
        match steps {
            [] => Self::Nothing,
            [Step::InSegment { repeats: true }] => Self::Segment,
            [Step::Any] => Self::Anything,
            _ if steps.len() < u128::BITS as usize => Self::Short(Readings::of(steps)),
            _ => Self::Long,
        }
    }
}

impl Readings {
    fn of(steps: &[Step]) -> Self {
        let mut readings =
            Self { literals: Vec::with_capacity(steps.len()), in_segment: 0, any: 0, repeating: 0 };
        let mut bit = 1;
        for step in steps {
            readings.literals.push(match step {
                Step::Literal(character) => *character,
                Step::InSegment { .. } => {
                    readings.in_segment |= bit;
                    NO_LITERAL
                }
                Step::Any => {
                    readings.any |= bit;
                    NO_LITERAL
                }
            });
            if step.repeats() {
                readings.repeating |= bit;
            }
            bit <<= 1;
        }
        readings
    }

    /// Whether the whole text can be read as all steps.
    pub(super) fn matches(&self, text: &str, separators: &str) -> bool {
        let wildcards = self.in_segment | self.any;
        let mut reached: u128 = 1;
        for character in text.chars() {
            let open = if separators.contains(character) { self.any } else { wildcards };
            let mut next = (reached & open) << 1;
            next |= reached & ((self.repeating & open) << 1);
            let mut waiting = reached & !wildcards;
            while waiting != 0 {
                let at = waiting.trailing_zeros();
                if self.literals.get(at as usize) == Some(&character) {
                    next |= 2 << at;
                }
                waiting &= waiting - 1;
            }
            if next == 0 {
                return false;
            }
            reached = next;
        }
        reached >> self.literals.len() == 1
    }
}
