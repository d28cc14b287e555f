//! What Octopus is to know of a service account: its name there, teams, directory, key. Only
//! `octobroker plan` and `apply` make something of it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::Problems;
use super::reader::{Section, items, refuse, text};
use super::schema::{Form, Key, Shape, names};
use super::values::duration;
use super::yaml::Node;
use crate::provision::{ActiveDirectory, WantedKey};

/// Whether service accounts may lack their ids.
#[derive(Debug, Clone, Copy)]
pub enum Ids {
    /// An account without an id is a mistake.
    Written,
    /// Octopus is asked for them later, and keys may be missing too: nothing can be served so.
    Awaited,
}

/// `active_directory:`
pub(super) const DIRECTORY_FORM: Form = Form::of(&[
    Key::new("sam", Shape::Text, "Its name before Windows 2000, with the domain.")
        .required()
        .example("CORP\\svc-release"),
    Key::new("upn", Shape::Text, "Its principal name.").example("svc-release@corp.example"),
    Key::new("email", Shape::Text, "Its address of mail.").example("svc-release@corp.example"),
]);

const DIRECTORY_KEYS: &[&str] = &names::<{ DIRECTORY_FORM.keys.len() }>(DIRECTORY_FORM.keys);

/// Octopus's bound, in characters.
const NAME: usize = 64;

/// Octopus's longest life of a key is 1096 days, if an administrator lets it.
pub(super) const KEY_LIFE: RangeInclusive<Duration> = days(1)..=days(1_096);

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

/// What stands on an account for Octopus's side.
#[derive(Debug, Default)]
pub(super) struct Provision {
    pub(super) username: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) teams: Vec<String>,
    pub(super) active_directory: Option<ActiveDirectory>,
    pub(super) key: Option<WantedKey>,
}

/// Reads it; `None` if something is wrong.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Option<Provision> {
    let mut provision = Provision::default();
    if let Some(node) = section.value("username") {
        provision.username = Some(name(node, problems)?);
    }
    if let Some(node) = section.value("display_name") {
        provision.display_name = Some(name(node, problems)?);
    }
    if let Some(node) = section.value("teams") {
        for item in items(node, problems)? {
            provision.teams.push(text(item, problems)?.to_owned());
        }
    }
    if let Some(node) = section.value("active_directory") {
        provision.active_directory = Some(directory(node, problems)?);
    }
    Some(provision)
}

impl Provision {
    /// The first key that says something of the account in Octopus.
    pub(super) fn first_key(&self) -> Option<&'static str> {
        let keys = [
            ("display_name", self.display_name.is_some()),
            ("teams", !self.teams.is_empty()),
            ("active_directory", self.active_directory.is_some()),
            ("api_key.create", self.key.is_some()),
        ];
        keys.into_iter().find(|(_, is_there)| *is_there).map(|(key, _)| key)
    }
}

/// How long a key is to live.
pub(super) fn key_life(node: &Node, problems: &mut Problems) -> Option<Duration> {
    duration(node, KEY_LIFE, problems)
}

fn directory(node: &Node, problems: &mut Problems) -> Option<ActiveDirectory> {
    let section = Section::open(node, DIRECTORY_KEYS, problems)?;
    let sam = section.required("sam", "write DOMAIN\\NAME", problems)?;
    let written = text(sam, problems)?;
    let is_whole = written.split_once('\\').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    if !is_whole {
        refuse(sam, "has no domain; write DOMAIN\\NAME, such as CORP\\svc-release", problems);
        return None;
    }
    let mut optional = |key: &'static str| match section.value(key) {
        Some(node) => text(node, problems).map(|text| Some(text.to_owned())),
        None => Some(None),
    };
    Some(ActiveDirectory {
        sam: written.to_owned(),
        upn: optional("upn")?,
        email: optional("email")?,
    })
}

fn name(node: &Node, problems: &mut Problems) -> Option<String> {
    let written = text(node, problems)?;
    if written.chars().count() > NAME {
        refuse(node, format!("is longer than Octopus's {NAME} characters; shorten it"), problems);
        return None;
    }
    Some(written.to_owned())
}
