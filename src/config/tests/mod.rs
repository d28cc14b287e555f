//! Broken configurations: where each problem stands, and what it says.

mod accounts;
mod ambient;
mod claims;
mod denials;
mod document;
mod expansion;
mod fields;
mod files;
mod grants;
mod issuers;
mod limits;
mod listeners;
mod octopus;
mod providers;
mod rules;
mod whole;

use std::path::Path;

use super::{Config, ConfigError, parse};

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

/// Sections; `line:column: key` of the only problem; a phrase of it.
type Row<'a> = (&'a str, &'a str, &'a str);

#[track_caller]
fn each_is_refused(rows: &[Row<'_>]) {
    for (sections, place, phrase) in rows {
        let error = config(sections).expect_err(sections).to_string();
        let expected = format!("octobroker.yaml:{place}: ");
        assert!(error.starts_with(&expected), "{sections}\nexpected {expected}\n     got {error}");
        assert!(error.contains(phrase), "{sections}\nexpected {phrase}\n     got {error}");
        assert_eq!(error.lines().count(), 1, "{sections}\n{error}");
    }
}
