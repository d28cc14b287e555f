//! Keeps the token: fetched on first use, renewed ahead of its expiry, read again when its file
//! changes; one fetch at a time, and none while the last failure is fresh.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{debug, info, warn};

use super::error::{AmbientError, Moment};
use super::find::{AmbientSurroundings, Found, find};
use super::origin::{Origin, Wanted};
use super::own_token::OwnToken;
use super::source::TokenSource;
use super::table::SECRET_VARIABLES;
use crate::clock::Clock;
use crate::limits;
use crate::single_flight::SingleFlight;
use crate::telemetry::error_chain;

/// The broker's own identity. Clones are the same identity.
#[derive(Clone)]
pub struct AmbientIdentity {
    keeper: Arc<Keeper>,
    flights: Arc<SingleFlight<(), Outcome>>,
}

type Outcome = Result<Arc<OwnToken>, AmbientError>;

struct Keeper {
    origin: Origin,
    wanted: Wanted,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Arc<OwnToken>>,
    /// Why the last fetch gave nothing.
    error: Option<AmbientError>,
    /// Until then, on the monotonic clock, nothing is fetched.
    quiet_until: Option<Duration>,
    /// Fetches in a row that gave nothing newer.
    failures: u32,
}

/// What a caller is to do.
enum Step {
    Use(Arc<OwnToken>),
    UseAndRenew(Arc<OwnToken>),
    /// Fetch, and if that fails, use this one.
    Fetch(Option<Arc<OwnToken>>),
    Fail(AmbientError),
}

impl AmbientIdentity {
    /// What is, or mints, an ID token in the environments of the known platforms. A child that is
    /// to have no identity of its own must not inherit these.
    pub const SECRET_VARIABLES: &[&str] = SECRET_VARIABLES;

    /// Finds the identity for tokens with this audience. Looks at variables and at whether files
    /// are there; asks no network and runs nothing, so that a start needs neither.
    pub fn find(
        source: &TokenSource,
        audience: &str,
        surroundings: AmbientSurroundings<'_>,
    ) -> Result<Self, AmbientError> {
        let Found { origin, wanted } = find(source, audience, &surroundings)?;
        let keeper = Keeper { origin, wanted, clock: surroundings.clock, state: Mutex::default() };
        Ok(Self { keeper: Arc::new(keeper), flights: Arc::default() })
    }

    /// The platform's name, or `environment`, `file` or `command`.
    pub fn platform(&self) -> &'static str {
        self.keeper.wanted.platform
    }

    /// The audience that its tokens have.
    pub fn audience(&self) -> &str {
        &self.keeper.wanted.audience
    }

    /// The token at hand, live or not, and why the last fetch gave nothing, if it did. Fetches
    /// nothing.
    pub fn state(&self) -> (Option<Arc<OwnToken>>, Option<AmbientError>) {
        let state = self.keeper.lock();
        (state.held.clone(), state.error.clone())
    }

    /// True if a newer token can be had: by asking, by running the command, or from the file that
    /// somebody else replaces. False for a token that lies in a variable: it ends with its `exp`.
    pub fn can_renew(&self) -> bool {
        !matches!(self.keeper.origin, Origin::Fixed(_))
    }

    /// The variables that a child must not inherit if it is to have no identity of its own:
    /// [`Self::SECRET_VARIABLES`], and those that the operator named.
    pub fn inherited_variables(&self) -> Vec<&str> {
        let mut names = SECRET_VARIABLES.to_vec();
        if let Origin::Fixed(variables) = &self.keeper.origin {
            let own = variables.iter().map(|(name, _)| name.as_str());
            names.extend(own.filter(|name| !SECRET_VARIABLES.contains(name)));
        }
        names
    }

    /// The current token, which is live and for the wanted audience.
    ///
    /// It is fetched on first use, by one caller for all. From its last minute on (or its second
    /// half, if that is shorter) calls still get it at once while one of them has it renewed in the
    /// background; in its last 5 s they wait for the newer one. If that can't be had, the old one
    /// serves as long as it lives. After a failure nothing is fetched for a while that doubles from
    /// 1 s to 20 s. A file is looked at once a second, at most.
    pub async fn id_token(&self) -> Result<Arc<OwnToken>, AmbientError> {
        match self.keeper.next_step() {
            Step::Use(token) => Ok(token),
            Step::UseAndRenew(token) => {
                self.flights.launch(&(), || self.flight());
                Ok(token)
            }
            Step::Fail(error) => Err(error),
            Step::Fetch(spare) => {
                let (outcome, _) = self.flights.join(&(), || self.flight()).await;
                let platform = self.platform();
                let outcome = outcome.unwrap_or(Err(AmbientError::Internal { platform }));
                let now = self.keeper.clock.unix_seconds();
                outcome.or_else(|error| spare.filter(|spare| spare.is_live_at(now)).ok_or(error))
            }
        }
    }

    fn flight(&self) -> impl Future<Output = Outcome> + Send + use<> {
        let keeper = Arc::clone(&self.keeper);
        async move { keeper.fetch().await }
    }
}

#[cfg(test)]
impl AmbientIdentity {
    /// Until when, on the monotonic clock, nothing is fetched: what shows that a fetch has ended which
    /// gave nothing newer.
    pub(super) fn quiet_until(&self) -> Option<Duration> {
        self.keeper.lock().quiet_until
    }
}

impl Keeper {
    fn next_step(&self) -> Step {
        let (now, elapsed) = (self.clock.unix_seconds(), self.clock.elapsed());
        let state = self.lock();
        let held = state.held.clone().filter(|token| token.is_live_at(now));
        if state.quiet_until.is_some_and(|until| elapsed < until) {
            return match (held, state.error.clone()) {
                (Some(token), _) => Step::Use(token),
                (None, Some(error)) => Step::Fail(error),
                (None, None) => Step::Fetch(None),
            };
        }
        match (held, &self.origin) {
            (None, _) => Step::Fetch(None),
            (Some(token), Origin::Fixed(_)) => Step::Use(token),
            (Some(token), Origin::File(_)) => Step::Fetch(Some(token)),
            (Some(token), Origin::Ask(_) | Origin::Command { .. }) => {
                if !token.is_usable_at(now) {
                    Step::Fetch(Some(token))
                } else if token.is_due_at(now) {
                    Step::UseAndRenew(token)
                } else {
                    Step::Use(token)
                }
            }
        }
    }

    async fn fetch(&self) -> Outcome {
        // Between a caller's look and this flight, another flight may have landed.
        match self.next_step() {
            Step::Use(token) => return Ok(token),
            Step::Fail(error) => return Err(error),
            Step::UseAndRenew(_) | Step::Fetch(_) => {}
        }
        let outcome = self.origin.fetch(&self.wanted, self.clock.unix_seconds()).await;
        let (now, elapsed) = (self.clock.unix_seconds(), self.clock.elapsed());
        let mut state = self.lock();
        let outcome = outcome.map(|token| self.keep(&mut state, token));
        match &outcome {
            Ok(token) => {
                state.error = None;
                // A metadata service may hand out its old token until the end.
                let is_stale = token.is_due_at(now) && self.is_asked();
                state.failures = if is_stale { state.failures + 1 } else { 0 };
            }
            Err(error) => {
                state.failures += 1;
                report(&state, error, now);
                state.error = Some(error.clone());
            }
        }
        let pause = match (&self.origin, state.failures) {
            (Origin::File(_), _) => Some(limits::SECRET_FILE_LOOK),
            (_, 0) => None,
            (_, failures) => Some(pause(failures)),
        };
        state.quiet_until = pause.map(|pause| elapsed + pause);
        outcome
    }

    /// Takes a token over, unless it is the one that is held, which then stays the same object.
    fn keep(&self, state: &mut State, token: OwnToken) -> Arc<OwnToken> {
        let text = |token: &OwnToken| token.id_token().fingerprint();
        if let Some(held) = state.held.as_ref().filter(|held| text(held) == text(&token)) {
            return Arc::clone(held);
        }
        let platform = self.wanted.platform;
        let (issuer, subject) = (token.issuer(), token.subject());
        let expires = Moment(token.expires()).to_string();
        if state.held.is_none() {
            info!(platform, issuer, subject, expires, "the broker has its own ID token");
        } else {
            debug!(platform, issuer, subject, expires, "the broker's own ID token was renewed");
        }
        let token = Arc::new(token);
        state.held = Some(Arc::clone(&token));
        token
    }

    /// True if each fetch is work for somebody.
    fn is_asked(&self) -> bool {
        matches!(self.origin, Origin::Ask(_) | Origin::Command { .. })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AmbientIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AmbientIdentity")
            .field("platform", &self.platform())
            .field("audience", &self.audience())
            .field("can_renew", &self.can_renew())
            .finish_non_exhaustive()
    }
}

/// 1 s, doubled with each failure, up to 20 s.
fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    limits::OWN_TOKEN_PAUSE_MIN.saturating_mul(doubled).min(limits::OWN_TOKEN_PAUSE_MAX)
}

/// Said once for each new reason, and only while the old token hides it from the callers.
fn report(state: &State, error: &AmbientError, now: f64) {
    let Some(held) = state.held.as_ref().filter(|held| held.is_live_at(now)) else { return };
    let reason = error_chain(error);
    if state.error.as_ref().map(|last| error_chain(last)).as_ref() != Some(&reason) {
        let expires = Moment(held.expires()).to_string();
        warn!(reason, expires, "the broker's own ID token can't be renewed: the old one serves");
    }
}
