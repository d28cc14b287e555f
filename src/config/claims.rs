//! `claims:` of a rule — conditions, in the order of the file.

use super::lints::SUB2;
use super::plain::{Kind, kind};
use super::problem::Problems;
use super::reader::{entries, items, refuse, scalar, text, unknown};
use super::values::flag;
use super::yaml::{Entry, Node, Style, Value};
use crate::identity::ClaimAddress;
use crate::limits;
use crate::trust::presets::Preset;
use crate::trust::{Condition, Glob, GlobError, Test};

/// The operators.
pub(super) const OPERATORS: &[&str] =
    &["one_of", "not_one_of", "glob", "contains", "same_as", "absent"];

/// Reads the conditions of a rule for tokens of this provider. `None` if one of them is wrong.
pub(super) fn read(
    node: &Node,
    preset: &Preset,
    problems: &mut Problems,
) -> Option<Vec<Condition>> {
    let mut conditions = Some(Vec::new());
    for entry in entries(node, problems)? {
        let claim = address(&entry.key);
        if claim.is_none() {
            let sentence = "is no claim: write a name, or a JSON Pointer such as \
                            /kubernetes.io/namespace, with ~0 for ~ and ~1 for /";
            problems.add(&entry.place, sentence);
        }
        if preset.is_only_a_field(&entry.key) {
            let sentence = "is a field and no claim; write it on the rule, beside `claims:`";
            problems.add(&entry.place, sentence);
            conditions = None;
            continue;
        }
        let of_claim =
            OfClaim { name: &entry.key, separators: preset.separators(&entry.key), prefix: "" };
        match (claim, tests(&entry.node, of_claim, problems), &mut conditions) {
            (Some(claim), Some(tests), Some(conditions)) => {
                let of_claim = |test| Condition { claim: claim.clone(), test };
                conditions.extend(tests.into_iter().map(of_claim));
            }
            _ => conditions = None,
        }
    }
    conditions
}

fn address(text: &str) -> Option<ClaimAddress> {
    if text.is_empty() { None } else { ClaimAddress::parse(text) }
}

/// The claim that a condition is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfClaim<'a> {
    pub(super) name: &'a str,
    /// What ends a segment of a pattern.
    pub(super) separators: &'static str,
    /// What a pattern will stand behind.
    pub(super) prefix: &'static str,
}

/// What one claim must be: a value, or a map of operators that must all hold.
pub(super) fn tests(node: &Node, claim: OfClaim<'_>, problems: &mut Problems) -> Option<Vec<Test>> {
    match &node.value {
        Value::Scalar(_) => value(node, problems).map(|value| vec![Test::Exact(value)]),
        Value::Map(operators) if !operators.is_empty() => {
            let tests: Vec<_> =
                operators.iter().map(|operator| test(claim, operator, problems)).collect();
            tests.into_iter().collect()
        }
        Value::Map(_) => {
            let list = OPERATORS.join(", ");
            problems.add(&node.place, format!("says nothing; write a value, or one of {list}"));
            None
        }
        Value::List(_) => {
            let sentence = "must be one value, not a list; a list of accepted values is written \
                            `one_of: [...]`, what an array must hold `contains: [...]`";
            problems.add(&node.place, sentence);
            None
        }
        Value::Null => {
            problems.add(&node.place, nothing());
            None
        }
        Value::Broken => None,
    }
}

fn test(claim: OfClaim<'_>, operator: &Entry, problems: &mut Problems) -> Option<Test> {
    let node = &operator.node;
    match operator.key.as_str() {
        "one_of" => listed(node, problems).map(Test::OneOf),
        "not_one_of" => listed(node, problems).map(Test::NotOneOf),
        "contains" => one_or_more(node, problems, value).map(Test::Contains),
        "same_as" => same_as(claim.name, node, problems).map(Test::SameAs),
        "absent" => absent(node, problems).then_some(Test::Absent),
        "glob" => {
            let pattern = |node: &Node, problems: &mut Problems| glob(node, claim, problems);
            one_or_more(node, problems, pattern).map(Test::Glob)
        }
        other => {
            problems.add(&operator.place, no_operator(claim.name, other));
            None
        }
    }
}

/// What other systems call their operators, and what is written here.
const FOREIGN: &[(&[&str], &str)] = &[
    (
        &["regex", "regexp", "matches", "match", "pattern", "like"],
        "there are no regular expressions; write `glob: refs/heads/*`, with * inside a segment and \
         ** across segments, or `one_of: [main, develop]`",
    ),
    (
        &["prefix", "starts_with", "startswith"],
        "write `glob: refs/heads/**` with what it begins with",
    ),
    (&["equals", "eq", "is", "exact"], "write the value itself, without an operator"),
    (&["in", "any_of", "anyof", "values"], "write `one_of: [main, develop]`"),
    (&["not", "not_equals", "ne", "not_in"], "write `not_one_of: [fork]`"),
    (&["exists", "present", "missing"], "write what it must be, or `absent: true`"),
];

fn no_operator(claim: &str, word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    if let Some((_, advice)) = FOREIGN.iter().find(|(words, _)| words.contains(&lower.as_str())) {
        return format!("is no operator; {advice}");
    }
    let sentence = unknown("operator", word, OPERATORS);
    if sentence.contains("did you mean") {
        return sentence;
    }
    let step = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let pointer = match claim.strip_prefix('/') {
        Some(_) => format!("{claim}/{}", step(word)),
        None => format!("/{}/{}", step(claim), step(word)),
    };
    format!("{sentence}; a claim inside a claim is written as a JSON Pointer, here `{pointer}:`")
}

/// The values of a list. A single one is written without an operator.
pub(super) fn listed(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    let values: Vec<_> = items(node, problems)?.iter().map(|item| value(item, problems)).collect();
    values.into_iter().collect()
}

/// A single one, or a list of them.
fn one_or_more<T>(
    node: &Node,
    problems: &mut Problems,
    one: impl Fn(&Node, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    if let Value::Scalar(_) = node.value {
        return one(node, problems).map(|one| vec![one]);
    }
    let all: Vec<_> = items(node, problems)?.iter().map(|item| one(item, problems)).collect();
    all.into_iter().collect()
}

/// The canonical text of a value.
fn value(node: &Node, problems: &mut Problems) -> Option<String> {
    if let Value::Null = node.value {
        problems.add(&node.place, nothing());
        return None;
    }
    let scalar = scalar(node, problems)?;
    let fault = match (scalar.style, kind(&scalar.text)) {
        (Style::Plain, Kind::Doubtful) if is_padded(&scalar.text) => Some(
            "begins with a zero, which other readers of YAML drop, or take for octal; quote it if the \
             text is meant, else leave the zeros out",
        ),
        (Style::Quoted | Style::Expanded, _) | (_, Kind::Text | Kind::Canonical) => None,
        (Style::Plain, Kind::Fraction) => Some(
            "is a number with a fraction, which no claim equals; quote it if the text is meant",
        ),
        (Style::Plain, Kind::Doubtful) => Some(
            "is read differently by different readers of YAML; quote it if the text is meant, \
                  else write a plain number, true or false",
        ),
    };
    if let Some(fault) = fault {
        refuse(node, fault, problems);
        return None;
    }
    Some(scalar.text.clone())
}

fn is_padded(text: &str) -> bool {
    text.starts_with('0') && text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn nothing() -> &'static str {
    "has no value, and null equals nothing; write `absent: true` if the claim must not be there, \
     \"\" if it must be empty"
}

fn same_as(claim: &str, node: &Node, problems: &mut Problems) -> Option<ClaimAddress> {
    let text = text(node, problems)?;
    let fault = match address(text) {
        None => "is no claim: write a name, or a JSON Pointer with ~0 for ~ and ~1 for /",
        Some(_) if text == claim => "is the claim itself, which is always the same; name another",
        Some(address) => return Some(address),
    };
    refuse(node, fault, problems);
    None
}

fn absent(node: &Node, problems: &mut Problems) -> bool {
    match flag(node, problems) {
        Some(false) => {
            let sentence = "must be true; for a claim that must be there write what it must be";
            refuse(node, sentence, problems);
            false
        }
        outcome => outcome.is_some(),
    }
}

fn glob(node: &Node, claim: OfClaim<'_>, problems: &mut Problems) -> Option<Glob> {
    let pattern = &scalar(node, problems)?.text;
    if claim.prefix.is_empty() && is_everything(pattern) {
        let sentence = "the pattern matches everything; write what the value must begin with";
        problems.add_lint(&SUB2, &node.place, sentence);
        return None;
    }
    let fault = if pattern.len() > limits::PATTERN_BYTES {
        format!("the pattern is longer than {} bytes; shorten it", limits::PATTERN_BYTES)
    } else {
        match Glob::new(pattern, claim.separators) {
            Ok(glob) => return Some(glob),
            Err(error) => format!("{error}; {}", glob_advice(&error)),
        }
    };
    refuse(node, fault, problems);
    None
}

fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.chars().all(|character| character == '*')
}

const fn glob_advice(error: &GlobError) -> &'static str {
    match error {
        GlobError::Empty => "write one, such as refs/heads/*",
        GlobError::Escape => "write \\\\ for a backslash",
        GlobError::Stars => "write * inside a segment, ** across segments",
    }
}
