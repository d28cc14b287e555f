//! What the pages on rules and providers say is so: their examples load, what they show as refused
//! is refused in these words, and they say of each provider what the program knows of it.

#![expect(clippy::panic, reason = "a test fails by panicking")]

#[path = "docs/bad_inputs.rs"]
mod bad_inputs;
#[path = "docs/book.rs"]
mod book;
#[path = "../examples/reference/commands.rs"]
mod commands;
#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/facts.rs"]
mod facts;
#[path = "../examples/reference/keys.rs"]
mod keys;
#[path = "docs/tokens.rs"]
mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use examples::{Example, Expected};
use octobroker::trust::presets::{ALL, CUSTOM, Preset};
use tokens::Sample;

#[test]
fn every_example_loads_and_every_refusal_is_as_told() {
    let pages = ["docs/start.md", "docs/platforms.md", "docs/rules.md", "docs/migrating.md"];
    let pages = pages.map(str::to_owned).into_iter();
    let pages = pages.chain(ALL.iter().map(|preset| page(preset)));
    let mut faults = Vec::new();
    for page in pages {
        let text = read(&page);
        let examples = examples::of(&text);
        assert!(!examples.is_empty(), "{page} has no example");
        faults.extend(
            examples.iter().filter_map(Example::fault).map(|fault| format!("{page}: {fault}")),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn the_rules_of_each_page_let_the_platform_s_own_token_in_and_no_other() {
    let mut faults = Vec::new();
    for preset in ALL.iter().filter(|preset| preset.name != CUSTOM.name) {
        let page = page(preset);
        let configs: Vec<_> =
            examples::of(&read(&page)).iter().filter_map(Example::config).collect();
        let samples = tokens::of(preset.name);
        let is_let_in = |sample: &&Sample| configs.iter().any(|config| sample.fits(config));
        let (ours, others): (Vec<&Sample>, Vec<&Sample>) =
            samples.iter().partition(|sample| sample.is_ours);
        if !ours.iter().any(is_let_in) {
            faults.push(format!("{page}: no token of the platform fits its rules"));
        }
        // What is for another audience is refused before any rule.
        let audiences: Vec<String> = ours.iter().map(|sample| sample.audience()).collect();
        let others = others.iter().filter(|other| audiences.contains(&other.audience()));
        // A rule may ask for what its provider refuses by itself, but not the first of the page.
        let let_in = others.filter(|sample| {
            let asked = if sample.is_refused_by_default { 1 } else { configs.len() };
            configs.iter().take(asked).any(|config| sample.fits(config))
        });
        faults.extend(let_in.map(|sample| format!("{page}: {} fits its rules", sample.file)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_example_is_found() {
    let base = "```yaml\noctopus: { url: https://a.example }\nissuers: { g: { provider: gitlab } }\n\
        service_accounts: { bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 } }\n\
        rules: [{ name: a, issuer: g, service_account: bot, project_id: 1, namespace_id: 2 }]\n```\n";
    let rule = "rules: [{ name: a, issuer: g, service_account: bot, project_id: 1 }]";
    let rows = [
        (format!("```yaml\n{rule}\n```\n"), 1),
        (
            format!(
                "```yaml refused\n{rule}\n```\n\n```text\nadd `namespace_id:`\n  (the page\n```\n"
            ),
            0,
        ),
        (format!("```yaml refused\n{rule}\n```\n\n```text\nsome other words\n```\n"), 1),
        ("```yaml refused\nrules: []\n```\n".to_owned(), 1),
        ("```yaml\njobs: []\n```\n".to_owned(), 0),
    ];
    for (fragment, faults) in rows {
        let text = format!("{base}{fragment}");
        let found = examples::of(&text).iter().filter_map(Example::fault).count();
        assert_eq!(found, faults, "{fragment}");
    }
    let accepted = |example: &&Example| example.expected == Expected::Accepted;
    assert_eq!(examples::of(base).iter().filter(accepted).count(), 1);
}

#[test]
fn each_page_says_what_is_known_of_its_provider() {
    let mut missing = Vec::new();
    for preset in ALL {
        let page = page(preset);
        let text = read(&page);
        let lacks = |line: &String| !text.lines().any(|written| written == line);
        missing.extend(
            facts::of(preset).into_iter().filter(lacks).map(|line| format!("{page}: {line}")),
        );
    }
    assert!(missing.is_empty(), "these lines are not there:\n{}", missing.join("\n"));
}

#[test]
fn the_table_has_a_row_for_each_provider_in_order() {
    let text = read("docs/providers/README.md");
    let written: Vec<&str> = text.lines().filter(|line| line.contains(".md) | `")).collect();
    let rows: Vec<String> = ALL.iter().map(|preset| facts::row(preset)).collect();
    assert!(written == rows, "the table should be:\n{}", rows.join("\n"));
}

#[test]
fn no_page_is_of_a_provider_that_is_gone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/providers");
    let names = fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}"));
    let names =
        names.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    for name in names {
        let name = name.unwrap_or_else(|error| panic!("{error}"));
        let is_known = ALL.iter().any(|preset| name == format!("{}.md", preset.name));
        assert!(is_known || name == "README.md", "docs/providers/{name} is of no provider");
    }
}

#[test]
fn every_bad_input_has_its_test_or_a_reason() {
    let faults = bad_inputs::faults(&read("docs/bad-inputs.md"), &find);
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let one_less = read("docs/bad-inputs.md").replacen("| B-112 |", "| B-113 |", 1);
    assert_eq!(bad_inputs::faults(&one_less, &find).len(), 1);
}

#[test]
fn a_bad_input_without_its_test_is_found() {
    let code = "#[test]\nfn it_holds() {}\n#[tokio::test]\nasync fn it_is() {}\nfn helper() {}\n";
    let find =
        |file: &str| ["tests/api/x.rs", "src/a/b.rs"].contains(&file).then(|| code.to_owned());
    let rows = [
        ("| B-001 | nothing | `x::it_holds` `src/a/b::it_is` |", 0),
        ("| B-001 | `a::b` | — No test can see it. |", 0),
        ("| B-001 | nothing | `x::helper` |", 1),
        ("| B-001 | nothing | `x::it_was` `x::it_holds` |", 1),
        ("| B-001 | nothing | `y::it_holds` |", 1),
        ("| B-001 | nothing | |", 1),
    ];
    for (row, faults) in rows {
        let found = bad_inputs::row_faults(row, &find);
        assert_eq!(found.len(), faults, "{row}: {found:?}");
    }
}

#[test]
fn every_page_is_in_the_book() {
    let pages: BTreeSet<String> = markdown("docs")
        .iter()
        .filter_map(|page| page.strip_prefix("docs/"))
        .filter(|page| *page != "SUMMARY.md")
        .map(str::to_owned)
        .collect();
    let summary = read("docs/SUMMARY.md");
    let faults = book::contents_faults(&summary, &pages);
    assert!(faults.is_empty(), "docs/SUMMARY.md {}", faults.join("\n"));

    let rows = [
        (summary.replace("](rules.md)", "](riles.md)"), 2),
        (summary.clone() + "- [Rules](rules.md)\n", 1),
    ];
    for (summary, faults) in rows {
        assert_eq!(book::contents_faults(&summary, &pages).len(), faults);
    }
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exists = |file: &str| root.join(file).exists();
    let top = fs::read_dir(root).unwrap_or_else(|error| panic!("{error}")).flatten();
    let top = top.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pages = top.filter(|file| book::is_markdown(file)).chain(markdown("docs"));
    let faults = pages.flat_map(|page| book::link_faults(&page, &read(&page), &find, &exists));
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let find = |file: &str| (file == "docs/b.md").then(|| "# A b, `c`\n".to_owned());
    let rows = [
        ("[b](b.md) [b](b.md#a-b-c) [`b`](../docs/b.md) [x](https://a.example/x) [a](#a)\n# A", 0),
        ("[b](c.md)", 1),
        ("[b](b.md#c)", 1),
        ("[a](#b)", 1),
        ("`[b](c.md)`\n```yaml\n[b](c.md)\n```", 0),
    ];
    for (text, faults) in rows {
        let find =
            |file: &str| if file == "docs/a.md" { Some(text.to_owned()) } else { find(file) };
        let exists = |file: &str| find(file).is_some();
        let found = book::link_faults("docs/a.md", text, &find, &exists);
        assert_eq!(found.len(), faults, "{text}: {found:?}");
    }
}

#[test]
fn commands_and_keys_are_written_down_as_they_are() {
    for (page, made, word) in
        [(commands::PAGE, commands::page(), "commands"), (keys::PAGE, keys::page(), "keys")]
    {
        let is_so = read(page) == made;
        assert!(is_so, "{page} is old: run `cargo run --example reference -- {word} > {page}`");
    }
}

/// The pages in a folder and those below it, named from the project's folder.
fn markdown(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut pages = Vec::new();
    for entry in entries.flatten() {
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            pages.extend(markdown(&name));
        } else if book::is_markdown(&name) {
            pages.push(name);
        }
    }
    pages
}

fn page(preset: &Preset) -> String {
    format!("docs/providers/{}.md", preset.name)
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn find(file: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}
