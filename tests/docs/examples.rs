//! The configurations in a page.
//!
//! A block of YAML that begins with `octopus:` is whole. One whose first key is another section of
//! the configuration stands for that section of the whole one before it. Everything else (workflows,
//! pods) is not ours. A block marked `yaml refused` must be refused, in the words of the block of
//! text behind it.

use std::path::Path;

use octobroker::config::{Config, ConfigError, parse};

/// The sections that a fragment may begin with.
const SECTIONS: &[&str] = &["issuers", "service_accounts", "rules", "ambient", "listeners"];

/// A configuration, and what is to come of it.
pub(crate) struct Example {
    pub(crate) text: String,
    pub(crate) expected: Expected,
}

#[derive(PartialEq, Eq)]
pub(crate) enum Expected {
    Accepted,
    /// With these words in one of its problems; `None` if the page does not say them.
    Refused(Option<String>),
}

/// Every example of a page, made whole.
pub(crate) fn of(page: &str) -> Vec<Example> {
    let blocks = blocks(page);
    let mut whole = String::new();
    let mut examples = Vec::new();
    for (at, (info, text)) in blocks.iter().enumerate() {
        let first = sections(text).first().map(|(name, _)| name.clone()).unwrap_or_default();
        let text = match first.as_str() {
            _ if !info.starts_with("yaml") => continue,
            "octopus" => text.clone(),
            section if SECTIONS.contains(&section) => with(&whole, text),
            _ => continue,
        };
        let expected = if *info == "yaml refused" {
            let behind = blocks.get(at + 1).filter(|(info, _)| *info == "text");
            Expected::Refused(behind.map(|(_, words)| flat(words)))
        } else {
            whole = if first == "octopus" { text.clone() } else { whole };
            Expected::Accepted
        };
        examples.push(Example { text, expected });
    }
    examples
}

impl Example {
    /// What it is read as, if it is whole and sound.
    pub(crate) fn config(&self) -> Option<Config> {
        read(&self.text).ok().filter(|_| self.expected == Expected::Accepted)
    }

    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<String> {
        let parsed = read(&self.text);
        let shown = |fault: &str| Some(format!("{fault}\n{}", self.text));
        match (parsed, &self.expected) {
            (Ok(_), Expected::Accepted) => None,
            (Err(error), Expected::Accepted) => shown(&error.to_string()),
            (_, Expected::Refused(None)) => shown("no block of text says how it is refused"),
            (Ok(_), Expected::Refused(_)) => shown("it is accepted"),
            (Err(error), Expected::Refused(Some(words))) => {
                let said = flat(&error.to_string());
                (!said.contains(words)).then(|| format!("said:    {said}\nwritten: {words}"))
            }
        }
    }
}

fn read(text: &str) -> Result<Config, ConfigError> {
    // Files with keys are on the reader's machine.
    let text = text.replace("{ file: /run/secrets/octopus-key }", "{ env: KEY }");
    let key = |name: &str| (name == "KEY").then(|| format!("API-{}", "A".repeat(32)));
    parse(&text, Path::new("octobroker.yaml"), &key)
}

/// The words of a fenced block behind its fence, and its lines.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((info, inside.join("\n")));
        }
    }
    blocks
}

/// The configuration with some of its sections replaced.
fn with(whole: &str, fragment: &str) -> String {
    let new = sections(fragment);
    let is_replaced = |name: &str| new.iter().any(|(other, _)| other == name);
    let kept = sections(whole).into_iter().filter(|(name, _)| !is_replaced(name));
    let texts: Vec<String> = kept.map(|(_, text)| text).chain([fragment.to_owned()]).collect();
    texts.join("\n")
}

/// Top-level keys, each with its lines.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let key = line.split_once(':').map(|(key, _)| key);
        let key = key.filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        match (key, sections.last_mut()) {
            (Some(key), _) => sections.push((key.to_owned(), line.to_owned())),
            (None, Some((_, lines))) => *lines = format!("{lines}\n{line}"),
            (None, None) => {}
        }
    }
    sections
}

/// All on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}
