//! The operator's own entry in `allow`: a method and a pattern for paths.

use std::fmt;

use http::Method;

use super::call::Call;
use super::capability::Capability;
use super::place::{Place, Segments, is, plain};
use super::routes::Route;

/// Calls with this method to paths of this shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPattern {
    method: Method,
    space: SpacePattern,
    is_api: bool,
    /// In lower case. `*` is one segment, `**` at the end any number of them.
    below: Vec<String>,
    /// As written.
    path: String,
}

/// Which spellings of a space are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SpacePattern {
    /// The default space, by the spelling that names none.
    None,
    /// Every space, in every spelling.
    Any,
    /// This one.
    Is(String),
}

/// Why a text is no pattern for paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallPatternError {
    /// It must be absolute.
    #[error("must start with `/`, such as `/api/*/channels`")]
    Relative,
    /// What is compared are whole segments.
    #[error("has a `*` inside a segment; write `*` for a whole segment, `**` for all that follow")]
    Star,
    /// It would be the same as at the end, to half of its readers.
    #[error("has `**` before its end; write `*` for each segment there")]
    Middle,
    /// A path is compared alone.
    #[error("has a query; write the path alone")]
    Query,
    /// Octopus decodes segments before it compares them.
    #[error("has an escape, dot segment or empty segment; write plain words")]
    Unplain,
}

impl CallPattern {
    /// Compiles a pattern. `/api/*/x` and `/api/{space}/x` are `x` in every spelling of a space.
    pub fn new(method: Method, path: &str) -> Result<Self, CallPatternError> {
        let Some(relative) = path.strip_prefix('/') else {
            return Err(CallPatternError::Relative);
        };
        if path.contains(['?', '#']) {
            return Err(CallPatternError::Query);
        }
        let is_unplain = |segment: &str| {
            matches!(segment, "" | "." | "..") || segment.contains(['%', '\\', ';'])
        };
        if !relative.is_empty() && relative.split('/').any(is_unplain) {
            return Err(CallPatternError::Unplain);
        }
        let is_star = |segment: &str| matches!(segment, "*" | "**");
        if Segments(path).any(|segment| segment.contains('*') && !is_star(segment)) {
            return Err(CallPatternError::Star);
        }
        let before_last = Segments(path).count().saturating_sub(1);
        if Segments(path).take(before_last).any(|segment| segment == "**") {
            return Err(CallPatternError::Middle);
        }
        let place = Place::of(path);
        let mut below = place.below.clone();
        let space = match (place.space, below.clone().next()) {
            (Some("*" | "{space}"), _) => SpacePattern::Any,
            (Some(space), _) => SpacePattern::Is(plain(space).into_owned()),
            // In `/api/*` the star is whatever stands there.
            (None, Some("*" | "{space}")) if place.is_api && below.clone().nth(1).is_some() => {
                below.next();
                SpacePattern::Any
            }
            (None, _) => SpacePattern::None,
        };
        let below = below.map(|segment| plain(segment).into_owned()).collect();
        Ok(Self { method, space, is_api: place.is_api, below, path: path.to_owned() })
    }

    /// Whether a call is one of these. GET is HEAD and OPTIONS too.
    pub(super) fn matches(&self, call: &Call<'_>) -> bool {
        let is_method =
            self.method == *call.method || (self.method == Method::GET && call.is_read());
        if !is_method {
            return false;
        }
        let place = Place::of(call.path);
        let is_space = match (&self.space, place.space) {
            (SpacePattern::Any, _) | (SpacePattern::None, None) => true,
            (SpacePattern::Is(wanted), Some(space)) => is(space, wanted),
            // `/api/**` is all there is.
            (SpacePattern::None, Some(_)) => self.below == ["**"],
            (SpacePattern::Is(_), None) => false,
        };
        let is_all = !self.is_api && self.below == ["**"];
        is_space && (is_all || self.is_api == place.is_api) && self.fits(place.below)
    }

    fn fits(&self, mut segments: Segments<'_>) -> bool {
        for wanted in &self.below {
            if wanted == "**" {
                return true;
            }
            match segments.next() {
                Some(segment) if wanted == "*" || is(segment, wanted) => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// Whether every call of it administers, as far as its own words tell.
    pub fn only_administers(&self) -> bool {
        let route = Route::of(&self.method, &self.path);
        matches!(route.needs, None | Some(Capability::Administer))
    }
}

/// `POST /api/*/channels`
impl fmt::Display for CallPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}
