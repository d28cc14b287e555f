//! `request:` of a rule test — what is asked for with the token.

use std::path::Path;

use http::Method;

use super::claims::json;
use super::{named_file, read_text};
use crate::config::problem::Problems;
use crate::config::reader::{Section, refuse, text};
use crate::config::values::word;
use crate::config::yaml::{Node, Value};
use crate::limits;

/// A request.
#[derive(Debug, Clone)]
pub struct TestRequest {
    /// The method that Octopus would act on.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The body, if the case has one.
    pub body: Option<Vec<u8>>,
}

const KEYS: &[&str] = &["method", "path", "body"];

const METHODS: [(&str, &Method); 7] = [
    ("GET", &Method::GET),
    ("HEAD", &Method::HEAD),
    ("POST", &Method::POST),
    ("PUT", &Method::PUT),
    ("PATCH", &Method::PATCH),
    ("DELETE", &Method::DELETE),
    ("OPTIONS", &Method::OPTIONS),
];

pub(super) fn read(node: &Node, folder: &Path, problems: &mut Problems) -> Option<TestRequest> {
    let section = Section::open(node, KEYS, problems)?;
    let method = section
        .required("method", "write one, such as `method: POST`", problems)
        .and_then(|node| word(node, &METHODS, problems))
        .cloned();
    let target = section
        .required("path", "write one, such as `path: /api/Spaces-1/releases/create/v1`", problems)
        .and_then(|node| {
            let path = text(node, problems)?;
            if path.starts_with('/') {
                return Some(path.to_owned());
            }
            refuse(node, "must begin with a slash: the path as it is sent, no URL", problems);
            None
        });
    let body = match section.value("body") {
        Some(node) => Some(body(node, folder, problems)?),
        None => None,
    };
    Some(TestRequest { method: method?, target: target?, body })
}

/// A text is sent as it is, a map as JSON; a file holds either.
fn body(node: &Node, folder: &Path, problems: &mut Problems) -> Option<Vec<u8>> {
    match &node.value {
        Value::Map(entries) if entries.len() == 1 && entries.iter().all(|it| it.key == "file") => {
            let path = named_file(node, folder, problems)?;
            match read_text(&path, limits::CONFIG_BYTES) {
                Ok(text) => Some(text.into_bytes()),
                Err(fault) => {
                    refuse(node, format!("the file {} {fault}", path.display()), problems);
                    None
                }
            }
        }
        Value::Map(_) | Value::List(_) => {
            let value = json(node, problems)?;
            Some(value.to_document().into_bytes())
        }
        _ => text(node, problems).map(|text| text.as_bytes().to_owned()),
    }
}
