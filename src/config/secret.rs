//! Secrets: never in the file, only where it says they are.

use std::path::PathBuf;

use serde_json::json;

use super::accounts::Surroundings;
use super::problem::Problems;
use super::reader::{Section, refuse, text};
use super::schema::{Form, Key, Shape, names};
use super::values::file;
use super::yaml::{Node, Value};
use crate::secret::Secret;

/// One secret.
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
    ],
    needs,
);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

fn needs() -> serde_json::Value {
    json!({ "oneOf": [{ "required": ["file"] }, { "required": ["env"] }] })
}

/// Where a secret is.
pub(super) enum SecretSource {
    /// In this file, which may be replaced later.
    File(PathBuf),
    /// It was in the environment.
    Known(Secret),
}

/// Reads `{ file: … }` or `{ env: … }`.
pub(super) fn read(
    node: &Node,
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<SecretSource> {
    let Surroundings { folder, environment, secret_variables } = surroundings;
    if let Value::Scalar(_) = node.value {
        let sentence = "a secret never stands in the configuration; write `{ file: /run/secrets/key \
                        }` or `{ env: NAME }`, and replace this one, for it may have been seen";
        refuse(node, sentence, problems);
        return None;
    }
    let section = Section::open(node, KEYS, problems)?;
    match (section.value("file"), section.value("env")) {
        (Some(node), None) => file(node, folder, problems).map(SecretSource::File),
        (None, Some(node)) => {
            let name = text(node, problems)?;
            secret_variables.borrow_mut().push(name.to_owned());
            let value = environment(name).filter(|value| !value.is_empty());
            if value.is_none() {
                let sentence = format!(
                    "the environment variable {name} is not set; set it, or \
                                        write `file:`"
                );
                refuse(node, sentence, problems);
            }
            value.map(|value| SecretSource::Known(Secret::new(value)))
        }
        _ => {
            refuse(node, "must have either `file:` or `env:`", problems);
            None
        }
    }
}
