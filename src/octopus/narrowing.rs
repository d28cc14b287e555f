//! Spaces, projects and environments that a rule is for.
//!
//! What a call names is compared, without case, with what the rule lists: in the path, in the query
//! parameters of the routes that have some, and in the small JSON bodies that create releases,
//! deployments and runbook runs. Ids, slugs and names are not resolved into each other. What a call
//! does not show is not guessed: the call is refused. Two things stay open: what clients ask the
//! server first; and, where projects or environments are narrowed, the reads by id that a granted
//! capability brings for its clients (the task that was just made is known by its id alone).

use url::form_urlencoded;

use super::call::Call;
use super::catalogue::About;
use super::creation::Creation;
use super::not_allowed::{Narrowed, NotAllowed};
use super::place::{Place, Segments, decoded, is, plain};

/// To what a rule is narrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing {
    /// The only spaces; all, if `None`.
    pub spaces: Option<Names>,
    /// The only projects; all, if `None`.
    pub projects: Option<Names>,
    /// The only environments; all, if `None`.
    pub environments: Option<Names>,
}

/// Ids, slugs and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    listed: Vec<String>,
    /// The same in lower case.
    folded: Vec<String>,
}

impl Names {
    /// Exactly these.
    pub fn new(listed: Vec<String>) -> Self {
        let folded = listed.iter().map(|name| name.to_lowercase()).collect();
        Self { listed, folded }
    }

    /// As written.
    pub fn listed(&self) -> &[String] {
        &self.listed
    }

    fn has(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.folded.contains(&name)
    }

    fn check(&self, what: Narrowed, name: &str) -> Result<(), NotAllowed> {
        if self.has(name) {
            return Ok(());
        }
        let named = name.chars().take(SHOWN).collect();
        Err(NotAllowed::Outside { what, named, listed: self.listed.clone() })
    }

    fn unseen(&self, what: Narrowed) -> NotAllowed {
        NotAllowed::Unseen { what, listed: self.listed.clone() }
    }
}

/// Characters of a name that are shown.
const SHOWN: usize = 80;

/// Query parameters that begin so would widen a call to other spaces.
const SPACE_PARAMETER: &str = "space";

/// Query parameters that ask for single things by their ids.
const ID_PARAMETERS: [&str; 2] = ["ids", "regarding"];

impl Narrowing {
    /// To nothing.
    pub const fn none() -> Self {
        Self { spaces: None, projects: None, environments: None }
    }

    /// Whether nothing is narrowed.
    pub(super) fn is_none(&self) -> bool {
        self.spaces.is_none() && self.projects.is_none() && self.environments.is_none()
    }

    /// Judges path and query. A read by id that `is_brought` by a capability need not show its
    /// project and environment.
    pub(super) fn judge(&self, call: &Call<'_>, is_brought: bool) -> Result<(), NotAllowed> {
        let about = call.route.about();
        if self.is_none() || about == About::Server {
            return Ok(());
        }
        if let Some(spaces) = &self.spaces {
            judge_space(spaces, call)?;
        }
        let may_be_unseen = is_brought && call.is_read() && is_by_id(call);
        let narrowed = [
            (Narrowed::Project, &self.projects, about.project_is()),
            (Narrowed::Environment, &self.environments, about.environment_is()),
        ];
        for (what, names, sight) in narrowed {
            let Some(names) = names else { continue };
            let mut is_seen = false;
            for name in named(what, call) {
                names.check(what, &name)?;
                is_seen = true;
            }
            match sight {
                Sight::Absent | Sight::InBody => {}
                Sight::InTarget if is_seen || may_be_unseen => {}
                Sight::InTarget | Sight::Hidden => return Err(names.unseen(what)),
            }
        }
        Ok(())
    }

    /// Whether the body says for what the call is.
    pub(super) fn wants_body(&self, call: &Call<'_>) -> bool {
        !self.is_none() && call.route.about().has_body()
    }

    /// Judges the body of a creation.
    pub(super) fn judge_body(&self, call: &Call<'_>, body: &[u8]) -> Result<(), NotAllowed> {
        let about = call.route.about();
        if !self.wants_body(call) {
            return Ok(());
        }
        let creation = Creation::read(body).map_err(NotAllowed::Body)?;
        let is_in_path = space_of(call).is_some();
        let narrowed = [
            (Narrowed::Space, &self.spaces, &creation.spaces, !is_in_path),
            (
                Narrowed::Project,
                &self.projects,
                &creation.projects,
                about.project_is() == Sight::InBody,
            ),
            (
                Narrowed::Environment,
                &self.environments,
                &creation.environments,
                about.environment_is() == Sight::InBody,
            ),
        ];
        for (what, names, said, must_be_said) in narrowed {
            let Some(names) = names else { continue };
            for name in said {
                names.check(what, name)?;
            }
            if must_be_said && said.is_empty() {
                return Err(names.unseen(what));
            }
        }
        Ok(())
    }
}

/// Where a thing that a call is about is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// The call is not about such a thing.
    Absent,
    /// In the path or the query.
    InTarget,
    /// In the body.
    InBody,
    /// Nowhere.
    Hidden,
}

impl About {
    const fn project_is(self) -> Sight {
        match self {
            Self::Server | Self::Space | Self::Environment => Sight::Absent,
            Self::Project | Self::Target => Sight::InTarget,
            Self::NewRelease | Self::NewRun => Sight::InBody,
            Self::ByIds => Sight::Hidden,
        }
    }

    const fn environment_is(self) -> Sight {
        match self {
            Self::Server | Self::Space | Self::Project | Self::NewRelease => Sight::Absent,
            Self::Environment | Self::Target => Sight::InTarget,
            Self::NewRun | Self::ByIds => Sight::InBody,
        }
    }

    const fn has_body(self) -> bool {
        matches!(self, Self::NewRelease | Self::NewRun | Self::ByIds)
    }
}

fn judge_space(spaces: &Names, call: &Call<'_>) -> Result<(), NotAllowed> {
    let is_space = |name: &str| plain(name).starts_with(SPACE_PARAMETER);
    for (_, value) in parameters(call.query).filter(|(name, _)| is_space(name)) {
        spaces.check(Narrowed::Space, &value)?;
    }
    match space_of(call) {
        Some(space) => spaces.check(Narrowed::Space, &decoded(space)),
        None if call.route.about().has_body() => Ok(()),
        None => Err(spaces.unseen(Narrowed::Space)),
    }
}

/// The space that the path names.
fn space_of<'a>(call: &Call<'a>) -> Option<&'a str> {
    let place = Place::of(call.path);
    if place.is_api { place.space } else { placeholders(call, place, "{space}").next() }
}

/// The projects or environments that path and query name.
fn named<'a>(what: Narrowed, call: &Call<'a>) -> impl Iterator<Item = String> + use<'a> {
    let (placeholder, word) = match what {
        Narrowed::Space => ("{space}", "space"),
        Narrowed::Project => ("{project}", "project"),
        Narrowed::Environment => ("{environment}", "environment"),
    };
    let in_path = placeholders(call, Place::of(call.path), placeholder);
    let in_path = in_path.map(|segment| decoded(segment).into_owned());
    let row = call.route.row;
    let is_judged = call.route.about().has_body();
    let is_of_row = move |name: &str| {
        let Some(row) = row else { return false };
        // Where the body counts, the query must not say otherwise.
        if is_judged && plain(name).starts_with(word) {
            return true;
        }
        // In a list of projects, `ids` are those of projects.
        let is_list = row.kind.starts_with(word);
        let means = |known: &&str| is_list || known.starts_with(word);
        row.parameters().filter(means).any(|known| known.eq_ignore_ascii_case(name))
    };
    let in_query = parameters(call.query).filter(move |(name, _)| is_of_row(name));
    in_path.chain(in_query.map(|(_, value)| value))
}

/// The segments that stand for a placeholder of the route's template.
fn placeholders<'a>(
    call: &Call<'_>,
    place: Place<'a>,
    placeholder: &'static str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let template = call.route.row.map_or("", |_| call.route.template);
    let tail = if place.is_api {
        let tail = template.strip_prefix("/api/{space}");
        tail.or_else(|| template.strip_prefix("/api")).unwrap_or_default()
    } else {
        template
    };
    let pairs = Segments(tail).zip(place.below);
    pairs.filter(move |(wanted, _)| *wanted == placeholder).map(|(_, segment)| segment)
}

/// Whether the call is for single things that are known by their ids. A route that does not have a
/// parameter would show all that there is.
fn is_by_id(call: &Call<'_>) -> bool {
    let Some(row) = call.route.row else { return false };
    let place = Place::of(call.path);
    // `all` in the place of an id is a list.
    let has_id = placeholders(call, place, "{id}").any(|segment| !is(segment, "all"));
    let is_of_row = |name: &str| row.parameters().any(|known| known.eq_ignore_ascii_case(name));
    let is_id = |name: &str| is_one(name, &ID_PARAMETERS) && is_of_row(name);
    has_id || parameters(call.query).any(|(name, _)| is_id(&name))
}

/// Names and values of a query; a value may be a list with commas.
fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).flat_map(|(name, values)| {
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        let named = values.into_iter().filter(|value| !value.is_empty());
        named.map(move |value| (name.clone().into_owned(), value)).collect::<Vec<_>>()
    })
}

fn is_one(name: &str, known: &[&str]) -> bool {
    let name = plain(name);
    known.contains(&&*name)
}
