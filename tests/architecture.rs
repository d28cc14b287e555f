//! What the design says about the code, held by reading the code: the import order of the rooms,
//! the size of files, who knows which crate, and that code and documentation name the same things.
//!
//! Each test first reads the project, then proves on made-up text that its check can fail.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a source tree that can't be read is to end the test"
)]

#[path = "architecture/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

use checks::{
    check_absent, check_commands, check_imports, check_rows, check_size, check_statuses, rows,
    words,
};
use octobroker::telemetry::Code;

/// Assembled, so that this file does not hold them.
const UNFINISHED: [&str; 3] =
    [concat!("#[", "ignore"), concat!("todo", "!("), concat!("unimplemented", "!(")];

/// What is there on some systems only, and what asks which one it is.
const SYSTEMS: [&str; 8] = [
    "cfg(unix",
    "cfg(windows",
    "target_os",
    "os::linux",
    "os::unix",
    "signal::unix",
    "net::Unix",
    "rustix::",
];

#[test]
fn a_room_imports_only_from_its_left() {
    assert_none(sources("src").iter().flat_map(|(file, text)| check_imports(file, text)));

    let seen = |file, text| check_imports(file, text).len();
    assert_eq!(seen("src/trust/rule.rs", "use crate::identity::Claims;\nuse super::x;"), 0);
    assert_eq!(seen("src/trust/rule.rs", "fn f() {\n    crate::broker::go();\n}"), 1);
    assert_eq!(seen("src/trust/rule.rs", "use crate::{limits, octopus::{A, B}, proxy as p};"), 2);
    assert_eq!(seen("src/trust/rule.rs", "use super::super::octopus::A;"), 1);
    assert_eq!(seen("src/trust/mod.rs", "use super::octopus::A;"), 1);
    assert_eq!(seen("src/trust/mod.rs", "#[cfg(test)]\nmod tests { use crate::config; }"), 1);
    assert_eq!(seen("src/admin/mod.rs", "use crate::proxy::Proxy;"), 1);
    assert_eq!(seen("src/tasks.rs", "use crate::clock::Clock;\n// crate::app"), 0);
    assert_eq!(seen("src/clock.rs", "use crate::telemetry;"), 1);
    assert_eq!(seen("src/main.rs", "use octobroker::cli::run;"), 0);
    assert_eq!(seen("src/helpers.rs", ""), 1);
    assert_eq!(
        check_imports("src/hex.rs", "\n\nuse crate::app::App;"),
        ["src/hex.rs:3: `hex` may not see `app`"]
    );
}

#[test]
fn no_file_is_long() {
    assert_none(every_source().iter().flat_map(|(file, text)| check_size(file, text)));

    assert_eq!(check_size("a.rs", &"x\n".repeat(400)).len(), 0);
    assert_eq!(check_size("a.rs", &"x\n".repeat(401)), ["a.rs:401: the file has 401 lines"]);
}

#[test]
fn crates_stay_where_they_are_wrapped() {
    let wrapped = |(file, text): &(String, String)| {
        let mut problems = check_absent(file, text, "openidconnect", "src/identity/discovery.rs");
        problems.extend(check_absent(file, text, "aws_lc_rs::signature", "src/identity/jwks/"));
        problems
    };
    assert_none(sources("src").iter().flat_map(wrapped));

    assert_eq!(check_absent("src/trust/a.rs", "use x::y;", "x::", "src/identity/").len(), 1);
    assert_eq!(
        check_absent("src/identity/a.rs", "\nuse x::y;", "x::", "src/identity/b.rs"),
        ["src/identity/a.rs:2: names `x::`"]
    );
    assert_eq!(check_absent("src/identity/b.rs", "use x::y;", "x::", "src/identity/b.rs").len(), 0);
}

#[test]
fn what_differs_between_systems_is_in_one_room() {
    let asks = |(file, text): &(String, String)| {
        // Tests may: some things can be tried on one system alone.
        let text = if file.contains("/tests") { "" } else { text.as_str() };
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let problems = SYSTEMS.iter();
        problems
            .flat_map(|word| check_absent(file, code, word, "src/platform/"))
            .collect::<Vec<_>>()
    };
    assert_none(sources("src").iter().flat_map(asks));

    let doctored = |file: &str, text: &str| asks(&(file.to_owned(), text.to_owned())).len();
    for word in SYSTEMS {
        assert_eq!(doctored("src/a.rs", word), 1, "{word}");
    }
    assert_eq!(doctored("src/platform/unix/a.rs", "use rustix::process::getppid;"), 0);
    assert_eq!(doctored("src/a.rs", "#[cfg(test)]\n#[cfg(unix)]\nmod tests {}"), 0);
    assert_eq!(doctored("src/a/tests/b.rs", "#[cfg(unix)]"), 0);
}

#[test]
fn the_emulator_does_not_know_the_product() {
    let manifest = ("tests/emulator/Cargo.toml".to_owned(), read("tests/emulator/Cargo.toml"));
    let knows = |(file, text): &(String, String)| {
        let words = ["octobroker::", "use octobroker", "extern crate octobroker", "octobroker ="];
        words.iter().flat_map(|word| check_absent(file, text, word, "")).collect::<Vec<_>>()
    };
    assert_none(sources("tests/emulator").iter().chain([&manifest]).flat_map(knows));

    let doctored = |text: &str| knows(&("a".to_owned(), text.to_owned())).len();
    assert_eq!(doctored("use octobroker::secret::Secret;"), 2);
    assert_eq!(doctored("octobroker = { path = \"../..\" }"), 1);
    assert_eq!(doctored("//! The props of octobroker's tests."), 0);
}

#[test]
fn nothing_is_unfinished_or_ignored() {
    let unfinished = |(file, text): &(String, String)| {
        UNFINISHED.iter().flat_map(|word| check_absent(file, text, word, "")).collect::<Vec<_>>()
    };
    assert_none(every_source().iter().flat_map(unfinished));

    for word in UNFINISHED {
        let text = format!("x\n    {word} = \"slow\")]\n");
        assert_eq!(unfinished(&("a.rs".to_owned(), text)).len(), 1, "{word}");
    }
}

#[test]
fn every_code_has_its_row_and_every_row_its_code() {
    let (home, docs) = ("src/telemetry/code.rs", "docs/errors.md");
    let (code, docs) = (words(home, &read(home), "=> \"", "\","), rows(docs, &read(docs)));
    assert_eq!(code.len(), Code::ALL.len(), "codes that were found in {home}");
    assert_none(check_rows(&code, &docs));
    assert_none(check_statuses(&read("src/proxy/wording.rs"), &read("docs/errors.md")));

    let code = words("c.rs", "\nSelf::A => \"a_code\",\nSelf::B => \"new\",", "=> \"", "\",");
    let docs = rows("d.md", "text `x`\n| `a_code` | 400 |\n| `old` | 401 | `not_this` |");
    assert_eq!(
        check_rows(&code, &docs),
        ["c.rs:3: `new` has no row", "d.md:3: nothing is called `old`"]
    );
    let refusal = "Code::BadRequest => (400, \"\"),\nCode::Internal => (\n    500,";
    assert_eq!(check_statuses(refusal, "| `bad_request` | 400 |\n| `internal` | 500 |").len(), 0);
    assert_eq!(check_statuses(refusal, "| `bad_request` | 401 |\n| `internal` | 500 |").len(), 1);
}

#[test]
fn every_metric_has_its_row_and_every_row_its_metric() {
    let product = |(file, _): &&(String, String)| !file.contains("/tests/");
    let all = sources("src/telemetry");
    let names = all.iter().filter(product).flat_map(|(file, text)| words(file, text, "\"", "\""));
    let is_metric = |(name, _): &(String, String)| {
        name.starts_with("octobroker_") || name.starts_with("process_")
    };
    let names: Vec<_> = names.filter(is_metric).collect();
    assert!(names.len() > 20, "{} metrics were found", names.len());
    assert_none(check_rows(&names, &rows("docs/metrics.md", &read("docs/metrics.md"))));

    let names = words("m.rs", r#"new("octobroker_x_total", "Help."), ["a"]"#, "\"", "\"");
    assert_eq!(names.first().map(|(name, _)| name.as_str()), Some("octobroker_x_total"));
}

#[test]
fn the_readme_s_commands_are_those_of_ci() {
    assert_none(check_commands(&read("README.md"), &read(".ci/run")));

    let readme = "# x\n```sh\ncargo a\ncargo b --c   # why\n```\n";
    assert_eq!(check_commands(readme, "step x cargo a\nstep y cargo b --c -- --once").len(), 0);
    assert_eq!(check_commands(readme, "step x cargo a\nstep y cargo b --cd").len(), 1);
    assert_eq!(check_commands(readme, "# cargo a\nstep y cargo b --c").len(), 1);
    assert_eq!(check_commands("```\ncargo a\n```", "step x cargo a").len(), 1);
}

#[test]
fn the_readme_is_one_page() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 150, "README.md has {lines} lines; what is more has its place in docs/");
}

#[test]
fn ci_installs_and_runs_the_real_clients_as_the_readme_says() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    for command in ["npm ci --prefix tests/clients --ignore-scripts", "cargo test --test clients"] {
        assert!(readme.contains(command), "README.md lacks `{command}`");
        let runs = |line: &str| line.starts_with("step ") && line.contains(command);
        assert!(ci.lines().any(runs), ".ci/run does not run `{command}`");
    }
}

#[test]
fn the_lock_of_the_clients_names_no_registry() {
    let lock = read("tests/clients/package-lock.json");
    assert!(lock.contains("\"integrity\""), "the lock pins what it installs");
    assert_none(check_absent("tests/clients/package-lock.json", &lock, "\"resolved\"", ""));
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every Rust file below `folder`, with its text; paths are relative and sorted.
fn sources(folder: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("a folder of the project") {
        let entry = entry.expect("an entry of a folder");
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(sources(&name));
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            found.push((name.clone(), read(&name)));
        }
    }
    found.sort();
    found
}

fn every_source() -> Vec<(String, String)> {
    ["src", "tests", "examples"].into_iter().flat_map(sources).collect()
}

/// Fails with all problems at once.
fn assert_none(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
