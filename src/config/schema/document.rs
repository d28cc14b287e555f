//! From shapes to JSON Schema, draft 2020-12.

use serde_json::{Map, Value, json};

use super::shape::{Form, Key, Shape};
use crate::config::load;
use crate::config::values::UNITS;

/// A value that is taken from the environment, whole or in part.
const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";

const GUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

/// https, or http to this very machine.
const URL: &str =
    r"^(https://[^\s@#\\]+|http://(localhost|127\.[0-9.]+|\[::1\])([:/][^\s@#\\]*)?)$";

/// The schema of the configuration.
pub fn schema() -> Value {
    let mut document = form(&load::FORM);
    if let Some(document) = document.as_object_mut() {
        let head = [
            ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
            ("title", json!("The configuration of octobroker")),
            ("$defs", definitions()),
        ];
        document.extend(head.map(|(name, value)| (name.to_owned(), value)));
    }
    document
}

/// What stands in many places.
fn definitions() -> Value {
    let duration = format!("^([0-9]+ ?({}) ?)+$", UNITS.join("|"));
    json!({
        "variable": {
            "description": "Taken from the environment: ${NAME} or ${NAME:-default}, without quotes.",
            "type": "string",
            "pattern": VARIABLE,
        },
        "text": { "type": "string", "minLength": 1 },
        "name": {
            "description": "A label of logs and metrics.",
            "anyOf": [{ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$" }, variable()],
        },
        "flag": { "anyOf": [{ "type": "boolean" }, variable()] },
        "duration": {
            "anyOf": [{ "type": "string", "pattern": duration }, variable()],
        },
        "size": {
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB)?$" },
                variable(),
            ],
        },
        "url": { "anyOf": [{ "type": "string", "pattern": URL }, variable()] },
        "guid": { "anyOf": [{ "type": "string", "pattern": GUID }, variable()] },
        "mode": {
            "anyOf": [{ "type": "string", "pattern": "^0?[0-7]{3}$" }, { "type": "integer" }, variable()],
        },
        "value": {
            "description": "Exactly this text; a number and true or false are compared as text.",
            "type": ["string", "integer", "boolean"],
        },
        "pattern": {
            "description": "* inside a segment, ** across segments, ? one character.",
            "type": "string",
            "minLength": 1,
            "maxLength": 512,
        },
        "claim": claim_address(),
        "condition": condition(),
        "claims": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "$ref": "#/$defs/claim" },
            "additionalProperties": { "$ref": "#/$defs/condition" },
        },
    })
}

pub(super) fn variable() -> Value {
    json!({ "$ref": "#/$defs/variable" })
}

fn claim_address() -> Value {
    json!({
        "description": "A claim's name, or a JSON Pointer with ~0 for ~ and ~1 for /.",
        "type": "string",
        "pattern": "^([^/].*|/([^~]|~[01])*)$",
    })
}

/// What a claim must be.
fn condition() -> Value {
    let values = json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/value" } });
    let value_or_values = json!({ "anyOf": [{ "$ref": "#/$defs/value" }, values] });
    let patterns =
        json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/pattern" } });
    let operators = json!({
        "one_of": described("One of these texts.", values.clone()),
        "not_one_of": described("None of these texts; never the only condition.", values),
        "glob": described(
            "A pattern, or several of which one must match.",
            json!({ "anyOf": [{ "$ref": "#/$defs/pattern" }, patterns] }),
        ),
        "contains": described("An array with this, or with all of these.", value_or_values),
        "same_as": described("The same as another claim.", json!({ "$ref": "#/$defs/claim" })),
        "absent": described("Not there; never the only condition.", json!({ "const": true })),
    });
    json!({
        "description": "What the claim must be: a value, or operators that must all hold.",
        "anyOf": [
            { "$ref": "#/$defs/value" },
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": false,
                "properties": operators,
            },
        ],
    })
}

fn form(of: &Form) -> Value {
    let properties: Map<String, Value> =
        of.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> =
        of.keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    // A section in which nothing must stand may be empty.
    let of_type = if required.is_empty() && of.also.is_none() {
        json!(["object", "null"])
    } else {
        json!("object")
    };
    let mut schema = json!({
        "type": of_type,
        "additionalProperties": false,
        "properties": properties,
    });
    if let Some(members) = schema.as_object_mut() {
        if !required.is_empty() {
            members.insert("required".to_owned(), json!(required));
        }
        if let Some(Value::Object(also)) = of.also.map(|also| also()) {
            for (name, value) in also {
                merge(members, name, value);
            }
        }
    }
    schema
}

/// Puts a member in; properties go to those that are there.
fn merge(members: &mut Map<String, Value>, name: String, value: Value) {
    match (members.get_mut(&name), value) {
        (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
        (_, value) => {
            members.insert(name, value);
        }
    }
}

fn property(key: &Key) -> Value {
    let mut schema = described(key.says, shape(key.shape));
    if let Some(schema) = schema.as_object_mut() {
        if let Some(default) = key.default {
            schema.insert("default".to_owned(), written(default));
        }
        if let Some(example) = key.example {
            schema.insert("examples".to_owned(), json!([written(example)]));
        }
    }
    schema
}

/// A default as YAML means it, of which JSON is a part.
fn written(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn described(says: &str, mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), json!(says));
    }
    schema
}

fn shape(of: Shape) -> Value {
    let defined = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    match of {
        Shape::Text => defined("text"),
        Shape::Name => defined("name"),
        Shape::Flag => defined("flag"),
        Shape::Size => defined("size"),
        Shape::Duration => defined("duration"),
        Shape::Url => defined("url"),
        Shape::Guid => defined("guid"),
        Shape::Mode => defined("mode"),
        Shape::Claims => defined("claims"),
        Shape::Number(least, most) => json!({
            "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, variable()],
        }),
        Shape::Word(words) => json!({ "anyOf": [{ "enum": words }, variable()] }),
        Shape::Words(words) => json!({ "anyOf": [{ "enum": words() }, variable()] }),
        Shape::List(item) => json!({ "type": "array", "minItems": 1, "items": shape(*item) }),
        Shape::Named(one) => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_.-]{1,64}$" },
            "additionalProperties": shape(*one),
        }),
        Shape::Form(of) => form(of),
        Shape::AnyOf(shapes) => {
            json!({ "anyOf": shapes.iter().copied().map(shape).collect::<Vec<_>>() })
        }
    }
}
