//! Rule tests: whom the rules are to let in, as a team writes it beside its configuration.
//!
//! In: a YAML file, and the configuration that it is about. Out: cases with claims or a token, and
//! what is expected of them; or all that is wrong with the file. Nothing is judged here.

mod claims;
mod expect;
mod request;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use claims::claims_document;
pub use expect::Expected;
pub use request::TestRequest;

use super::Config;
use super::problem::{ConfigError, Problems};
use super::reader::{Section, items, refuse, text};
use super::rules::configured;
use super::values::file;
use super::yaml::{self, Node};
use crate::identity::Json;
use crate::limits;
use crate::secret::Secret;

/// One case.
#[derive(Debug)]
pub struct RuleTest {
    /// What it is about, in the words of its author.
    pub name: String,
    /// Where it stands.
    pub line: usize,
    /// Who comes.
    pub sample: TestSample,
    /// The service account that the caller names, by its configured name.
    pub service_account: Option<String>,
    /// What is asked for.
    pub request: Option<TestRequest>,
    /// When; without it the sample's times don't count.
    pub at: Option<SystemTime>,
    /// What is to come of it.
    pub expected: Expected,
}

/// Who comes.
#[derive(Debug)]
pub enum TestSample {
    /// Claims that nobody signed.
    Claims(Json),
    /// A token, whose signature is not checked.
    Token(Secret),
}

/// The keys of one case.
const KEYS: &[&str] =
    &["name", "claims", "token", "issuer", "service_account", "request", "at", "expect"];

/// Longest name of a case, in characters.
const NAME: usize = 200;

/// Reads a file of rule tests; the files that it names are looked for beside it.
pub fn load_rule_tests(path: &Path, config: &Config) -> Result<Vec<RuleTest>, ConfigError> {
    let source = read_text(path, limits::CONFIG_BYTES)
        .map_err(|fault| ConfigError::whole_file(path, fault))?;
    let mut problems = Problems::new(path);
    let folder = path.parent().unwrap_or(Path::new(""));
    let tests = yaml::read(&source, &mut problems);
    let tests = tests.and_then(|root| cases(&root, &Facts { config, folder }, &mut problems));
    problems.finish(tests).map(|(tests, _)| tests)
}

/// What a case may name.
struct Facts<'a> {
    config: &'a Config,
    folder: &'a Path,
}

fn cases(root: &Node, facts: &Facts<'_>, problems: &mut Problems) -> Option<Vec<RuleTest>> {
    let nodes = items(root, problems)?;
    if let Some(beyond) = nodes.get(limits::RULE_TESTS) {
        let sentence = format!(
            "at most {} tests are taken; put the rest into a second file",
            limits::RULE_TESTS
        );
        problems.add(&beyond.place, sentence);
    }
    let mut names = Vec::new();
    let nodes = nodes.iter().take(limits::RULE_TESTS);
    let cases: Vec<_> = nodes.map(|node| case(node, facts, &mut names, problems)).collect();
    cases.into_iter().collect()
}

fn case<'a>(
    node: &'a Node,
    facts: &Facts<'_>,
    names: &mut Vec<&'a str>,
    problems: &mut Problems,
) -> Option<RuleTest> {
    let section = Section::open(node, KEYS, problems)?;
    let config = facts.config;
    let name = name(&section, names, problems);
    // What is wrong was reported, so that no case without it will ever be run.
    let at = section.value("at").and_then(|node| time(node, problems));
    let sample = sample(&section, facts, problems);
    let accounts: Vec<String> =
        config.service_accounts.iter().map(|account| account.name.clone()).collect();
    let account = section
        .value("service_account")
        .and_then(|node| configured(node, &accounts, "service_accounts", problems));
    let request =
        section.value("request").and_then(|node| request::read(node, facts.folder, problems));
    let advice = "write `expect: allowed`, `expect: refused` or `expect: { rule: NAME }`";
    let expected = section
        .required("expect", advice, problems)
        .and_then(|node| expect::read(node, config, problems));
    Some(RuleTest {
        name: name?.to_owned(),
        line: node.place.line,
        sample: sample?,
        service_account: account.map(str::to_owned),
        request,
        at,
        expected: expected?,
    })
}

fn name<'a>(
    section: &Section<'a>,
    names: &mut Vec<&'a str>,
    problems: &mut Problems,
) -> Option<&'a str> {
    let advice = "write what is tested, such as `name: a fork's pull request is refused`";
    let node = section.required("name", advice, problems)?;
    let name = text(node, problems)?;
    let fault = if name.chars().count() > NAME {
        format!("has more than {NAME} characters; shorten it")
    } else if names.contains(&name) {
        "another test above has this name; write another".to_owned()
    } else {
        names.push(name);
        return Some(name);
    };
    refuse(node, fault, problems);
    None
}

fn sample(section: &Section<'_>, facts: &Facts<'_>, problems: &mut Problems) -> Option<TestSample> {
    match (section.value("claims"), section.value("token")) {
        (Some(_), Some(token)) => {
            problems.add(&token.place, "stands beside `claims`; remove one of them");
            None
        }
        (Some(node), None) => {
            let claims = claims::read(node, facts.folder, problems)?;
            let issuer = section.value("issuer");
            let claims = claims::complete(claims, (node, issuer), facts.config, problems);
            claims.map(TestSample::Claims)
        }
        (None, Some(node)) => {
            if let Some(issuer) = section.value("issuer") {
                problems.add(&issuer.place, "a token says its issuer itself; remove it");
                return None;
            }
            token(node, facts.folder, problems).map(TestSample::Token)
        }
        (None, None) => {
            let advice = "write the payload of a token, `claims: { file: claims.json }` or \
                          `token: { file: token.jwt }`";
            section.required("claims", advice, problems);
            None
        }
    }
}

/// Only from a file: a test file is checked in, and a token is not for that.
fn token(node: &Node, folder: &Path, problems: &mut Problems) -> Option<Secret> {
    let path = named_file(node, folder, problems)?;
    match read_text(&path, limits::CONFIG_BYTES) {
        Ok(text) => Some(Secret::new(text.trim())),
        Err(fault) => {
            refuse(node, format!("the file {} {fault}", path.display()), problems);
            None
        }
    }
}

/// `{ file: NAME }`
fn named_file(node: &Node, folder: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let section = Section::open(node, &["file"], problems)?;
    let node = section.required("file", "write `{ file: NAME }`", problems)?;
    file(node, folder, problems)
}

fn time(node: &Node, problems: &mut Problems) -> Option<SystemTime> {
    let text = text(node, problems)?;
    let time = humantime::parse_rfc3339_weak(text).ok();
    if time.is_none() {
        refuse(node, "must be a time in UTC, such as 2026-11-24T16:00:00Z", problems);
    }
    time
}

fn read_text(path: &Path, bytes_max: usize) -> Result<String, String> {
    let mut bytes = Vec::new();
    let length = bytes_max as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(length).read_to_end(&mut bytes));
    read.map_err(|error| format!("can't be read: {error}"))?;
    if bytes.len() > bytes_max {
        return Err(format!("has more than {bytes_max} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text; save it as UTF-8".to_owned())
}

#[cfg(test)]
mod tests;
