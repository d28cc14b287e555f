//! Which platform this is, and where its token comes from: environment variables and file names
//! only, no network, no command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ask::{Asker, Unready};
use super::error::AmbientError;
use super::origin::{Origin, Wanted};
use super::row::{Ask, Place, Recipe, Row, Sign};
use super::source::TokenSource;
use super::table::{DEFAULT_FILE, MAPPED, MAPPED_FILE, SECOND_DEFAULT_FILE, TABLE, TOKEN_FILE};
use super::template::Values;
use crate::clock::Clock;
use crate::http_client::TlsRoots;
use crate::secret::Secret;

/// What the broker sees around it.
pub struct AmbientSurroundings<'a> {
    /// The environment's variables.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who is trusted when a platform is asked.
    pub tls_roots: TlsRoots,
    /// Whether a file is there, such as `/var/run/secrets/octobroker/token`.
    pub exists: &'a dyn Fn(&Path) -> bool,
}

/// What was found.
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) wanted: Wanted,
}

/// Finds the source's origin.
pub(super) fn find(
    source: &TokenSource,
    audience: &str,
    surroundings: &AmbientSurroundings<'_>,
) -> Result<Found, AmbientError> {
    let values = Values { environment: surroundings.environment, audience };
    let search = Search { values, surroundings };
    match source {
        TokenSource::Detect => search.detect(),
        TokenSource::Platform(platform) => match platform.row() {
            Some(row) => search.platform(row),
            None => Err(AmbientError::Internal { platform: platform.name() }),
        },
        TokenSource::Environment(name) => search.variable(name),
        TokenSource::File(path) => Ok(search.file(path.clone())),
        TokenSource::Command(words) => search.command(words),
    }
}

struct Search<'a> {
    values: Values<'a>,
    surroundings: &'a AmbientSurroundings<'a>,
}

impl Search<'_> {
    /// The broker's own variable is the operator's word and wins. Then a CI system: if one was
    /// recognised, nothing else is tried, even if it hands out no token. A runner in a pod has the
    /// pod's token too, and acting as the pod would deploy as somebody else.
    fn detect(&self) -> Result<Found, AmbientError> {
        if let Some(path) = self.values.variable(TOKEN_FILE) {
            return Ok(self.file(path.trim().into()));
        }
        let recognised: Vec<&Row> = TABLE.iter().filter(|row| self.is_recognised(row)).collect();
        match recognised.as_slice() {
            [] => self.detect_elsewhere(),
            [row] => self.platform(row),
            rows => Err(AmbientError::SeveralPlatforms {
                platforms: rows.iter().map(|row| row.name).collect(),
            }),
        }
    }

    fn detect_elsewhere(&self) -> Result<Found, AmbientError> {
        if let Some(path) = self.values.variable(MAPPED_FILE) {
            return Ok(self.file(path.trim().into()));
        }
        if self.values.variable(MAPPED).is_some() {
            return self.variable(MAPPED);
        }
        let default = [DEFAULT_FILE, SECOND_DEFAULT_FILE].map(Path::new);
        if let Some(path) = default.into_iter().find(|path| (self.surroundings.exists)(path)) {
            return Ok(self.file(path.to_owned()));
        }
        Err(self.not_found())
    }

    fn not_found(&self) -> AmbientError {
        let advice = if self.values.variable("SPIFFE_ENDPOINT_SOCKET").is_some() {
            "there is a SPIFFE agent: let spiffe-helper write a JWT-SVID to one of these files"
        } else if self.values.variable("KUBERNETES_SERVICE_HOST").is_some() {
            "this is a pod: mount a projected service account token at one of these files"
        } else {
            "name the source of the token; google and azure are asked only when named"
        };
        let looked_for = format!(
            "no CI platform was recognised, {TOKEN_FILE}, {MAPPED_FILE} and {MAPPED} are not set, \
             {DEFAULT_FILE} and {SECOND_DEFAULT_FILE} are not there"
        );
        AmbientError::NotFound { looked_for, advice }
    }

    fn is_recognised(&self, row: &Row) -> bool {
        let is_set = |name: &str| self.values.variable(name).is_some();
        let shows = |sign: &Sign| match sign {
            Sign::Set(name) => is_set(name),
            Sign::True(name) => self.values.variable(name).is_some_and(|value| {
                let value = value.trim();
                value == "1" || value.eq_ignore_ascii_case("true")
            }),
        };
        row.signs.iter().any(shows) && !row.unless.iter().any(|name| is_set(name))
    }

    fn platform(&self, row: &'static Row) -> Result<Found, AmbientError> {
        let origin = match &row.recipe {
            Recipe::Read(places) => self.place(places),
            Recipe::Ask(asks) => self.ask(asks),
        };
        let origin = origin.map_err(|what| {
            let switch_on = row.switch_on.replace("{audience}", self.values.audience);
            let sentence = format!("{what}; {switch_on}");
            AmbientError::Misconfigured { platform: row.name, sentence }
        })?;
        let wanted = Wanted::of(row, self.values.audience, &origin);
        Ok(Found { origin, wanted })
    }

    /// The first place where something is: a file, or else all variables, from which the token
    /// with the wanted audience is taken.
    fn place(&self, places: &[Place]) -> Result<Origin, String> {
        let mut variables = Vec::new();
        for place in places {
            match place {
                Place::Variable(name) => {
                    let value = self.values.variable(name);
                    variables.extend(value.map(|value| ((*name).to_owned(), Secret::new(value))));
                }
                Place::FileNamedBy(name) => {
                    if let Some(path) = self.values.variable(name) {
                        return Ok(Origin::File(path.trim().into()));
                    }
                }
                Place::File(path) if variables.is_empty() => {
                    if (self.surroundings.exists)(Path::new(path)) {
                        return Ok(Origin::File(path.into()));
                    }
                }
                Place::File(_) => {}
            }
        }
        if variables.is_empty() { nowhere(places) } else { Ok(Origin::Fixed(variables)) }
    }

    /// The first request that has all its variables; else what the first of them lacks.
    fn ask(&self, asks: &[Ask]) -> Result<Origin, String> {
        let mut first = None;
        for ask in asks {
            match Asker::prepare(ask, &self.values, &self.surroundings.tls_roots) {
                Ok(asker) => return Ok(Origin::Ask(Box::new(asker))),
                Err(Unready::Unset(name)) => {
                    first.get_or_insert(format!("`{name}` is not set"));
                }
                Err(Unready::Address(template)) => {
                    return Err(format!(
                        "the address from `{template}` is no https URL (http is for this machine's \
                         own addresses only)"
                    ));
                }
                Err(Unready::Header(template)) => {
                    return Err(format!("`{template}` can't be sent: it has control characters"));
                }
            }
        }
        Err(first.unwrap_or_default())
    }

    fn variable(&self, name: &str) -> Result<Found, AmbientError> {
        let platform = "environment";
        let Some(value) = self.values.variable(name) else {
            let audience = self.values.audience;
            let sentence = format!("`{name}` is not set; set it to an ID token for {audience}");
            return Err(AmbientError::Misconfigured { platform, sentence });
        };
        let origin = Origin::Fixed(vec![(name.to_owned(), Secret::new(value))]);
        Ok(self.found(platform, origin))
    }

    fn file(&self, path: PathBuf) -> Found {
        self.found("file", Origin::File(path))
    }

    fn command(&self, words: &[String]) -> Result<Found, AmbientError> {
        let platform = "command";
        let Some((program, arguments)) = words.split_first().filter(|(first, _)| !first.is_empty())
        else {
            let sentence = "the command is empty; write its program and arguments".to_owned();
            return Err(AmbientError::Misconfigured { platform, sentence });
        };
        let origin = Origin::Command { program: program.clone(), arguments: arguments.to_vec() };
        Ok(self.found(platform, origin))
    }

    /// A source that the operator named himself.
    fn found(&self, platform: &'static str, origin: Origin) -> Found {
        let audience = self.values.audience;
        let wanted = Wanted {
            platform,
            audience: audience.to_owned(),
            switch_on: format!("it must hold an ID token for {audience}"),
            audience_advice: "have one made for it, or set the token's audience as `audience:` of \
                 the service account and as custom audience in Octopus"
                .to_owned(),
            expired: origin.expired(),
        };
        Found { origin, wanted }
    }
}

/// Nothing is in any place. A file may be written later, and a sidecar starts before its
/// helper: where there are only files, the first is waited for.
fn nowhere(places: &[Place]) -> Result<Origin, String> {
    if let [Place::File(path), ..] = places {
        return Ok(Origin::File(path.into()));
    }
    let names = places.iter().map(|place| match place {
        Place::Variable(name) | Place::FileNamedBy(name) => format!("`{name}`"),
        Place::File(path) => format!("`{path}`"),
    });
    let names: Vec<String> = names.collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    Err(format!("{} {verb} not set", names.join(" and ")))
}
