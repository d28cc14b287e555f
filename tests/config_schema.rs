//! The schema of the configuration: what `octobroker schema` prints is the file in `config/`, it
//! takes what the broker takes, and an editor finds with it what a person mistypes.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use octobroker::config::schema;
use serde_json::{Value, json};

/// Beside the examples, which name it in their first line.
const FILE: &str = "config/octobroker.schema.json";

fn path(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// Names and texts of the examples.
fn examples() -> Vec<(String, String)> {
    let entries = fs::read_dir(path("config")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Rule tests are another kind of file.
    let is_example = |name: &String| {
        Path::new(name).extension().is_some_and(|end| end == "yaml") && name != "rule-tests.yaml"
    };
    names.filter(is_example).map(|name| (name.clone(), read(&format!("config/{name}")))).collect()
}

/// Texts of the pages in a folder.
fn pages(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(path(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|end| end == "md"));
    pages.map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn faults(document: &Value) -> Vec<String> {
    let validator = validator();
    let errors = validator.iter_errors(document);
    errors.map(|error| format!("{} {error}", error.instance_path())).collect()
}

#[test]
fn the_file_is_what_the_command_prints() {
    let printed = format!("{:#}\n", schema());

    assert!(
        read(FILE) == printed,
        "{FILE} is old; run `cargo run -- schema > {FILE}` and look at what changed"
    );
}

#[test]
fn it_is_a_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

#[test]
fn every_example_names_it_and_is_valid() {
    let examples = examples();
    assert!(examples.len() > 4);
    for (name, text) in examples {
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(first, "# yaml-language-server: $schema=octobroker.schema.json", "{name}");
        assert_eq!(faults(&yaml(&text)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_book_s_configurations_and_a_rule_for_every_platform_are_valid() {
    let pages = [pages("docs"), pages("docs/providers")].concat();
    let blocks = pages.iter().flat_map(|page| page.split("```yaml\n").skip(1));
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| block.starts_with("octopus:")).collect();
    assert!(blocks.len() > 20, "{} configurations were found", blocks.len());
    for block in blocks {
        assert_eq!(faults(&yaml(block)), Vec::<String>::new(), "{block}");
    }

    // What the test of the platforms puts in is put in here.
    let text = read("tests/fixtures/acme.yaml").replace("url: OCTOPUS", "url: https://a.example");
    let mut document = yaml(&text);
    let accounts = document["service_accounts"].as_object_mut().unwrap();
    for account in accounts.values_mut() {
        account["id"] = json!("5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33");
    }
    assert_eq!(faults(&document), Vec::<String>::new());
}

/// A sound configuration, with one thing in it replaced.
fn changed(pointer: &str, value: Value) -> Value {
    let mut document = json!({
        "octopus": { "url": "https://acme.octopus.app" },
        "issuers": {
            "ci": { "provider": "custom", "url": "https://ci.example", "algorithms": ["RS256"] }
        },
        "service_accounts": { "bot": { "id": "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33" } },
        "rules": [
            { "name": "web", "issuer": "ci", "service_account": "bot", "claims": { "sub": "x" } }
        ],
    });
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.insert(key.to_owned(), value)),
        other => panic!("{pointer}: {other}"),
    }
    document
}

#[test]
fn what_is_sound_is_valid() {
    let rows = [
        ("/octopus/url", json!("${OCTOPUS_URL}")),
        ("/octopus/url", json!("https://${HOST:-acme.example}/octopus")),
        ("/octopus/url", json!("http://127.0.0.1:8065")),
        ("/octopus/token_endpoint", json!("https://acme.octopus.app/token/v1")),
        ("/issuers/ci", json!({ "provider": "github-actions" })),
        (
            "/issuers/ci",
            json!({ "provider": "github-actions", "url": "https://ghe.example/_services/token" }),
        ),
        ("/rules/0/repository_id", json!(812_345_678)),
        ("/rules/0/branch", json!({ "glob": "release/*" })),
        ("/rules/0/events", json!(["push"])),
        ("/rules/0/protected_ref", json!(false)),
        ("/limits", Value::Null),
        ("/limits", json!({ "drain": "1h 30m", "head_size": "64KiB", "connections": 5 })),
        ("/limits", json!({ "connections": "${MOST:-17}" })),
        ("/listeners", json!([{ "bind": "unix:/run/x.sock", "mode": "0660", "ambient": false }])),
        ("/log", json!({ "level": "${LEVEL:-info}" })),
        ("/service_accounts/bot", json!({ "api_key": { "env": "KEY" }, "agent": true })),
        ("/rules/0/claims", json!({ "a": 7, "/b~1/c": true, "d": { "one_of": ["x", 7] } })),
        ("/rules/0/claims", json!({ "a": { "glob": ["v*", "r?"] }, "b": { "contains": "x" } })),
        ("/ambient", json!({ "service_account": "bot", "token": { "command": ["a", "b"] } })),
    ];
    for (pointer, value) in rows {
        let document = changed(pointer, value.clone());
        assert_eq!(faults(&document), Vec::<String>::new(), "{pointer} {value}");
    }
}

#[test]
fn typing_errors_and_wrong_types_are_caught() {
    let rows = [
        ("/octopuss", json!({})),
        ("/octopus/urll", json!("https://acme.example")),
        ("/octopus/url", json!("http://acme.example")),
        ("/octopus/url", json!(7)),
        ("/octopus/token_endpoint", json!("publishd")),
        ("/octopus/idle_timeout", json!(60)),
        ("/octopus/idle_timeout", json!("60")),
        ("/listeners", json!({ "bind": "127.0.0.1:8484" })),
        ("/listeners", json!([])),
        ("/listeners", json!([{ "plaintext": true }])),
        ("/admin", json!({ "bind": 9484 })),
        ("/issuers/ci/algoritms", json!(["RS256"])),
        ("/issuers/ci/algorithms", json!("RS256")),
        ("/issuers/ci/algorithms", json!(["HS256"])),
        ("/issuers/ci/provider", json!("github")),
        ("/issuers/ci", json!({ "provider": "custom", "url": "https://ci.example" })),
        ("/issuers/ci", json!({ "provider": "kubernetes" })),
        ("/issuers/ci", json!({ "provider": "github-actions", "url": "https://github.com" })),
        ("/issuers/ci", json!({ "provider": "github-actions", "repository": "acme/web" })),
        ("/issuers/ci/extra_audiences", json!(true)),
        ("/rules/0/repositry_id", json!(7)),
        ("/rules/0/repository_id", json!([7, 8])),
        ("/rules/0/branch", json!({ "regex": "main" })),
        ("/rules/0/accept_recyclable_names", json!("yes")),
        ("/issuers/c i", json!({ "provider": "custom" })),
        ("/service_accounts/bot/id", json!("Users-21")),
        ("/service_accounts/bot", json!({})),
        ("/service_accounts/bot/agent", json!(true)),
        ("/service_accounts/bot/api_key", json!("API-X")),
        ("/service_accounts/bot/api_key", json!({ "file": "a", "env": "B" })),
        ("/rules", json!({})),
        ("/rules/0/serviceaccount", json!("bot")),
        ("/rules/0/no_such_field", json!("acme/web")),
        ("/rules/0/claims", json!({})),
        ("/rules/0/claims", json!(["sub"])),
        ("/rules/0/claims/sub", json!(["a", "b"])),
        ("/rules/0/claims/sub", json!({ "regex": "a.*" })),
        ("/rules/0/claims/sub", json!({ "glob": "" })),
        ("/rules/0/claims/sub", json!({ "absent": false })),
        ("/rules/0/claims/sub", json!({ "one_of": "a" })),
        ("/rules/0/claims/sub", json!(1.5)),
        ("/rules/0/claims", json!({ "/a~2": "x" })),
        ("/limits", json!({ "connections": 0 })),
        ("/limits", json!({ "connections": "many" })),
        ("/limits", json!({ "head_size": "64KB" })),
        ("/log", json!({ "level": "loud" })),
        ("/ambient", json!({ "token": "detect" })),
        ("/token_door", json!({ "issues": "key" })),
    ];
    for (pointer, value) in rows {
        let document = changed(pointer, value.clone());
        assert!(!faults(&document).is_empty(), "{pointer} {value}");
    }
}

/// `default` in the schema is what the annotated whole says is the default.
#[test]
fn defaults_are_those_of_the_annotated_whole() {
    let annotated = yaml(&read("config/octobroker.yaml"));
    let mut compared = 0;
    compare(&schema(), &annotated, "", &mut compared);
    assert!(compared > 20, "{compared} defaults were compared");
}

fn compare(schema: &Value, document: &Value, at: &str, compared: &mut usize) {
    if let Some(default) = schema.get("default") {
        assert_eq!(default, document, "{at}");
        *compared += 1;
    }
    let empty = serde_json::Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let others = schema.get("additionalProperties").filter(|other| other.is_object());
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                if let Some(schema) = properties.get(name).or(others) {
                    compare(schema, value, &format!("{at}/{name}"), compared);
                }
            }
        }
        Value::Array(items) => {
            if let (Some(schema), Some(first)) = (schema.get("items"), items.first()) {
                compare(schema, first, &format!("{at}/0"), compared);
            }
        }
        _ => {}
    }
}

/// Editors show a sentence for every key.
#[test]
fn every_key_says_what_it_is_for() {
    fn look(schema: &Value, at: &str) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                // `if` and `then` only narrow what is described elsewhere.
                if at.ends_with("/if") || at.ends_with("/then") {
                    continue;
                }
                let says = property.get("description").and_then(Value::as_str).unwrap_or_default();
                assert!(says.len() > 5 && says.ends_with(['.', ',']), "{at}/{name}: {says:?}");
            }
        }
        match schema {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| look(value, &format!("{at}/{name}")));
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, at)),
            _ => {}
        }
    }
    look(&schema(), "");
}
