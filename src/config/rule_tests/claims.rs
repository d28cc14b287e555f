//! `claims:` of a rule test — written out, or in a file.

use std::path::Path;

use super::{named_file, read_text};
use crate::config::Config;
use crate::config::plain::{Kind, kind};
use crate::config::problem::Problems;
use crate::config::reader::refuse;
use crate::config::rules::configured;
use crate::config::yaml::{Entry, Node, Scalar, Style, Value};
use crate::identity::{Json, Members, TokenKind};
use crate::limits;

/// Reads the claims, wherever they stand.
pub(super) fn read(node: &Node, folder: &Path, problems: &mut Problems) -> Option<Json> {
    let is_file = match &node.value {
        Value::Map(entries) => entries.len() == 1 && entries.iter().all(|it| it.key == "file"),
        _ => false,
    };
    if !is_file {
        let claims = json(node, problems)?;
        if let Json::Object(_) = claims {
            return Some(claims);
        }
        refuse(node, "must be a map of claims, or `{ file: claims.json }`", problems);
        return None;
    }
    let path = named_file(node, folder, problems)?;
    let read = read_text(&path, limits::CONFIG_BYTES);
    let claims = read.and_then(|document| claims_document(document.as_bytes()));
    claims
        .map_err(|fault| refuse(node, format!("the file {} {fault}", path.display()), problems))
        .ok()
}

/// The claims in a JSON document: the decoded payload of a token, or an object that has it as its
/// member `payload`.
pub fn claims_document(document: &[u8]) -> Result<Json, String> {
    let document = Json::parse(document).map_err(|error| {
        format!("is not strict JSON: {error}; it must hold the decoded payload of a token, {{ … }}")
    })?;
    let Json::Object(mut members) = document else {
        return Err("must hold one JSON object: the decoded payload of a token".to_owned());
    };
    match members.remove("payload") {
        Some(payload @ Json::Object(_)) if !members.contains("sub") => Ok(payload),
        Some(payload) => {
            members.add("payload", payload);
            Ok(Json::Object(members))
        }
        None => Ok(Json::Object(members)),
    }
}

/// With the `iss` of the issuer that the case names, if the claims have none.
pub(super) fn complete(
    claims: Json,
    (claims_node, issuer): (&Node, Option<&Node>),
    config: &Config,
    problems: &mut Problems,
) -> Option<Json> {
    let Json::Object(mut members) = claims else { return None };
    match (members.contains("iss"), issuer) {
        (true, None) => {}
        (true, Some(issuer)) => {
            problems.add(&issuer.place, "the claims have an `iss`; remove one of them");
            return None;
        }
        // The trust domain in `sub` is enough.
        (false, None) if config.issuers.iter().any(|it| it.kind == TokenKind::JwtSvid) => {}
        (false, None) => {
            let sentence = "have no `iss`; write it, or beside the claims `issuer:` with the name \
                            of one under `issuers:`";
            problems.add(&claims_node.place, sentence);
            return None;
        }
        (false, Some(node)) => {
            let names: Vec<String> =
                config.issuers.iter().map(|issuer| issuer.name.clone()).collect();
            let name = configured(node, &names, "issuers", problems)?;
            let issuer = config.issuers.iter().find(|issuer| issuer.name == name)?;
            members.add("iss", Json::String(issuer.url.as_str().into()));
        }
    }
    Some(Json::Object(members))
}

/// A value in YAML as JSON. What readers of YAML differ about must be quoted.
pub(super) fn json(node: &Node, problems: &mut Problems) -> Option<Json> {
    match &node.value {
        Value::Null => Some(Json::Null),
        Value::Scalar(scalar) => typed(node, scalar, problems),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| json(item, problems)).collect();
            items.into_iter().collect::<Option<_>>().map(Json::Array)
        }
        Value::Map(entries) => {
            let mut member =
                |entry: &Entry| Some((entry.key.as_str().into(), json(&entry.node, problems)?));
            let members: Vec<_> = entries.iter().map(&mut member).collect();
            members.into_iter().collect::<Option<_>>().and_then(Members::of).map(Json::Object)
        }
        Value::Broken => None,
    }
}

fn typed(node: &Node, scalar: &Scalar, problems: &mut Problems) -> Option<Json> {
    let text = &scalar.text;
    if scalar.style != Style::Plain {
        return Some(Json::String(text.as_str().into()));
    }
    match (kind(text), text.as_str()) {
        (Kind::Text, _) => Some(Json::String(text.as_str().into())),
        (Kind::Canonical, "true") => Some(Json::Bool(true)),
        (Kind::Canonical, "false") => Some(Json::Bool(false)),
        (Kind::Canonical, _) => text.parse().ok().map(Json::Integer),
        (Kind::Fraction, _) => text.replace('_', "").parse().ok().map(Json::Float),
        (Kind::Doubtful, _) => {
            let sentence = "is read differently by different readers of YAML; quote it if the text \
                            is meant, else write a plain number, true or false";
            refuse(node, sentence, problems);
            None
        }
    }
}
