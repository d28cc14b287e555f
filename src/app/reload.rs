//! Puts another configuration in the place of the one in use: all of it or nothing of it.
//!
//! The new generation is built beside the old one, and the keys of its new issuers are fetched, for a
//! bounded time; then one pointer is swapped. Requests that have begun end as they began.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use super::generation::{Generation, labels};
use super::own_identity;
use crate::admin::{LastReload, Running};
use crate::ambient::AmbientError;
use crate::config::{Config, ConfigError};
use crate::limits;
use crate::octopus::RateBudgets;
use crate::proxy::{Proxy, Recorder, Serving};
use crate::telemetry::error_chain;

/// Puts configurations in each other's place, one at a time.
#[derive(Debug)]
pub struct Reloader {
    serving: Serving,
    recorder: Recorder,
    running: Arc<ArcSwap<Running>>,
    current: Mutex<Generation>,
}

/// Why the configuration in use stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new one is not sound.
    #[error("{0}")]
    Config(ConfigError),
    /// It changes what is fixed while the process lives.
    #[error(
        "{}: needs a restart: {} can't change while the broker runs; restart it, or put {} back as \
         it was to have the rest applied",
        .file.display(), .keys.join(", "), if .keys.len() == 1 { "it" } else { "them" }
    )]
    Restart {
        /// The file.
        file: PathBuf,
        /// The keys at its top that say something else now.
        keys: Vec<&'static str>,
    },
    /// The broker is to have an identity of its own, and has none.
    #[error("the broker's own identity")]
    Ambient(#[source] AmbientError),
    /// A fault of this program.
    #[error(
        "reading the configuration ended in a fault of this program, whose place is in the log"
    )]
    Crashed,
}

/// What `work` gives. A fault of this program that a file brings to light must not end a program
/// that serves well.
pub fn survived<T, E: Into<ReloadError>>(
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, ReloadError> {
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(work));
    outcome.map_or(Err(ReloadError::Crashed), |outcome| outcome.map_err(Into::into))
}

impl From<ConfigError> for ReloadError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl ReloadError {
    /// The files that the configuration names, as far as it was read.
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Config(error) => error.files(),
            Self::Restart { .. } | Self::Ambient(_) | Self::Crashed => &[],
        }
    }

    /// One sentence for each thing that is wrong, of so many as a person reads.
    fn problems(&self) -> Vec<String> {
        match self {
            Self::Config(error) => error.to_string().lines().map(str::to_owned).collect(),
            Self::Restart { .. } | Self::Ambient(_) | Self::Crashed => vec![error_chain(self)],
        }
    }
}

impl Reloader {
    pub(super) fn new(first: Generation, serving: Serving, recorder: Recorder) -> Self {
        let rate_budgets = Arc::clone(serving.now().rate_budgets());
        let running = running(&first, &recorder, rate_budgets, None);
        let running = Arc::new(ArcSwap::from_pointee(running));
        Self { serving, recorder, running, current: Mutex::new(first) }
    }

    /// What the operator's door shows.
    pub(super) fn running(&self) -> Arc<ArcSwap<Running>> {
        Arc::clone(&self.running)
    }

    /// Serves by `loaded` from the next request on, or leaves everything as it is, and says so: in
    /// the log, in the metrics and on `/status`.
    pub async fn reload(
        &self,
        loaded: Result<Config, ReloadError>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), ReloadError> {
        let mut current = self.current.lock().await;
        let build = |config| survived(|| self.build(config, environment, &current));
        match loaded.and_then(build) {
            Ok((next, proxy)) => {
                self.replace(&current, &next, proxy).await;
                *current = next;
                Ok(())
            }
            Err(error) => {
                self.refuse(&error);
                Err(error)
            }
        }
    }

    /// The generation after `current`, and its door. Nothing that is in use is touched.
    fn build(
        &self,
        config: Config,
        environment: &dyn Fn(&str) -> Option<String>,
        current: &Generation,
    ) -> Result<(Generation, Proxy), ReloadError> {
        let keys = fixed_keys(&current.config, &config);
        if !keys.is_empty() {
            return Err(ReloadError::Restart { file: config.path, keys });
        }
        let clock = &self.recorder.clock;
        let own_identity = own_identity::build(&config, clock, environment, Some(current));
        let own_identity = own_identity.map_err(ReloadError::Ambient)?;
        let next = Generation::build(config, own_identity, &self.recorder, Some(current));
        let proxy = next.proxy(&self.recorder).keeping(&self.serving.now());
        Ok((next, proxy))
    }

    async fn replace(&self, current: &Generation, next: &Generation, proxy: Proxy) {
        let (before, after) = (labels(&current.config), labels(&next.config));
        let metrics = &self.recorder.metrics;
        // Keys that are fetched now are counted already.
        metrics.configured(&before.and(&after));
        prepare_keys(next).await;
        let rate_budgets = Arc::clone(proxy.rate_budgets());
        self.serving.replace(proxy);
        let now = self.recorder.clock.now();
        let last = LastReload { at: now, problems: Vec::new() };
        self.running.store(Arc::new(running(next, &self.recorder, rate_budgets, Some(last))));
        metrics.configured(&after);
        metrics.config_loaded(&next.config.digest, self.recorder.clock.unix_seconds());
        let stand_ins_ended = next.broker.settle_stand_ins();
        let [issuers, service_accounts, rules] = changes(&current.config, &next.config);
        info!(
            generation = next.number,
            digest = next.config.digest,
            issuers,
            service_accounts,
            rules,
            stand_ins_ended,
            "the configuration was reloaded"
        );
    }

    fn refuse(&self, error: &ReloadError) {
        let problems = error.problems();
        error!(
            problems = problems.join("\n"),
            "the configuration was not reloaded, and the last good one stays"
        );
        self.recorder.metrics.config_refused();
        let last_reload = Some(LastReload { at: self.recorder.clock.now(), problems });
        let running = Running { last_reload, ..Running::clone(&self.running.load()) };
        self.running.store(Arc::new(running));
    }
}

/// Fetches the keys that nobody has tried to fetch, all at once and for a bounded time, and keeps
/// them fresh from then on.
async fn prepare_keys(next: &Generation) {
    let stores = next.broker.verifier().issuers();
    let prepared = join_all(stores.map(|(_, keys)| keys.prepare()));
    if tokio::time::timeout(limits::RELOAD_KEYS_TIMEOUT, prepared).await.is_err() {
        warn!("the keys of a new issuer are not there yet; the configuration serves without them");
    }
    for (_, keys) in next.broker.verifier().issuers() {
        keys.keep_fresh();
    }
}

fn running(
    generation: &Generation,
    recorder: &Recorder,
    rate_budgets: Arc<RateBudgets>,
    last: Option<LastReload>,
) -> Running {
    Running {
        broker: Arc::clone(&generation.broker),
        rate_budgets,
        octopus: generation.config.upstream.base().to_string(),
        generation: generation.number,
        digest: generation.config.digest.clone(),
        loaded_at: recorder.clock.now(),
        last_reload: last,
    }
}

/// The keys at the top of the file that say something else now, and can't be followed.
fn fixed_keys(before: &Config, after: &Config) -> Vec<&'static str> {
    let rows = [
        ("listeners", before.listeners != after.listeners),
        ("admin", before.admin != after.admin),
        ("log", before.log != after.log),
    ];
    rows.into_iter().filter(|(_, has_changed)| *has_changed).map(|(key, _)| key).collect()
}

/// How many issuers, accounts and rules there are, and how many came, went and changed.
fn changes(before: &Config, after: &Config) -> [String; 3] {
    [
        change(&before.issuers, &after.issuers, |issuer| &issuer.name),
        change(&before.service_accounts, &after.service_accounts, |account| &account.name),
        change(&before.rules, &after.rules, |rule| &rule.name),
    ]
}

/// `3 (1 new, 2 gone, 0 changed)`, and whether those that stay stand in another order, which decides
/// between rules.
fn change<T: PartialEq>(before: &[T], after: &[T], name: impl Fn(&T) -> &str) -> String {
    let named = |list: &[T], wanted: &str| list.iter().position(|one| name(one) == wanted);
    let find = |one: &T| named(before, name(one)).and_then(|at| before.get(at));
    let new = after.iter().filter(|one| find(one).is_none()).count();
    let gone = before.iter().filter(|one| named(after, name(one)).is_none()).count();
    let changed = after.iter().filter(|one| find(one).is_some_and(|before| before != *one)).count();
    let stay = after.iter().filter_map(|one| named(before, name(one)));
    let order = if stay.is_sorted() { "" } else { ", in another order" };
    format!("{} ({new} new, {gone} gone, {changed} changed{order})", after.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_this_program_is_an_error_like_others() {
        let crashed: Result<(), ReloadError> = survived(|| -> Result<(), ConfigError> {
            panic!("a bug");
        });
        let refused = survived(|| -> Result<(), _> { Err(ConfigError::of_flags("is wrong")) });

        assert!(matches!(crashed, Err(ReloadError::Crashed)));
        assert_eq!(refused.unwrap_err().problems(), ["is wrong"]);
    }

    #[test]
    fn a_file_that_is_all_wrong_does_not_fill_the_log() {
        let text = "rules:\n".to_owned() + &"  - { nam: x }\n".repeat(500);
        let error = crate::config::parse(&text, "octobroker.yaml".as_ref(), &|_| None).unwrap_err();
        let count = error.problems().len();

        let problems = ReloadError::Config(error).problems();

        assert!(count > 500, "{count}");
        assert_eq!(problems.len(), 101);
        assert!(problems.iter().take(100).all(|problem| problem.starts_with("octobroker.yaml")));
    }

    #[test]
    fn changes_are_counted_by_name() {
        let before = [("a", 1), ("b", 2), ("c", 3)];
        let after = [("b", 2), ("c", 4), ("d", 5), ("e", 6)];

        assert_eq!(change(&before, &after, |one| one.0), "4 (2 new, 1 gone, 1 changed)");
        assert_eq!(change(&before, &before, |one| one.0), "3 (0 new, 0 gone, 0 changed)");
        let after = [("c", 3), ("x", 0), ("a", 1)];
        let expected = "3 (1 new, 1 gone, 0 changed, in another order)";
        assert_eq!(change(&before, &after, |one| one.0), expected);
    }
}
