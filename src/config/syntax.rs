//! What is wrong with a text that is no YAML, and what to write instead.
//!
//! The parser names the place at which it could not go on, and knows nothing of what people forget:
//! often it was forgotten before that.

use serde_saphyr::Error;

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) source: &'a str,
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Fault<'a> {
    pub(super) spot: Spot<'a>,
    pub(super) sentence: String,
}

/// A star at the beginning of a plain value names an anchor (YAML 1.2.2 7.1).
const STAR: &str = "a value that begins with a star names an anchor, and no value above carries this \
                    one; write the star in quotes, as in `glob: \"*-prod\"`";

impl<'a> Fault<'a> {
    /// Of a text that is no YAML, or not ours.
    pub(super) fn of(error: &Error, spot: Spot<'a>) -> Self {
        let sentence = match error {
            Error::MultipleDocuments { .. } => {
                "a second document starts here; a configuration is one document, so remove what \
                 follows"
            }
            Error::Budget { .. }
            | Error::AliasReplayCounterOverflow { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. } => {
                "the file is too deep, too large or repeats too much by aliases; no configuration \
                 needs that"
            }
            Error::AliasError { error, .. } => return Self::of(error, spot),
            Error::UnknownAnchor { .. } => STAR,
            Error::RecursiveReferencesRequireWeakTypes { .. } => {
                "the alias stands inside the value that it names; write the value out"
            }
            Error::UnsupportedTag { .. } => {
                "tags are not taken; remove the word with the `!`, or quote the value"
            }
            Error::Unexpected { .. } | Error::NullIntoString { .. } => {
                "a key must be one text; quote it, or write the value behind a key"
            }
            _ => return Self::of_syntax(&error.to_string(), spot),
        };
        Self { spot, sentence: sentence.to_owned() }
    }

    fn of_syntax(message: &str, spot: Spot<'a>) -> Self {
        let message = message.split_once(" at line ").map_or(message, |(what, _)| what);
        if message.contains("anchor or alias") {
            return Self { spot, sentence: STAR.to_owned() };
        }
        let sentence = format!("is not YAML: {message}; {}", advice(message, spot));
        // The parser stands at the end of the value above, which goes on behind the tab.
        let spot = if message.contains("found a tab") { spot.next_tab() } else { spot };
        Self { spot, sentence }
    }
}

fn advice(message: &str, spot: Spot<'_>) -> String {
    let says = |phrase: &str| message.contains(phrase);
    let is_inside = says("flow") || says("placement of ':'");
    let advice = if says("recursion limit") {
        "no configuration is that deep"
    } else if says("tab") {
        "indent with spaces"
    } else if says("unclosed quote") {
        "close it"
    } else if spot.has_variable_in_brackets() || (says("flow") && spot.text().contains("${")) {
        "inside `{ }` and `[ ]` YAML can't hold a plain `${NAME}`, so write that on lines of its own"
    } else if says("unclosed") {
        "close it"
    } else if let Some((bracket, line)) = spot.open_bracket().filter(|_| is_inside) {
        let of = if bracket == '[' { "list" } else { "map" };
        return format!(
            "the `{bracket}` of line {line} is not closed above this; close it where its {of} ends, \
             or quote the value if the character belongs to it"
        );
    } else if let Some(key) = touching_key(spot.text()).filter(|_| says("simple key")) {
        return format!("write a space behind the colon of `{key}:`");
    } else if says("'-' indicator") {
        "the keys of one entry begin in the same column, that of its first key behind the `- `"
    } else if says("mapping values") {
        if let Some((line, key)) = spot.touching_key_above() {
            return format!("write a space behind the colon of `{key}:` in line {line}");
        }
        "quote the value if the colon belongs to it; else this line is indented deeper than the one \
         above it, and keys of one map begin in the same column"
    } else if says("':'") || says("unexpected character") {
        "quote the value if the character belongs to it, else look at the indentation"
    } else {
        "look at the indentation, the brackets and the line above"
    };
    advice.to_owned()
}

impl<'a> Spot<'a> {
    fn lines(self) -> impl DoubleEndedIterator<Item = (usize, &'a str)> {
        let lines: Vec<_> = (1..).zip(self.source.lines()).collect();
        lines.into_iter()
    }

    fn above(self) -> impl DoubleEndedIterator<Item = (usize, &'a str)> {
        self.lines().filter(move |(line, _)| *line < self.line)
    }

    /// The line.
    fn text(self) -> &'a str {
        self.source.lines().nth(self.line.saturating_sub(1)).unwrap_or_default()
    }

    fn has_variable_in_brackets(self) -> bool {
        let before = self.text().split_once("${").map(|(before, _)| before);
        before.is_some_and(|before| before.contains(['{', '[']))
    }

    /// The tab with which a line below is indented.
    fn next_tab(self) -> Self {
        let tabs = self.lines().filter_map(|(line, text)| {
            let (indentation, _) = text.split_once(|character: char| !character.is_whitespace())?;
            Some((line, indentation.find('\t')? + 1))
        });
        let mut below = tabs.filter(|(line, _)| *line > self.line);
        below.next().map_or(self, |(line, column)| Self { line, column, ..self })
    }

    /// The innermost bracket that is open at the beginning of the line, and its line.
    fn open_bracket(self) -> Option<(char, usize)> {
        let mut open = Vec::new();
        for (line, text) in self.above() {
            brackets(text, |bracket| match bracket {
                '[' | '{' => open.push((bracket, line)),
                _ => drop(open.pop()),
            });
        }
        open.pop()
    }

    /// The key that touches its value in the next line above that holds anything.
    fn touching_key_above(self) -> Option<(usize, &'a str)> {
        let is_something = |text: &str| !text.is_empty() && !text.starts_with('#');
        let (line, text) = self.above().rfind(|(_, text)| is_something(text.trim_start()))?;
        touching_key(text).map(|key| (line, key))
    }
}

/// Hands over each bracket of a line that is one to YAML, if the line begins outside of quotes: it
/// opens where a value can begin.
fn brackets(text: &str, mut found: impl FnMut(char)) {
    let (mut quote, mut before) = (None, '\n');
    for character in text.chars() {
        let can_begin = "\n:-,[{".contains(before);
        match (quote, character) {
            (Some(open), _) if open != character => {}
            (Some(_), _) => quote = None,
            (None, '#') if can_begin || before == ' ' => return,
            (None, '"' | '\'') if can_begin => quote = Some(character),
            (None, '[' | '{') if can_begin => found(character),
            (None, ']' | '}') => found(character),
            (None, _) => {}
        }
        if !character.is_whitespace() {
            before = character;
        }
    }
}

/// The key in a line, or at the beginning of a value, whose colon touches what follows: to YAML all of
/// that is one word.
pub(super) fn touching_key(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let (key, value) = text.strip_prefix("- ").unwrap_or(text).trim_start().split_once(':')?;
    let is_word = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let is_key = key.starts_with(|character: char| character.is_ascii_alphabetic())
        && key.chars().all(is_word);
    let touches = value.starts_with(|character: char| !character.is_whitespace());
    // `https://…` is an address.
    (is_key && touches && !value.starts_with("//")).then_some(key)
}
