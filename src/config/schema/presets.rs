//! What the presets know, for editors: the fields of rules, and what each provider's issuer needs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::document::variable;
use crate::identity::TokenKind;
use crate::trust::presets::{ALL, Field, IssuerUrls, Pins, Preset, Reading};

/// The fields of all providers: a rule names its issuer, and only that says whose it is.
pub(in crate::config) fn of_rules() -> Value {
    let mut fields: BTreeMap<&str, Vec<(&Preset, Field)>> = BTreeMap::new();
    for preset in ALL {
        for name in field_names(preset) {
            if let Some(field) = preset.field(name) {
                fields.entry(name).or_default().push((preset, field));
            }
        }
    }
    let properties = fields.into_iter().map(|(name, of)| (name.to_owned(), property(&of)));
    json!({ "properties": properties.collect::<Map<_, _>>() })
}

/// The names of the fields, and of the claims that may stand beside them because they are pinned.
fn field_names(preset: &'static Preset) -> impl Iterator<Item = &'static str> {
    let claims = preset.pins.iter().flat_map(Pins::all).map(|pin| pin.claim);
    let is_new = |claim: &&str| !preset.field_names().any(|name| name == *claim);
    let mut new: Vec<&str> = claims.filter(is_new).collect();
    new.sort_unstable();
    new.dedup();
    preset.field_names().chain(new)
}

fn property(of: &[(&Preset, Field)]) -> Value {
    let mut shapes: Vec<Value> = Vec::new();
    let mut says: Vec<String> = Vec::new();
    for (preset, field) in of {
        let shape = shape(*field);
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
        let text = if field.says.is_empty() { "the claim of this name" } else { field.says };
        says.push(format!("{}: {text}", preset.title));
    }
    json!({ "description": format!("{}.", says.join("; ")), "anyOf": shapes })
}

fn shape(field: Field) -> Value {
    match field.reading {
        Reading::Switch => json!({ "$ref": "#/$defs/flag" }),
        Reading::Listed | Reading::Held => json!({
            "anyOf": [
                { "$ref": "#/$defs/condition" },
                { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/value" } },
            ],
        }),
        _ => json!({ "$ref": "#/$defs/condition" }),
    }
}

/// What an issuer of each provider needs, and what holds if it is not written.
pub(in crate::config) fn of_issuers() -> Value {
    let rules = ALL.iter().map(|preset| {
        let is_it = json!({
            "properties": { "provider": { "const": preset.name } },
            "required": ["provider"],
        });
        json!({ "if": is_it, "then": then(preset) })
    });
    json!({ "allOf": rules.collect::<Vec<_>>() })
}

fn then(preset: &Preset) -> Value {
    let mut required = Vec::new();
    let mut url = json!({});
    if let Some(fixed) = preset.urls.fixed {
        url = json!({ "default": fixed });
    } else if preset.kind == TokenKind::JwtSvid {
        required.push("trust_domain");
    } else {
        required.push("url");
    }
    if preset.algorithms.is_empty() {
        required.push("algorithms");
    }
    if let (Some(pattern), Some(url)) = (pattern(&preset.urls), url.as_object_mut()) {
        let any_of = json!([{ "type": "string", "pattern": pattern }, variable()]);
        url.insert("anyOf".to_owned(), any_of);
    }
    let lifetime = minutes(preset.max_token_lifetime.as_secs());
    let mut properties = json!({ "url": url, "max_token_lifetime": { "default": lifetime } });
    if let (Some(age), Some(properties)) = (preset.max_token_age, properties.as_object_mut()) {
        properties.insert("max_token_age".to_owned(), json!({ "default": minutes(age.as_secs()) }));
    }
    json!({ "required": required, "properties": properties })
}

fn minutes(seconds: u64) -> String {
    if seconds.is_multiple_of(3600) {
        format!("{}h", seconds / 3600)
    } else {
        format!("{}m", seconds.div_ceil(60))
    }
}

/// The provider's issuers, and anything on this very machine; `None` if any URL will do.
fn pattern(urls: &IssuerUrls) -> Option<String> {
    if urls.shapes.iter().any(|shape| !shape.text.contains("://")) {
        return None;
    }
    let shapes: Vec<String> = urls.shapes.iter().map(|shape| expression(shape.text)).collect();
    let here = r"https?://(localhost|127\.[0-9.]+|\[::1\])([:/].*)?";
    Some(format!("^({here}|{})$", shapes.join("|")))
}

/// A regular expression for text with `{name}` in it.
fn expression(text: &str) -> String {
    let mut pieces = text.split('{');
    let mut expression = escaped(pieces.next().unwrap_or_default());
    for piece in pieces {
        let rest = piece.split_once('}').map_or("", |(_, rest)| rest);
        expression.push_str("[^/]+");
        expression.push_str(&escaped(rest));
    }
    expression
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        if r".+*?()[]{}|^$\".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
        escaped
    })
}
