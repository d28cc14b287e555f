//! Octopus's routes: the name of each for the log, and the capability that it needs.

use http::Method;

use super::capability::{Capabilities, Capability};
use super::catalogue::{API, About, OUTSIDE, Row, unplaced};
use super::place::{Place, Segments, has_escapes, is, plain};

/// What a request is for.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The template, for the log: `/api/{space}/releases/create/v1`.
    pub template: &'static str,
    /// The capability that it needs. Nobody may use a route without one.
    pub needs: Option<Capability>,
    /// The capabilities that bring it along, for their own clients.
    pub(super) brought_by: Capabilities,
    /// The row that it fits, if it could be placed.
    pub(super) row: Option<&'static Row>,
}

/// Requests that Octopus answers to anybody and clients begin with: they pass without credential.
pub fn is_anonymous(method: &Method, path: &str) -> bool {
    match *method {
        Method::HEAD => matches!(path, "" | "/"),
        Method::GET => matches!(
            path,
            "/api" | "/api/" | "/api/octopusservernodes/ping" | "/api/serverstatus/health"
        ),
        _ => false,
    }
}

impl Route {
    /// The route of an effective method and a path below the virtual directory.
    pub fn of(method: &Method, path: &str) -> Self {
        let place = Place::of(path);
        let Some(row) = row(method, &place) else {
            let needs = Some(unplaced(&place));
            return Self {
                template: "other",
                needs,
                brought_by: Capabilities::default(),
                row: None,
            };
        };
        let Row { template, needs, brought_by, .. } = *row;
        Self { template, needs, brought_by, row: Some(row) }
    }

    /// What it is about.
    pub(super) fn about(&self) -> About {
        self.row.map_or(About::Target, |row| row.about)
    }

    /// Each route of the catalogue: methods, template, needed capability, who brings it along. For
    /// the documentation.
    pub fn all() -> impl Iterator<Item = (String, &'static str, Option<Capability>, String)> {
        let rows = API.iter().chain(OUTSIDE);
        rows.map(|row| {
            (row.methods.to_string(), row.pattern, row.needs, row.brought_by.to_string())
        })
    }
}

/// The first row that fits, of those of the path's kind.
fn row(method: &Method, place: &Place<'_>) -> Option<&'static Row> {
    let fits = |row: &&Row| row.methods.have(method) && fits(row, place);
    if !place.is_api {
        return OUTSIDE.iter().find(fits);
    }
    if hides_a_slash(place) {
        return None;
    }
    let root = if place.space.is_some() { "{space}" } else { "" };
    let kind = plain(place.below.clone().next().unwrap_or(root));
    let start = API.partition_point(|row| *row.kind < *kind);
    API.iter().skip(start).take_while(|row| *row.kind == *kind).find(fits)
}

/// Whether a segment has an escaped slash, which might be taken for one, where it is no Git ref.
fn hides_a_slash(place: &Place<'_>) -> bool {
    const ESCAPED: &str = "%2f";
    let mut segments = place.below.clone();
    let has_refs = segments.clone().next().is_some_and(|kind| is(kind, "projects"));
    let unrefined = if has_refs { 2 } else { usize::MAX };
    segments
        .by_ref()
        .take(unrefined)
        .any(|segment| has_escapes(segment) && segment.to_ascii_lowercase().contains(ESCAPED))
}

/// Whether a place fits a row's template. One without `{space}` belongs to the server alone.
fn fits(row: &Row, place: &Place<'_>) -> bool {
    if place.space.is_some() && !row.is_of_spaces {
        return false;
    }
    let mut segments = place.below.clone();
    for wanted in Segments(row.below) {
        if wanted == "**" {
            return true;
        }
        match segments.next() {
            Some(segment) if wanted.starts_with('{') || is(segment, wanted) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}
