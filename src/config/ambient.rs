//! `ambient:` — the broker's own identity.

use std::path::Path;

use serde_json::json;

use super::grants;
use super::nearest::suggestion;
use super::problem::Problems;
use super::reader::{Named, Section, items, refuse, scalar, text};
use super::rules::configured;
use super::schema::{Form, Key, Shape, names};
use super::values::file;
use super::yaml::{Node, Value};
use crate::ambient::TokenSource;
use crate::octopus::{Grant, ServiceAccount};

/// The section.
pub(super) const FORM: Form = Form::of(&[
    Key::new(
        "token",
        Shape::AnyOf(&[Shape::Word(TokenSource::NAMES), Shape::Form(&TOKEN_FORM)]),
        "Where the broker's own ID token comes from.",
    )
    .default("detect"),
    Key::new(
        "service_account",
        Shape::Text,
        "As whom the broker acts: a name under `service_accounts`.",
    )
    .required(),
    grants::ALLOW,
    grants::SPACES,
    grants::PROJECTS,
    grants::ENVIRONMENTS,
]);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

/// `token`, where it is no word.
pub(super) const TOKEN_FORM: Form = Form::with(
    &[
        Key::new("file", Shape::Text, "A file with the token; read again when it changes."),
        Key::new("env", Shape::Text, "The environment variable with the token."),
        Key::new(
            "command",
            Shape::List(&Shape::Text),
            "A command that prints the token: the program and its arguments.",
        ),
    ],
    needs,
);

pub(super) const TOKEN_KEYS: &[&str] = &names::<{ TOKEN_FORM.keys.len() }>(TOKEN_FORM.keys);

fn needs() -> serde_json::Value {
    json!({
        "oneOf": [{ "required": ["file"] }, { "required": ["env"] }, { "required": ["command"] }],
    })
}

/// Who the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmbientConfig {
    /// Where its ID token comes from.
    pub source: TokenSource,
    /// As whom it acts: the name of a configured service account.
    pub service_account: String,
    /// What it may do.
    pub grant: Grant,
}

/// Reads the section.
pub(super) fn read(
    node: &Node,
    accounts: &Named<ServiceAccount>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<AmbientConfig> {
    let section = Section::open(node, KEYS, problems)?;
    let source = match section.value("token") {
        Some(node) => source(node, folder, problems),
        None => Some(TokenSource::Detect),
    };
    let advice = "write the name of one under `service_accounts:`";
    let account = section.required("service_account", advice, problems);
    let account =
        account.and_then(|node| configured(node, &accounts.names, "service_accounts", problems));
    // One that could not be built was reported where it stands.
    let account = accounts.built.iter().find(|built| Some(&*built.name) == account)?;
    let grant = grants::read(&section, Some(account), problems);
    Some(AmbientConfig { source: source?, service_account: account.name.clone(), grant: grant? })
}

fn source(node: &Node, folder: &Path, problems: &mut Problems) -> Option<TokenSource> {
    if let Value::Scalar(_) = node.value {
        let word = scalar(node, problems)?.text.as_str();
        let found = TokenSource::named(word);
        if found.is_none() {
            let names = TokenSource::NAMES.join(", ");
            let near = suggestion(word, TokenSource::NAMES.iter().copied());
            let sentence = format!(
                "is not known{near}; must be one of {names}, or `{{ file: … }}`, \
                 `{{ env: NAME }}`, `{{ command: [ … ] }}`"
            );
            refuse(node, sentence, problems);
        }
        return found;
    }
    let section = Section::open(node, TOKEN_KEYS, problems)?;
    match (section.value("file"), section.value("env"), section.value("command")) {
        (Some(node), None, None) => file(node, folder, problems).map(TokenSource::File),
        (None, Some(node), None) => {
            text(node, problems).map(|name| TokenSource::Environment(name.to_owned()))
        }
        (None, None, Some(node)) => {
            let words = items(node, problems)?;
            let words = words.iter().map(|node| text(node, problems).map(str::to_owned));
            words.collect::<Option<Vec<_>>>().map(TokenSource::Command)
        }
        _ => {
            refuse(node, "must have exactly one of `file:`, `env:` and `command:`", problems);
            None
        }
    }
}
