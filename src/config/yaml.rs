//! YAML as a tree in which every value knows where it stands and how it was written.
//!
//! `serde-saphyr` parses, and only `syntax`, which says what is no YAML, knows it as well. Its own
//! typing is not used: a scalar is the text in the file, so that `007` is not 7 and `1_000` is not
//! 1000. A file that is no YAML, or too deep, or blown up by aliases, is one problem; a key that
//! stands twice and a merge key are problems beside all others.

use std::collections::HashMap;

use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Options, Spanned};

use super::problem::Problems;
use super::raw::Raw;
use super::syntax::{Fault, Spot};

/// Deepest nesting; ours ends at 7: `rules`, rule, `claims`, claim, operator, list, value.
const DEPTH: usize = 16;

/// Most values and keys: what a file of the largest size holds if it is not made of commas.
const NODES: usize = 250_000;

/// Most aliases (`*name`), and how much they may repeat in all.
const ALIASES: usize = 1_000;
const REPEATED_EVENTS: usize = 20_000;

/// Characters of a key that are shown in a path.
const KEY_SHOWN: usize = 64;

/// A position, and the key that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) path: String,
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// Nothing, or a plain `~` or `null`.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Wrong, and already reported.
    Broken,
}

#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) style: Style,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: `${NAME}` is expanded, and other readers of YAML may see another type.
    Plain,
    Quoted,
    /// Plain, and made from the environment: its text is never shown.
    Expanded,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Of the key.
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Reads a document. `None` if it is no YAML.
pub(super) fn read(source: &str, problems: &mut Problems) -> Option<Node> {
    // Positions in bytes are counted from behind a byte order mark.
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(source, options()) {
        Ok(root) => {
            let place = Place { line: 1, column: 1, path: String::new() };
            let value = Tree { source, problems }.value(&place, root);
            Some(Node { place, value })
        }
        Err(error) => {
            let (line, column) = error.location().map_or((1, 1), position);
            let fault = Fault::of(&error, Spot { source, line, column });
            let Spot { line, column, .. } = fault.spot;
            problems.add(&Place { line, column, path: String::new() }, fault.sentence);
            None
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPEATED_EVENTS,
            max_replay_stack_depth: DEPTH,
        },
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_nodes: NODES,
            max_aliases: ALIASES,
        },
    }
}

fn position(location: Location) -> (usize, usize) {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    (number(location.line()), number(location.column()))
}

/// Makes the tree.
struct Tree<'a> {
    source: &'a str,
    problems: &'a mut Problems,
}

impl Tree<'_> {
    fn value(&mut self, place: &Place, raw: Spanned<Raw>) -> Value {
        let written = self.written(raw.defined);
        match raw.value {
            Raw::Null => Value::Null,
            Raw::List(items) => {
                let items = items.into_iter().enumerate();
                Value::List(items.map(|(number, item)| self.item(place, number, item)).collect())
            }
            Raw::Map(entries) => self.map(place, entries),
            Raw::Typed(meant) => Value::Scalar(match written {
                Some(written) if !is_quoted(written) => {
                    Scalar { text: written.to_owned(), style: Style::Plain }
                }
                _ => Scalar { text: meant, style: Style::Quoted },
            }),
            Raw::Text(text) => {
                let is_plain = written.is_some_and(|written| !is_quoted(written));
                let style = if is_plain { Style::Plain } else { Style::Quoted };
                Value::Scalar(Scalar { text, style })
            }
        }
    }

    fn item(&mut self, of: &Place, number: usize, raw: Spanned<Raw>) -> Node {
        let (line, column) = position(raw.referenced);
        let place = Place { line, column, path: format!("{}[{number}]", of.path) };
        let value = match &raw.value {
            Raw::Map(entries) if self.lacks_dash(&place, entries) => Value::Broken,
            _ => self.value(&place, raw),
        };
        Node { place, value }
    }

    /// Reports an entry of a list that begins anew: its first key stands in a later line once more.
    /// To remove one of each key would be to remove the next entry.
    fn lacks_dash(&mut self, of: &Place, entries: &[(Spanned<String>, Spanned<Raw>)]) -> bool {
        let line_of = |key: &Spanned<String>| position(key.referenced).0;
        let begins_anew = entries.split_first().is_some_and(|((first, _), rest)| {
            rest.iter().any(|(key, _)| key.value == first.value && line_of(key) > line_of(first))
        });
        // The keys of the next entry may stand in another order.
        let mut lines: HashMap<&str, usize> = HashMap::new();
        let twice = entries
            .iter()
            .find_map(|(key, _)| lines.insert(&key.value, line_of(key)).map(|above| (key, above)));
        let Some((key, above)) = twice.filter(|_| begins_anew) else { return false };
        let (line, column) = position(key.referenced);
        let place = Place { line, column, path: join(&of.path, &key.value) };
        let sentence = format!(
            "the key stands twice in one entry, first in line {above}; is a `- ` missing before it? \
             if not, remove one"
        );
        self.problems.add(&place, sentence);
        true
    }

    fn map(&mut self, of: &Place, raw: Vec<(Spanned<String>, Spanned<Raw>)>) -> Value {
        // What it would have merged is not here: nobody is to miss that as well.
        let merges = raw.iter().any(|(key, _)| key.value == "<<");
        let entries = self.entries(of, raw);
        if merges { Value::Broken } else { Value::Map(entries) }
    }

    fn entries(&mut self, of: &Place, raw: Vec<(Spanned<String>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut entries = Vec::with_capacity(raw.len());
        for (key, raw) in raw {
            let (line, column) = position(key.referenced);
            let place = Place { line, column, path: join(&of.path, &key.value) };
            if key.value == "<<" {
                self.problems.add(
                    &place,
                    "merge keys are not taken, for they hide what applies; write the entries out",
                );
            } else if let Some(first) = lines.insert(key.value.clone(), line) {
                let sentence = format!("the key stands twice, first in line {first}; remove one");
                self.problems.add(&place, sentence);
            } else {
                let node = self.entry_node(&place, raw);
                entries.push(Entry { key: key.value, place, node });
            }
        }
        entries
    }

    /// A scalar stands where it begins; a list, a map and nothing stand where their key does.
    fn entry_node(&mut self, key: &Place, raw: Spanned<Raw>) -> Node {
        let mut place = key.clone();
        if matches!(raw.value, Raw::Typed(_) | Raw::Text(_)) {
            (place.line, place.column) = position(raw.referenced);
        }
        Node { value: self.value(&place, raw), place }
    }

    fn written(&self, location: Location) -> Option<&str> {
        let span = location.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        self.source.get(start..start.checked_add(length)?)
    }
}

fn is_quoted(written: &str) -> bool {
    written.starts_with(['"', '\''])
}

fn join(path: &str, key: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || "_-/".contains(character);
    let shown: String = key.chars().take(KEY_SHOWN).collect();
    let shown =
        if !key.is_empty() && key.chars().all(is_word) { shown } else { format!("{shown:?}") };
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}
