//! Where the token comes from, once that is settled.

use std::path::PathBuf;

use super::ask::Asker;
use super::command;
use super::error::AmbientError;
use super::file;
use super::own_token::OwnToken;
use super::row::Row;
use crate::secret::Secret;

/// What kind of token is wanted, and what to say when it can't be had.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The platform's name, or the kind of source.
    pub(super) platform: &'static str,
    pub(super) audience: String,
    /// What to switch on when there is none.
    pub(super) switch_on: String,
    /// How to get one with the right audience.
    pub(super) audience_advice: String,
    /// What to do when it has expired.
    pub(super) expired: &'static str,
}

impl Wanted {
    pub(super) fn of(row: &Row, audience: &str, origin: &Origin) -> Self {
        Self {
            platform: row.name,
            audience: audience.to_owned(),
            switch_on: row.switch_on.replace("{audience}", audience),
            audience_advice: row.audience.replace("{audience}", audience),
            expired: origin.expired(),
        }
    }
}

/// Where the token comes from.
pub(super) enum Origin {
    /// Variables that held something at start, with their names. They never change.
    Fixed(Vec<(String, Secret)>),
    /// A file that is read again.
    File(PathBuf),
    /// A request to the platform.
    Ask(Box<Asker>),
    /// A command: program and arguments.
    Command { program: String, arguments: Vec<String> },
}

impl Origin {
    /// Fetches the token once.
    pub(super) async fn fetch(&self, wanted: &Wanted, now: f64) -> Result<OwnToken, AmbientError> {
        match self {
            Self::Fixed(candidates) => choose(candidates, wanted, now),
            Self::File(path) => {
                let text = file::read(path, wanted).await?;
                OwnToken::read(text.expose(), &path.display().to_string(), wanted, now)
            }
            Self::Ask(asker) => asker.fetch(wanted, now).await,
            Self::Command { program, arguments } => {
                let text = command::run(program, arguments).await?;
                OwnToken::read(text.expose(), "its output", wanted, now)
            }
        }
    }

    /// What to do when the token has expired.
    pub(super) fn expired(&self) -> &'static str {
        match self {
            Self::Fixed(_) => {
                "this source can't be renewed: fetch it later in the job, or make the job shorter"
            }
            Self::File(_) => "whatever writes the file has stopped, or the clock is wrong",
            Self::Ask(_) | Self::Command { .. } => "a fresh token that has expired: see the clock",
        }
    }
}

/// The first token that is as wanted; else what is wrong with the first.
fn choose(
    candidates: &[(String, Secret)],
    wanted: &Wanted,
    now: f64,
) -> Result<OwnToken, AmbientError> {
    let mut first = None;
    for (name, token) in candidates {
        match OwnToken::read(token.expose(), name, wanted, now) {
            Ok(token) => return Ok(token),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or(AmbientError::Internal { platform: wanted.platform }))
}
