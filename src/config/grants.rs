//! `allow:`, `spaces:`, `projects:` and `environments:` of a rule or of the broker's own identity:
//! what may be done.

use http::Method;

use super::problem::Problems;
use super::reader::{Section, items, refuse, text, unknown};
use super::schema::{Form, Key, Shape, names as key_names};
use super::values::word;
use super::yaml::{Node, Scalar, Style, Value};
use crate::limits;
use crate::octopus::{
    CallPattern, Capabilities, Capability, Grant, Names, Narrowing, ServiceAccount,
};

/// One call in `allow`.
pub(super) const CALL_FORM: Form = Form::of(&[
    Key::new("method", Shape::Word(&METHODS), "GET stands for HEAD and OPTIONS too.").required(),
    Key::new(
        "path",
        Shape::Text,
        "`*` is one segment, `**` at the end any number; `/api/*/…` is any space.",
    )
    .required()
    .example("/api/*/channels"),
]);

pub(super) const CALL_KEYS: &[&str] = &key_names::<{ CALL_FORM.keys.len() }>(CALL_FORM.keys);

pub(super) const ALLOW: Key = Key::new(
    "allow",
    Shape::List(&Shape::AnyOf(&[Shape::Words(capabilities), Shape::Form(&CALL_FORM)])),
    "What may be done; an agent's account may read, unless it says more.",
)
.default("[\"everything\"]");

pub(super) const SPACES: Key =
    Key::new("spaces", Shape::List(&Shape::Text), "Only in these: ids, slugs or names.");

pub(super) const PROJECTS: Key =
    Key::new("projects", Shape::List(&Shape::Text), "Only these: ids, slugs or names.");

pub(super) const ENVIRONMENTS: Key =
    Key::new("environments", Shape::List(&Shape::Text), "Only these: ids, slugs or names.");

fn capabilities() -> Vec<&'static str> {
    Capability::ALL.into_iter().map(Capability::as_str).collect()
}

/// The methods of a call; GET stands for HEAD and OPTIONS too.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Reads the keys of a section that has them all. Without an account all is read as well, so that
/// each problem is found, and nothing is allowed.
pub(super) fn read(
    section: &Section<'_>,
    account: Option<&ServiceAccount>,
    problems: &mut Problems,
) -> Option<Grant> {
    let allow = if let Some(node) = section.value("allow") {
        allow(node, problems)
    } else {
        let of_account = |account| Grant::default_for(account).allowed();
        Some((account.map_or_else(|| Capabilities::of(&[]), of_account), Vec::new()))
    };
    let mut narrowed = |key| match section.value(key) {
        Some(node) => names(node, problems).map(Some).ok_or(Reported),
        None => Ok(None),
    };
    let names = (narrowed("spaces"), narrowed("projects"), narrowed("environments"));
    let (Ok(spaces), Ok(projects), Ok(environments)) = names else {
        return None;
    };
    let (allowed, calls) = allow?;
    Some(Grant::new(allowed, calls, Narrowing { spaces, projects, environments }))
}

/// Something is wrong, and among the problems.
struct Reported;

fn allow(node: &Node, problems: &mut Problems) -> Option<(Capabilities, Vec<CallPattern>)> {
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        let sentence = "allows nothing; write what, such as `[push-packages, create-releases]`, or \
                        remove the key, which then is `[everything]`, and for agents `[read]`";
        problems.add(&node.place, sentence);
        return None;
    }
    let mut capabilities = Vec::new();
    let mut calls: Vec<(CallPattern, &Node)> = Vec::new();
    let mut is_sound = true;
    for item in list(node, problems)? {
        let is_new = match &item.value {
            Value::Map(_) => call(item, problems).map(|call| {
                let is_new = calls.iter().all(|(other, _)| *other != call);
                calls.push((call, item));
                is_new
            }),
            _ => capability(item, problems).map(|capability| {
                let is_new = !capabilities.contains(&capability);
                capabilities.push(capability);
                is_new
            }),
        };
        if is_new == Some(false) {
            problems.add(&item.place, "stands twice; remove one of them");
        }
        is_sound &= is_new == Some(true);
    }
    let allowed = Capabilities::of(&capabilities);
    is_sound &= check_everything(node, allowed, problems);
    for (call, item) in &calls {
        is_sound &= check_call(call, item, allowed, problems);
    }
    let calls = calls.into_iter().map(|(call, _)| call).collect();
    is_sound.then_some((allowed, calls))
}

/// The items of a list; for a single word, how it is written as one.
fn list<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a [Node]> {
    if let Value::Scalar(Scalar { text, style }) = &node.value {
        let sentence = match style {
            Style::Expanded => {
                "must be a list, and a variable holds one value; write `- ${NAME}` in the next line"
                    .to_owned()
            }
            _ if text.contains("${") || text.len() > limits::NARROWING_NAME => {
                "must be a list; write `[…]`".to_owned()
            }
            _ => format!("must be a list; write `[{text}]`"),
        };
        refuse(node, sentence, problems);
        return None;
    }
    items(node, problems)
}

fn capability(node: &Node, problems: &mut Problems) -> Option<Capability> {
    let name = text(node, problems)?;
    let found = Capability::named(name);
    if found.is_none() {
        let known = Capability::ALL.map(Capability::as_str);
        refuse(node, unknown("capability", name, &known), problems);
    }
    found
}

/// With `everything`, another word could only mislead who reads it.
fn check_everything(node: &Node, allowed: Capabilities, problems: &mut Problems) -> bool {
    let is_beside =
        |one: &Capability| !matches!(one, Capability::Everything | Capability::Administer);
    let beside = allowed.iter().find(is_beside);
    let (true, Some(beside)) = (allowed.has(Capability::Everything), beside) else {
        return true;
    };
    let sentence = format!(
        "has `everything`, of which `{beside}` is a part; remove `everything` to allow less, or \
         `{beside}`"
    );
    problems.add(&node.place, sentence);
    false
}

fn call(node: &Node, problems: &mut Problems) -> Option<CallPattern> {
    let section = Section::open(node, CALL_KEYS, problems)?;
    let advice = "write one of GET, POST, PUT, PATCH, DELETE";
    let method = section.required("method", advice, problems).and_then(|node| {
        let name = word(node, &METHODS.map(|name| (name, name)), problems)?;
        Method::from_bytes(name.as_bytes()).ok()
    });
    let advice = "write one, such as `path: /api/*/channels`";
    let path = section.required("path", advice, problems);
    let path = path.and_then(|node| Some((node, text(node, problems)?)));
    let (node, path) = path?;
    // A wrong path is reported beside a wrong method.
    let call = CallPattern::new(method.clone().unwrap_or_default(), path);
    let call = call.map_err(|error| refuse(node, error.to_string(), problems)).ok();
    method.and(call)
}

fn check_call(
    call: &CallPattern,
    node: &Node,
    allowed: Capabilities,
    problems: &mut Problems,
) -> bool {
    let sentence = if allowed.has(Capability::Everything) {
        "opens nothing that `everything` does not; remove one of the two"
    } else if call.only_administers() && !allowed.has(Capability::Administer) {
        "is administration, which no path opens; write `administer` if that is meant"
    } else {
        return true;
    };
    problems.add(&node.place, sentence);
    false
}

/// Ids, slugs and names of spaces, projects or environments.
fn names(node: &Node, problems: &mut Problems) -> Option<Names> {
    let nodes = list(node, problems)?;
    if let Some(beyond) = nodes.get(limits::NARROWING_NAMES) {
        let sentence = format!(
            "at most {} names are taken; remove this and what follows",
            limits::NARROWING_NAMES
        );
        problems.add(&beyond.place, sentence);
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    let mut is_sound = true;
    for node in nodes {
        let Some(name) = text(node, problems) else {
            is_sound = false;
            continue;
        };
        let fault = if name.trim() != name {
            Some("has a space at its beginning or end; write the name without")
        } else if name.contains('*') {
            Some("is compared whole, and `*` stands for itself; write each name")
        } else if name.len() > limits::NARROWING_NAME {
            Some("is longer than any name in Octopus; write its id")
        } else if names.iter().any(|other| other.to_lowercase() == name.to_lowercase()) {
            Some("stands twice, for case does not count; remove one of them")
        } else {
            None
        };
        if let Some(sentence) = fault {
            refuse(node, sentence, problems);
            is_sound = false;
        }
        names.push(name.to_owned());
    }
    is_sound.then(|| Names::new(names))
}
