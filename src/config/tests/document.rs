//! The file as YAML, and the keys at the top.

use std::fmt::Write as _;
use std::path::Path;

use super::{config, each_is_refused, environment, sound};
use crate::config::parse;

#[test]
fn what_is_no_yaml_is_one_problem() {
    let rows = [
        ("a: [1\nb: 2", "2:2", "is not YAML: illegal placement of ':'"),
        ("a: \"x", "1:4", "is not YAML: unclosed quote"),
        ("a:\n\tb: 1", "2:2", "indent with spaces"),
        ("a: b: c", "1:5", "mapping values are not allowed"),
        ("a: 1\n b: 2", "2:3", "is not YAML"),
        ("a: @x", "1:4", "quote the value"),
        ("a: \u{1}x", "1:4", "is not YAML: unexpected character"),
        ("a: {b: ${X}}", "1:9", "can't hold a plain `${NAME}`"),
        ("a: 1\n---\nb: 2", "3:1", "a second document starts here"),
        ("a: *nope", "1:4", "no value above carries this one; write the star in quotes"),
        ("a: &a\n  b: *a", "2:6", "stands inside the value that it names"),
        ("a: !foo x", "1:9", "tags are not taken"),
        ("? [a, b]\n: x", "1:3", "a key must be one text"),
        ("~: x", "1:1", "a key must be one text"),
    ];
    for (text, place, phrase) in rows {
        let error = parse(text, Path::new("a.yaml"), &environment).unwrap_err().to_string();
        assert!(error.starts_with(&format!("a.yaml:{place}: ")), "{text}\n{error}");
        assert!(error.contains(phrase), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{text}\n{error}");
    }
}

#[test]
fn a_bomb_goes_off_outside() {
    let mut aliases = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, before) in "bcdefghijk".chars().zip("abcdefghij".chars()) {
        let repeated = vec![format!("*{before}"); 10].join(",");
        writeln!(aliases, "{name}: &{name} [{repeated}]").unwrap();
    }
    let many_aliases = format!("a: &a x\nb: [{}]", vec!["*a"; 2_000].join(","));
    let deep_block: String =
        (0..1_000).fold(String::new(), |text, depth| format!("{text}{}a:\n", " ".repeat(depth)));
    let many_nodes = format!("a: [{}]", vec!["x"; 300_000].join(","));
    let too_long = "#".repeat((1 << 20) + 1);
    let rows = [
        (aliases.as_str(), "repeats too much by aliases"),
        (&many_aliases, "repeats too much by aliases"),
        (&"[".repeat(20_000), "is that deep"),
        (&"{a: ".repeat(20_000), "is that deep"),
        (&deep_block, "too deep"),
        (&many_nodes, "too large"),
        (&too_long, "more than 1048576 bytes"),
    ];
    for (text, phrase) in rows {
        let started = tokio::time::Instant::now();
        let error = parse(text, Path::new("a.yaml"), &environment).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(phrase), "{text:.40}\n{shown}");
        assert_eq!(error.problems().len(), 1, "{text:.40}\n{shown}");
        assert!(started.elapsed().as_secs() < 60, "{text:.40}");
    }
}

#[test]
fn a_key_stands_once() {
    each_is_refused(&[
        (
            "log: {}\nlimits: {}\nlog: {}",
            "3:1: log",
            "the key stands twice, first in line 1; remove one",
        ),
        ("limits:\n  drain: 1s\n  \"drain\": 2s", "3:3: limits.drain", "first in line 2"),
        (
            "rules:\n- name: a\n  issuer: ci\n  claims:\n    a: b\n    a: c\n  service_account: bot",
            "6:5: rules[0].claims.a",
            "first in line 5",
        ),
        ("limits:\n  <<: {drain: 1s}", "2:3: limits.\"<<\"", "merge keys are not taken"),
    ]);
}

#[test]
fn an_entry_that_begins_anew_lacks_its_dash() {
    let rule = "name: a\n  issuer: ci\n  service_account: bot\n  claims: {id: 7}\n";
    let other = "issuer: ci\n  name: b\n  audience: x\n  service_account: bot\n";
    let missing = "is a `- ` missing before it?";
    each_is_refused(&[
        (&format!("rules:\n- {rule}  {rule}"), "6:3: rules[0].name", missing),
        (&format!("rules:\n- {rule}  {other}"), "6:3: rules[0].issuer", missing),
        (&format!("rules:\n- {rule}  {rule}  {other}"), "6:3: rules[0].name", "in line 2; is a"),
        // What stands in one line is no entry of its own.
        (
            "rules: [{name: a, name: a, issuer: ci, service_account: bot, claims: {id: 7}}]",
            "1:19: rules[0].name",
            "the key stands twice, first in line 1; remove one",
        ),
        (&format!("rules:\n- {rule}  issuer: ci"), "6:3: rules[0].issuer", "; remove one"),
    ]);
}

#[test]
fn an_alias_repeats_a_value() {
    let rules = sound(
        "rules:
- name: a
  issuer: ci
  claims: &web { id: 7, event: push }
  service_account: bot
- { name: b, issuer: ci, claims: *web, service_account: bot }",
    )
    .rules;

    assert_eq!(rules[1].conditions.len(), 2);
}

#[test]
fn a_wrong_value_is_reported_where_it_is_repeated() {
    let error = config("limits: {drain: &long 9h}\nlog: {level: *long}").unwrap_err().to_string();

    let (first, second) = error.split_once('\n').unwrap();
    assert!(first.starts_with("octobroker.yaml:1:23: limits.drain: "), "{error}");
    assert!(second.starts_with("octobroker.yaml:2:14: log.level: "), "{error}");
}

#[test]
fn the_keys_at_the_top_are_known() {
    each_is_refused(&[
        (
            "octopuss: {}\noctopus: {url: https://a.example}",
            "1:1: octopuss",
            "unknown key; did you mean `octopus`?",
        ),
        ("unix: {}", "1:1: unix", "unknown key; known here are octopus, listeners"),
        ("service-accounts: {}", "1:1: service-accounts", "did you mean `service_accounts`?"),
        ("\"x\\e[2J\": 1", "1:1: \"x\\u{1b}[2J\"", "unknown key"),
    ]);
}

#[test]
fn a_file_with_nothing_in_it_lacks_what_is_required() {
    for text in ["", "# nothing\n", "---\n", "{}", "\u{feff}"] {
        let error = parse(text, Path::new("a.yaml"), &environment).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();

        assert_eq!(lines.len(), 4, "{error}");
        for (line, key) in lines.iter().zip(["octopus", "issuers", "service_accounts", "rules"]) {
            assert!(line.starts_with(&format!("a.yaml:1:1: `{key}` is missing; ")), "{line}");
        }
    }
    let error = parse("- a", Path::new("a.yaml"), &environment).unwrap_err().to_string();
    assert_eq!(error, "a.yaml:1:1: must be a map of keys and values, not a list");
}

#[test]
fn windows_files_and_byte_order_marks_are_read() {
    let text =
        "\u{feff}octopus: {url: https://a.example, idle_timeout: 99}\r\nlog:\r\n  level: loud\r\n";

    let error = config(text).unwrap_err().to_string();

    assert!(error.contains(":1:49: octopus.idle_timeout: "), "{error}");
    assert!(error.contains(":3:10: log.level: "), "{error}");
}
