//! The body of a call that creates a release, a deployment or a runbook run: which spaces, projects
//! and environments it names.
//!
//! Octopus compares the names of members without case, and so does this; a body that leaves open
//! which of two members counts is not judged, it is refused.

use std::collections::HashSet;

use super::not_allowed::BodyProblem;
use crate::identity::Json;

/// What a body names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Creation {
    pub(super) spaces: Vec<String>,
    pub(super) projects: Vec<String>,
    pub(super) environments: Vec<String>,
}

impl Creation {
    /// Reads a body. Every member whose name begins with `space`, `project` or `environment` counts
    /// as naming one: `spaceIdOrName`, `ProjectId`, `environmentNames` and what may come.
    pub(super) fn read(body: &[u8]) -> Result<Self, BodyProblem> {
        let Ok(Json::Object(members)) = Json::parse(body) else {
            return Err(BodyProblem::NotStrict);
        };
        let mut creation = Self::default();
        let mut seen = HashSet::new();
        for (name, value) in members {
            if !name.is_ascii() {
                return Err(BodyProblem::OddName);
            }
            let name = name.to_ascii_lowercase();
            let names = if name.starts_with("space") {
                Some(&mut creation.spaces)
            } else if name.starts_with("project") {
                Some(&mut creation.projects)
            } else if name.starts_with("environment") {
                Some(&mut creation.environments)
            } else {
                None
            };
            if !seen.insert(name) {
                return Err(BodyProblem::Twice);
            }
            if let Some(names) = names {
                take(value, names)?;
            }
        }
        Ok(creation)
    }
}

/// `null` and the empty text name nothing: clients send them for what they leave out.
fn take(value: Json, names: &mut Vec<String>) -> Result<(), BodyProblem> {
    match value {
        Json::Null => {}
        Json::String(text) if text.is_empty() => {}
        Json::String(text) => names.push(text.as_str().to_owned()),
        Json::Array(items) => {
            for item in items {
                let Json::String(text) = item else {
                    return Err(BodyProblem::NotText);
                };
                names.push(text.as_str().to_owned());
            }
        }
        Json::Bool(_) | Json::Integer(_) | Json::Float(_) | Json::Object(_) => {
            return Err(BodyProblem::NotText);
        }
    }
    Ok(())
}
