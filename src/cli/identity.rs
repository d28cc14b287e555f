//! What `token` and `doctor` do alike: the sidecar's identity, outside of any server.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;

use super::serve::format;
use super::{Environment, Exit, complain};
use crate::ambient::{AmbientError, AmbientIdentity};
use crate::app::find_ambient;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::limits;
use crate::octopus::{OctopusExchange, ServiceAccount, Upstream};
use crate::telemetry::{Labels, Level, Metrics, Sink, subscriber};

/// The parts of an exchange with the sidecar's own identity.
pub(super) struct Parts {
    pub(super) upstream: Upstream,
    pub(super) account: ServiceAccount,
    /// The name of the identity's source, or why there is none.
    pub(super) ambient: Result<AmbientIdentity, AmbientError>,
    pub(super) exchange: OctopusExchange,
    /// How long a rate limit of Octopus's token endpoint is waited out.
    pub(super) rate_limit_wait: Duration,
    pub(super) clock: Arc<dyn Clock>,
    /// What is written on the way: a command that gives no token says why there.
    log: Sink,
}

/// Takes the parts out of a configuration; says what is missing, and with which code to end.
pub(super) fn parts(config: Config, environment: Environment<'_>) -> Result<Parts, Exit> {
    check_identity(&config)?;
    let Some((ambient, account)) = config.own_account() else { return Err(Exit::Configuration) };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let sink = Sink::stderr();
    let format = format(&config, environment);
    let log = subscriber(format, Level::Warn, sink.clone(), Arc::clone(&clock));
    // Fails only if there is a subscriber already, which then serves.
    let _ = tracing::subscriber::set_global_default(log);
    let Ok(metrics) = Metrics::new(&Labels::default()) else { return Err(Exit::Failure) };
    let found = find_ambient(&ambient.source, account, &clock, environment);
    let account = account.clone();
    let exchange = OctopusExchange::new(
        &config.upstream,
        config.limits.exchange_timeout,
        Arc::clone(&clock),
        Arc::new(metrics),
    );
    let rate_limit_wait = config.limits.rate_limit_wait;
    Ok(Parts {
        upstream: config.upstream,
        account,
        ambient: found,
        exchange,
        rate_limit_wait,
        clock,
        log: sink,
    })
}

impl Parts {
    /// Runs a command's work to its end, and the log to its own.
    pub(super) fn block_on(&self, work: impl Future<Output = Exit>) -> Exit {
        let exit = block_on(work);
        self.log.flush(limits::LOG_FLUSH);
        exit
    }
}

/// Says what is missing for the broker to act as itself.
pub(super) fn check_identity(config: &Config) -> Result<(), Exit> {
    if config.ambient.is_some() {
        return Ok(());
    }
    complain(&format!("octobroker: {NO_IDENTITY}"));
    Err(Exit::NoIdentity)
}

/// Why the broker can't act as itself, and what to write.
pub(super) const NO_IDENTITY: &str = "the configuration gives the broker no identity of its own; write the section `ambient:`, or \
     use --octopus-url and --service-account";

/// Runs a command's work to its end.
pub(super) fn block_on(work: impl Future<Output = Exit>) -> Exit {
    match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => {
            complain(&format!("octobroker: can't start: {error}"));
            Exit::Failure
        }
    }
}

/// 6 without an identity, 5 when its platform can't be reached.
pub(super) fn ambient_exit(error: &AmbientError) -> Exit {
    if error.is_missing_identity() { Exit::NoIdentity } else { Exit::Unreachable }
}
