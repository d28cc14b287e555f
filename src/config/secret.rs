//! API keys: never in the file, only where it says they are.

use std::path::PathBuf;

use serde_json::json;

use super::accounts::Surroundings;
use super::problem::Problems;
use super::provisions::{Ids, key_life};
use super::reader::{Section, refuse, text};
use super::schema::{Form, Key, Shape, names};
use super::values::{file, flag};
use super::yaml::{Node, Value};
use crate::provision::WantedKey;
use crate::secret::Secret;

/// One key.
pub(super) const FORM: Form = Form::with(
    &[
        Key::new(
            "file",
            Shape::Text,
            "A file with the secret, mode 0600 or 0440; read again when it changes.",
        )
        .example("/run/secrets/octopus-key"),
        Key::new("env", Shape::Text, "The environment variable with the secret.")
            .example("OCTOPUS_KEY"),
        Key::new(
            "create",
            Shape::Flag,
            "`octobroker apply` makes the key and writes it to the file.",
        )
        .default("false"),
        Key::new(
            "expires_in",
            Shape::Duration,
            "How long a key lives that is made; Octopus's default if not written.",
        )
        .example("90d"),
    ],
    needs,
);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

fn needs() -> serde_json::Value {
    json!({
        "oneOf": [{ "required": ["file"] }, { "required": ["env"] }],
        "dependentRequired": { "create": ["file"], "expires_in": ["create"] },
    })
}

/// Where a secret is.
pub(super) enum SecretSource {
    /// In this file, which may be replaced later.
    File(PathBuf),
    /// It was in the environment.
    Known(Secret),
}

/// Reads `{ file: … }` or `{ env: … }`, and whether the key is to be made.
pub(super) fn read(
    node: &Node,
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<(SecretSource, Option<WantedKey>)> {
    if let Value::Scalar(_) = node.value {
        let sentence = "a secret never stands in the configuration; write `{ file: /run/secrets/key \
                        }` or `{ env: NAME }`, and replace this one, for it may have been seen";
        refuse(node, sentence, problems);
        return None;
    }
    let section = Section::open(node, KEYS, problems)?;
    let source = match (section.value("file"), section.value("env")) {
        (Some(node), None) => SecretSource::File(file(node, surroundings.folder, problems)?),
        (None, Some(node)) => variable(node, surroundings, problems)?,
        _ => {
            refuse(node, "must have either `file:` or `env:`", problems);
            return None;
        }
    };
    let made = made(&section, &source, problems).ok()?;
    Some((source, made))
}

fn variable(
    node: &Node,
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<SecretSource> {
    let name = text(node, problems)?;
    surroundings.secret_variables.borrow_mut().push(name.to_owned());
    let value = (surroundings.environment)(name).filter(|value| !value.is_empty());
    // Who only asks about Octopus's side needs no key of the broker's.
    let value = value
        .or_else(|| matches!(surroundings.ids, Ids::Awaited).then(|| "not-looked-at".to_owned()));
    if value.is_none() {
        let sentence = format!(
            "the environment variable {name} is not set; set it, or \
                                write `file:`"
        );
        refuse(node, sentence, problems);
    }
    value.map(|value| SecretSource::Known(Secret::new(value)))
}

/// What is wrong stands among the problems.
struct Reported;

/// The key that is to be made, if one is.
fn made(
    section: &Section<'_>,
    source: &SecretSource,
    problems: &mut Problems,
) -> Result<Option<WantedKey>, Reported> {
    let is_created = match section.value("create") {
        Some(node) => flag(node, problems).ok_or(Reported)?,
        None => false,
    };
    let expires_in = match section.value("expires_in") {
        Some(node) if !is_created => {
            let sentence =
                "is for keys that are made; write `create: true` beside it, or remove it";
            refuse(node, sentence, problems);
            return Err(Reported);
        }
        Some(node) => Some(key_life(node, problems).ok_or(Reported)?),
        None => None,
    };
    match (is_created, source) {
        (false, _) => Ok(None),
        (true, SecretSource::File(path)) => Ok(Some(WantedKey { path: path.clone(), expires_in })),
        (true, SecretSource::Known(_)) => {
            let sentence =
                "a key that is made is written to a file; write `file:` in place of `env:`";
            problems.add(section.place(), sentence);
            Err(Reported)
        }
    }
}
