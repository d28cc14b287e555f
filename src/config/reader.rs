//! Takes the tree apart: maps with known keys, maps of named things, lists, texts.
//!
//! A reader that finds something wrong reports it and answers `None`; its caller goes on with
//! what else there is, so that all problems are found in one go.

use super::lints::Lint;
use super::nearest::{nearest, suggestion};
use super::problem::Problems;
use super::syntax::touching_key;
use super::yaml::{Entry, Node, Place, Scalar, Style, Value};

/// Longest name of an issuer, a service account or a rule.
const NAME: usize = 64;

/// A map whose keys are known. An unknown one is reported when it is opened.
pub(super) struct Section<'a> {
    place: &'a Place,
    keys: &'static [&'static str],
    entries: &'a [Entry],
}

impl<'a> Section<'a> {
    /// Opens a map; nothing at all counts as an empty one.
    pub(super) fn open(
        node: &'a Node,
        keys: &'static [&'static str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let (section, others) = Self::open_with_others(node, keys, problems)?;
        for entry in others {
            problems.add(&entry.place, unknown("key", &entry.key, keys));
        }
        Some(section)
    }

    /// Opens a map; what has another key is for the caller.
    pub(super) fn open_with_others(
        node: &'a Node,
        keys: &'static [&'static str],
        problems: &mut Problems,
    ) -> Option<(Self, Vec<&'a Entry>)> {
        let entries = entries(node, problems)?;
        let is_other = |entry: &&Entry| !keys.contains(&entry.key.as_str());
        let others = entries.iter().filter(is_other).collect();
        Some((Self { place: &node.place, keys, entries }, others))
    }

    /// Where the map stands.
    pub(super) const fn place(&self) -> &'a Place {
        self.place
    }

    /// The value of a key, if it is there.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Node> {
        debug_assert!(self.keys.contains(&key), "{key} is not among the known keys");
        let found = self.entries.iter().find(|entry| entry.key == key);
        found.map(|entry| &entry.node)
    }

    /// Whether a key is there, known or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// The value of a key that must be there.
    pub(super) fn required(
        &self,
        key: &'static str,
        advice: &str,
        problems: &mut Problems,
    ) -> Option<&'a Node> {
        let value = self.value(key);
        if value.is_none() {
            let is_meant = |entry: &&Entry| {
                !self.keys.contains(&entry.key.as_str())
                    && nearest(&entry.key, self.keys.iter().copied()) == Some(key)
            };
            // One that is misspelt is not missing as well.
            match self.entries.iter().find(is_meant) {
                Some(entry) => {
                    problems.add(&entry.place, unknown("key", &entry.key, self.keys));
                }
                None => problems.add(self.place, format!("`{key}` is missing; {advice}")),
            }
        }
        value
    }
}

/// The sentence on a word that is none of those known.
pub(super) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let near = near(word, known);
    if near.is_empty() {
        format!("unknown {what}; known here are {}", known.join(", "))
    } else {
        format!("unknown {what}{near}")
    }
}

/// What is said of the word that was probably meant; empty if none is near.
pub(super) fn near(word: &str, known: &[&str]) -> String {
    let touching = touching_key(word).filter(|key| known.contains(key));
    touching.map_or_else(
        || suggestion(word, known.iter().copied()),
        |key| format!("; if `{key}` is meant, write a space behind its colon"),
    )
}

/// The entries of a map; nothing at all counts as an empty one.
pub(super) fn entries<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        Value::Broken => None,
        Value::Scalar(_) | Value::List(_) => {
            let found = shape(&node.value);
            let colon = match &node.value {
                Value::Scalar(Scalar { text, style: Style::Plain }) => touching_key(text),
                _ => None,
            };
            let colon = colon.map_or_else(String::new, |key| {
                format!("; if `{key}` is meant for a key, write a space behind its colon")
            });
            let sentence = format!("must be a map of keys and values, not {found}{colon}");
            problems.add(&node.place, sentence);
            None
        }
    }
}

/// The items of a list that has some.
pub(super) fn items<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a [Node]> {
    match &node.value {
        Value::List(items) if !items.is_empty() => Some(items),
        Value::Broken => None,
        Value::List(_) | Value::Null => {
            problems.add(&node.place, "the list is empty; write an entry, or remove the key");
            None
        }
        Value::Scalar(_) | Value::Map(_) => {
            let found = shape(&node.value);
            let sentence = format!("must be a list, not {found}; begin each entry with `- `");
            problems.add(&node.place, sentence);
            None
        }
    }
}

/// A text, a number or a boolean, as written.
pub(super) fn scalar<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a Scalar> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar),
        Value::Broken => None,
        Value::Null => {
            problems.add(&node.place, "has no value; write one, or remove the key");
            None
        }
        Value::List(_) | Value::Map(_) => {
            let found = shape(&node.value);
            problems.add(&node.place, format!("must be one value, not {found}"));
            None
        }
    }
}

/// A text that is not empty, whatever it looks like.
pub(super) fn text<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a str> {
    let scalar = scalar(node, problems)?;
    if scalar.text.is_empty() {
        refuse(node, "is empty; write a value, or remove the key", problems);
        return None;
    }
    Some(&scalar.text)
}

/// Reports a scalar. In quotes, a `${NAME}` may be the cause.
pub(super) fn refuse(node: &Node, sentence: impl Into<String>, problems: &mut Problems) {
    problems.add(&node.place, of_quotes(node, sentence.into()));
}

/// Reports a scalar for a lint.
pub(super) fn refuse_for(
    lint: &'static Lint,
    node: &Node,
    sentence: impl Into<String>,
    problems: &mut Problems,
) {
    problems.add_lint(lint, &node.place, of_quotes(node, sentence.into()));
}

fn of_quotes(node: &Node, mut sentence: String) -> String {
    if let Value::Scalar(Scalar { text, style: Style::Quoted }) = &node.value
        && text.contains("${")
    {
        sentence.push_str(" (inside quotes `${NAME}` is not expanded)");
    }
    sentence
}

/// How a text may be shown in a problem: not if it came from the environment.
pub(super) fn shown(scalar: &Scalar) -> String {
    match scalar.style {
        Style::Expanded => "the expanded value".to_owned(),
        Style::Plain | Style::Quoted if scalar.text.chars().count() > NAME => {
            "the value".to_owned()
        }
        Style::Plain | Style::Quoted => format!("`{}`", scalar.text),
    }
}

/// What may stand for a name: it is a label in logs and metrics.
pub(super) fn check_name(name: &str, place: &Place, problems: &mut Problems) -> bool {
    let is_label = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let is_good = (1..=NAME).contains(&name.len()) && name.chars().all(is_label);
    if !is_good {
        problems.add(
            place,
            format!("a name has 1 to {NAME} of the characters A-Z a-z 0-9 _ . -; write another"),
        );
    }
    is_good
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Scalar(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Broken => "something broken",
    }
}

/// Things by name: those that could be built, and the names of all, so that whoever names one
/// that could not be built is not reported as well.
pub(super) struct Named<T> {
    pub(super) names: Vec<String>,
    pub(super) built: Vec<T>,
}

impl<T> Named<T> {
    pub(super) const fn none() -> Self {
        Self { names: Vec::new(), built: Vec::new() }
    }
}
