//! From a file to a configuration.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::digest;
use serde_json::{Value, json};

use super::accounts::Surroundings;
use super::expand::{Environment, expand};
use super::lints::{self, Scene, take_out_secrets, warn_of_writers};
use super::problem::{ConfigError, Problems};
use super::provisions::Ids;
use super::reader::{Named, Section};
use super::rules::Parties;
use super::schema::{Form, Key, Shape, names};
use super::yaml::{self, Node, Place};
use super::{
    Config, accounts, ambient, issuers, limits, listeners, log, octopus, rules, token_door,
};
use crate::hex::hex;
use crate::limits::CONFIG_BYTES;

/// The file.
pub(super) const FORM: Form = Form::with(
    &[
        Key::new("octopus", Shape::Form(&octopus::FORM), "The Octopus server.").required(),
        Key::new(
            "listeners",
            Shape::List(&Shape::Form(&listeners::FORM)),
            "Where API requests are taken.",
        ),
        Key::new(
            "admin",
            Shape::Form(&listeners::ADMIN_FORM),
            "Where /, /metrics, /livez, /readyz and /status are.",
        ),
        Key::new(
            "issuers",
            Shape::Named(&Shape::Form(&issuers::FORM)),
            "Whose ID tokens are believed, by names of yours; a token of anybody else is refused unread.",
        ),
        Key::new(
            "service_accounts",
            Shape::Named(&Shape::Form(&accounts::FORM)),
            "Whom workloads act as, by names of yours.",
        )
        .required(),
        Key::new(
            "rules",
            Shape::List(&Shape::Form(&rules::FORM)),
            "Who may act as whom; tried in this order, the first whose conditions all hold decides.",
        ),
        Key::new(
            "ambient",
            Shape::Form(&ambient::FORM),
            "The broker's own identity, for a sidecar; it makes issuers and rules optional.",
        ),
        Key::new(
            "token_door",
            Shape::Form(&token_door::FORM),
            "The exchange door: logins that speak to the broker as to Octopus.",
        ),
        Key::new("limits", Shape::Form(&limits::FORM), "Bounds."),
        Key::new("log", Shape::Form(&log::FORM), "The log, on stderr."),
    ],
    needs,
);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

/// A broker that only lends its own identity needs neither issuers nor rules.
fn needs() -> Value {
    json!({ "anyOf": [{ "required": ["ambient"] }, { "required": ["issuers", "rules"] }] })
}

/// Reads and builds the configuration of a file.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<Config, ConfigError> {
    load_with(path, environment, Ids::Written)
}

/// The same, where ids of service accounts may be missing.
pub fn load_with(
    path: &Path,
    environment: Environment<'_>,
    ids: Ids,
) -> Result<Config, ConfigError> {
    let mut bytes = Vec::new();
    let mut problems = Problems::new(path);
    let taken = File::open(path).and_then(|file| {
        warn_of_writers(path, &file.metadata()?, &mut problems);
        file.take(CONFIG_BYTES as u64 + 1).read_to_end(&mut bytes)
    });
    if let Err(error) = taken {
        return Err(ConfigError::whole_file(path, format!("can't be read: {error}")));
    }
    match String::from_utf8(bytes) {
        Ok(text) => read((&text, path), environment, ids, problems),
        Err(error) => {
            let sentence = "is not UTF-8 text from here on; save it as UTF-8";
            problems.add(&end_of_text(error.as_bytes()), sentence);
            problems.finish(None).map(|(config, _)| config)
        }
    }
}

/// Where bytes cease to be text.
fn end_of_text(bytes: &[u8]) -> Place {
    let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    // As everywhere, a byte order mark is in no column.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (above, line) = text.rsplit_once('\n').map_or((None, text), |(it, line)| (Some(it), line));
    let above = above.map_or(0, |above| above.split('\n').count());
    Place { line: above + 1, column: line.chars().count() + 1, path: String::new() }
}

/// Builds the configuration of a text that stands in the file `path`; the files that it names are
/// looked for beside that one.
pub fn parse(text: &str, path: &Path, environment: Environment<'_>) -> Result<Config, ConfigError> {
    parse_with(text, path, environment, Ids::Written)
}

/// The same, where ids of service accounts may be missing.
pub fn parse_with(
    text: &str,
    path: &Path,
    environment: Environment<'_>,
    ids: Ids,
) -> Result<Config, ConfigError> {
    read((text, path), environment, ids, Problems::new(path))
}

fn read(
    (text, path): (&str, &Path),
    environment: Environment<'_>,
    ids: Ids,
    mut problems: Problems,
) -> Result<Config, ConfigError> {
    if text.len() > CONFIG_BYTES {
        let sentence = format!("has more than {CONFIG_BYTES} bytes; no configuration needs that");
        return Err(ConfigError::whole_file(path, sentence));
    }
    let built = yaml::read(text, &mut problems).and_then(|mut root| {
        take_out_secrets(&mut root, &mut problems);
        expand(&mut root, environment, &mut problems);
        let secret_variables = RefCell::default();
        let surroundings = Surroundings {
            folder: path.parent().unwrap_or(Path::new("")),
            environment,
            secret_variables: &secret_variables,
            ids,
        };
        build(&root, (text, path), surroundings, &mut problems)
    });
    problems.finish(built).map(|(config, findings)| Config { findings, ..config })
}

fn build(
    root: &Node,
    (text, path): (&str, &Path),
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Config> {
    let section = Section::open(root, KEYS, problems)?;
    let folder = surroundings.folder;

    let advice = "write `octopus: { url: https://acme.octopus.app }` with your server's URL";
    let upstream = section.required("octopus", advice, problems);
    let upstream = upstream.and_then(|node| octopus::read(node, folder, problems));
    let (listeners, admin) =
        listeners::read((section.value("listeners"), section.value("admin")), folder, problems);
    let has_ambient = section.value("ambient").is_some();
    listeners::check_ambient(section.value("listeners"), has_ambient, problems);
    let ambient = section.value("ambient");
    // A broker that only lends its own identity needs neither issuers nor rules.
    let wanted = |key, advice, problems: &mut Problems| match section.value(key) {
        None if ambient.is_some() => None,
        _ => section.required(key, advice, problems),
    };
    let issuers = wanted("issuers", "nobody's token would be accepted; write whose are", problems);
    let issuers = issuers.map_or_else(Named::none, |node| issuers::read(node, folder, problems));
    let advice = "nobody could be acted as; write at least one with its `id:`";
    let accounts = section.required("service_accounts", advice, problems);
    let (accounts, mut octopus_side) = accounts.map_or_else(
        || (Named::none(), Vec::new()),
        |node| accounts::read(node, surroundings, problems),
    );
    let rules = wanted("rules", "nobody could do anything; write who may act as whom", problems);
    let parties = Parties { issuers: &issuers, accounts: &accounts };
    let rules = rules.map_or_else(Vec::new, |node| rules::read(node, &parties, problems));
    let ambient = ambient.and_then(|node| ambient::read(node, &accounts, folder, problems));
    for account in &mut octopus_side {
        account.is_ambient =
            ambient.as_ref().is_some_and(|ambient| ambient.service_account == account.name);
    }
    let token_door = token_door::read(section.value("token_door"), problems);
    let limits = limits::read(section.value("limits"), problems);
    let log = log::read(section.value("log"), problems);

    let scene = Scene {
        root,
        issuers: &issuers.built,
        accounts: &accounts.built,
        rules: &rules,
        ambient: ambient.as_ref(),
    };
    lints::run(&scene, problems);

    Some(Config {
        upstream: upstream?,
        listeners,
        admin,
        issuers: issuers.built,
        service_accounts: accounts.built,
        octopus_side,
        rules,
        ambient,
        token_door,
        limits,
        log,
        secret_variables: surroundings.secret_variables.take(),
        findings: Vec::new(),
        digest: digest_of(text),
        path: path.to_owned(),
        files: problems.files().to_vec(),
    })
}

/// Names the content of the file in the log and in a metric.
fn digest_of(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().first_chunk::<6>().map_or_else(String::new, |start| hex(start))
}
