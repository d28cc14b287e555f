//! `log:` — form and amount of the log.

use super::problem::Problems;
use super::reader::Section;
use super::schema::{Form, Key, Shape, names, words};
use super::values::{set, word};
use super::yaml::Node;
use crate::telemetry::Level;

/// The section.
pub(super) const FORM: Form = Form::of(&[
    Key::new(
        "format",
        Shape::Word(&FORMAT_WORDS),
        "Else pretty on a terminal, json everywhere else.",
    ),
    Key::new("level", Shape::Word(&LEVEL_WORDS), "The least grave events that are logged.")
        .default("info"),
]);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

/// How the program logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// The form of a line; `None`: pretty if stderr is a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// The least grave events that are logged.
    pub level: Level,
}

/// The form of a line in the log. Whether it is coloured is the terminal's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One flat JSON object: for machines.
    Json,
    /// One readable line: for people.
    Pretty,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: None, level: Level::Info }
    }
}

const FORMAT_WORDS: [&str; 2] = words(&FORMATS);
const LEVEL_WORDS: [&str; 5] = words(&LEVELS);

const FORMATS: [(&str, LogFormat); 2] = [("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];

const LEVELS: [(&str, Level); 5] = [
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

/// Reads the section.
pub(super) fn read(node: Option<&Node>, problems: &mut Problems) -> LogConfig {
    let mut log = LogConfig::default();
    if let Some(section) = node.and_then(|node| Section::open(node, KEYS, problems)) {
        log.format = section.value("format").and_then(|node| word(node, &FORMATS, problems));
        set(&mut log.level, section.value("level").and_then(|node| word(node, &LEVELS, problems)));
    }
    log
}
