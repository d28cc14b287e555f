//! The catalogue in the documentation is that of the program.

use std::fmt::Write as _;

use crate::octopus::capability::Capability;
use crate::octopus::catalogue::{API, About, OUTSIDE, Row, START};

const DOCUMENT: &str = include_str!("../../../docs/capabilities.md");

/// Where the list begins.
const HEAD: &str = "### Brought by every rule\n";

fn rows() -> impl Iterator<Item = &'static Row> {
    API.iter().chain(OUTSIDE)
}

fn is_start(row: &Row) -> bool {
    row.brought_by == START
}

fn narrowed_by(about: About) -> &'static str {
    match about {
        About::Server => "nothing",
        About::Space => "space",
        About::Project => "space, project",
        About::Environment => "space, environment",
        About::Target => "all three",
        About::NewRelease => "space, project (in body)",
        About::NewRun => "all three (in body)",
        About::ByIds => "all three (environment in body, project hidden)",
    }
}

fn table(title: &str, needs: Option<Capability>) -> String {
    let mut text = format!("### {title}\n\n| method | route | narrowed by |\n|---|---|---|\n");
    for row in rows().filter(|row| row.needs == needs) {
        let (methods, route) = (row.methods, row.pattern);
        writeln!(text, "| {methods} | `{route}` | {} |", narrowed_by(row.about)).unwrap();
    }
    text
}

fn brought(capability: Capability) -> String {
    let routes = rows().filter(|row| row.brought_by.has(capability) && !is_start(row));
    let routes: Vec<String> = routes.map(|row| format!("`{}`", row.pattern)).collect();
    if routes.is_empty() {
        return String::new();
    }
    format!("\nBrings the reads {}.\n", routes.join(" · "))
}

fn catalogue() -> String {
    let start: Vec<String> =
        rows().filter(|row| is_start(row)).map(|row| format!("`{}`", row.pattern)).collect();
    let mut text = format!("{HEAD}\n{}\n", start.join(" · "));
    for capability in Capability::ALL {
        let title = format!("`{capability}`");
        write!(text, "\n{}{}", table(&title, Some(capability)), brought(capability)).unwrap();
    }
    text + "\n" + &table("Nobody", None)
}

#[test]
fn the_documentation_has_the_catalogue() {
    let at = DOCUMENT.find(HEAD).unwrap_or(DOCUMENT.len());
    let (_, documented) = DOCUMENT.split_at(at);

    let expected = catalogue();

    // Put the left side into docs/capabilities.md, in the place of the right.
    assert!(expected == documented, "docs/capabilities.md should end with\n{expected}");
}

#[test]
fn every_capability_is_described() {
    for capability in Capability::ALL {
        assert!(DOCUMENT.contains(&format!("| `{capability}` | ")), "{capability}");
    }
}
