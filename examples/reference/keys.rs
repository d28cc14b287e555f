//! The page of every key of the configuration, from the schema that the program prints.

use octobroker::config::schema;
use octobroker::trust::presets::ALL;
use serde_json::{Map, Value};

pub(crate) const PAGE: &str = "docs/configuration.md";

const HEAD: &str = "\
# Every key

All that may stand in `octobroker.yaml`; an unknown key is an error. `NAME` is a name of your choice, `[]` one item of a list.
In a value without quotes, `${NAME}` and `${NAME:-default}` are taken from the environment. [config/](../config) has whole examples,
which editors complete by the [schema](../config/octobroker.schema.json). This page is made of that schema:
`cargo run --example reference -- keys > docs/configuration.md`.
";

const PROVIDERS: &str = "
Beside these, a rule takes the fields of its issuer's provider, such as `repository_id` or `project`, each a text, or an operator
as under `claims`; `events` and its like take a list of texts of which one must fit. [A page for each provider](providers/README.md) lists them.
";

const OPERATORS: &str = "
A condition on a claim is a value, or operators that must all hold; [rules.md](rules.md) explains them.

| operator | holds for |
|---|---|
";

/// The page's text.
pub(crate) fn page() -> String {
    let schema = schema();
    let sections = properties(&schema).map(|(name, value)| {
        let mut rows = Vec::new();
        collect(value, "", &mut rows);
        let head = format!("\n## {name}\n\n{}\n", says(value));
        let table = "\n| key | value | what it is for |\n|---|---|---|\n".to_owned();
        let rest = if name == "rules" { rule(&schema) } else { String::new() };
        [head, table, rows.concat(), rest].concat()
    });
    HEAD.to_owned() + &sections.collect::<String>()
}

/// What else may stand on a rule.
fn rule(schema: &Value) -> String {
    let condition = schema.pointer("/$defs/condition").unwrap_or(&Value::Null);
    let operators = list(condition, "anyOf").iter().flat_map(properties);
    let row = |(name, value): (&String, &Value)| format!("| `{name}` | {} |\n", cell(&says(value)));
    [PROVIDERS, OPERATORS].concat() + &operators.map(row).collect::<String>()
}

/// A row for each key in this value, in maps and lists of it as well.
fn collect(value: &Value, place: &str, rows: &mut Vec<String>) {
    let required: Vec<&str> = list(value, "required").iter().filter_map(Value::as_str).collect();
    for (name, inner) in properties(value) {
        if is_of_provider(inner) {
            continue;
        }
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        rows.push(row(&place, inner, required.contains(&name.as_str())));
        collect(inner, &place, rows);
    }
    if value["additionalProperties"].is_object() {
        collect(&value["additionalProperties"], &join(place, "NAME"), rows);
    }
    if value["items"].is_object() {
        collect(&value["items"], &format!("{place}[]"), rows);
    }
    for one in list(value, "anyOf") {
        collect(one, place, rows);
    }
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn row(place: &str, value: &Value, is_required: bool) -> String {
    let mut sentences = vec![says(value)];
    if is_required {
        sentences.push("Required.".to_owned());
    }
    let default = value.get("default").map(|default| format!("Default: `{}`.", plain(default)));
    let example = list(value, "examples").first();
    let example = example.map(|example| format!("Such as `{}`.", plain(example)));
    sentences.extend(default.into_iter().chain(example));
    format!("| `{place}` | {} | {} |\n", cell(&shape(value)), cell(&sentences.join(" ")))
}

/// What may stand there, in words.
fn shape(value: &Value) -> String {
    if let Some(name) = value["$ref"].as_str() {
        return named(name.rsplit('/').next().unwrap_or(name)).to_owned();
    }
    if let Value::Array(words) = &value["enum"] {
        return words
            .iter()
            .map(|word| format!("`{}`", plain(word)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    let choices = list(value, "anyOf");
    if !choices.is_empty() {
        let mut shapes: Vec<String> =
            choices.iter().map(shape).filter(|it| !it.is_empty()).collect();
        shapes.dedup();
        return shapes.join(", or ");
    }
    match value["type"].as_str() {
        Some("array") => format!("list of: {}", shape(&value["items"])),
        Some("integer") => number(value),
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        _ if value["additionalProperties"].is_object() => "map by names".to_owned(),
        _ => "section".to_owned(),
    }
}

/// The words for what stands in many places. A variable may stand anywhere, and is not said again.
fn named(definition: &str) -> &str {
    match definition {
        "variable" => "",
        "flag" => "`true` or `false`",
        "duration" => "duration, such as `30s`",
        "size" => "size, such as `64KiB`",
        "url" => "URL",
        "guid" => "GUID",
        "mode" => "mode, such as `\"0660\"`",
        "claims" => "conditions by claims",
        other => other,
    }
}

fn number(value: &Value) -> String {
    match (value["minimum"].as_u64(), value["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        _ => "number".to_owned(),
    }
}

/// Whether this key is one that only issuers of some provider know.
fn is_of_provider(value: &Value) -> bool {
    let says = says(value);
    ALL.iter().any(|preset| says.starts_with(&format!("{}: ", preset.title)))
}

fn says(value: &Value) -> String {
    value["description"].as_str().unwrap_or_default().to_owned()
}

fn properties(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value["properties"].as_object().into_iter().flat_map(Map::iter)
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// As one writes it in YAML.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
