//! Broken configurations: where each problem stands, and what it says.

mod accounts;
mod ambient;
mod breakages;
mod claims;
mod denials;
mod document;
mod expansion;
mod fields;
mod files;
mod grants;
mod issuers;
mod limits;
mod lints;
mod listeners;
mod octopus;
mod provider_lints;
mod providers;
mod provisions;
mod rules;
mod slips;
mod whole;

use std::path::Path;

use super::{Config, ConfigError, Finding, parse};

/// Good sections, to stand behind the one that a test is about.
const GOOD: [(&str, &str); 4] = [
    ("octopus:", "octopus: {url: https://acme.octopus.app}"),
    ("issuers:", "issuers: {ci: {provider: custom, url: https://ci.example, algorithms: [RS256]}}"),
    ("service_accounts:", "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}}"),
    ("rules:", "rules: [{name: web, issuer: ci, claims: {id: 7}, service_account: bot}]"),
];

fn environment(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("acme.example".to_owned()),
        "SECRET" => Some("hunter2".to_owned()),
        "ZEROS" => Some("007".to_owned()),
        _ => None,
    }
}

/// Sections, completed by good ones for those that are required and missing.
fn config(sections: &str) -> Result<Config, ConfigError> {
    let mut text = sections.to_owned();
    for (key, section) in GOOD {
        if !sections.lines().any(|line| line.starts_with(key)) {
            text = format!("{text}\n{section}");
        }
    }
    parse(&text, Path::new("octobroker.yaml"), &environment)
}

fn sound(sections: &str) -> Config {
    config(sections).unwrap_or_else(|error| panic!("{sections}\n{error}"))
}

/// `ID line:column key` of everything that is found, errors included, in the order of the file.
fn found_in(config: &Result<Config, ConfigError>) -> Vec<String> {
    let mut findings = match config {
        Ok(config) => config.findings.clone(),
        Err(error) => [error.problems(), error.warnings()].concat(),
    };
    findings.sort_by_key(|finding| (finding.line, finding.column));
    let shown = |finding: &Finding| {
        let id = finding.id.unwrap_or("-");
        format!("{id} {}:{} {}", finding.line, finding.column, finding.path)
    };
    findings.iter().map(shown).collect()
}

/// Sections; `line:column: key` of the only problem; a phrase of it.
type Row<'a> = (&'a str, &'a str, &'a str);

#[track_caller]
fn each_is_refused(rows: &[Row<'_>]) {
    for (sections, place, phrase) in rows {
        let error = config(sections).expect_err(sections);
        let Some(problem) = error.problems().first() else { panic!("{sections}") };
        let found = format!("{}: {}", problem.place(), problem.text());
        let expected = format!("octobroker.yaml:{place}: ");
        assert!(found.starts_with(&expected), "{sections}\nexpected {expected}\n     got {found}");
        assert!(found.contains(phrase), "{sections}\nexpected {phrase}\n     got {found}");
        assert_eq!(error.problems().len(), 1, "{sections}\n{error}");
    }
}
