//! Running an app: log, runtime, signals.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{error, warn};

use super::exec::{ExecFlags, start_exit};
use super::identity::check_identity;
use super::reload::{Origin, follow};
use super::service_manager::ServiceManager;
use super::{Environment, Exit, complain};
use crate::app::{App, Surroundings};
use crate::broker::{Broker, OwnIdentity};
use crate::clock::SystemClock;
use crate::config::{Config, Finding, LogFormat, Severity};
use crate::limits::{self, Limits};
use crate::platform::process::{hide_memory, raise_descriptors, refuse_core_files};
use crate::platform::signals::{Ends, HangUps};
use crate::tasks;
use crate::telemetry::{Audited, Format, Level, Metrics, Sink, error_chain, subscriber};
use crate::workers::Threads;

/// Serves until it is told to end, and follows the origin of its configuration.
pub(super) fn serve(origin: Origin, config: Config, environment: Environment<'_>) -> Exit {
    refuse_core_files();
    raise_descriptors(descriptors_of(&config.limits));
    let findings = config.findings.clone();
    run(config, Audited::All, environment, |app| {
        warn_of(&findings);
        until_signalled(app, origin, environment)
    })
}

/// What all connections need.
fn descriptors_of(limits: &Limits) -> u64 {
    let connections = u64::try_from(limits.connections).unwrap_or(u64::MAX);
    connections.saturating_mul(2).saturating_add(limits::DESCRIPTOR_RESERVE)
}

/// What `octobroker check` warns of, for those who only look into the log.
pub(super) fn warn_of(findings: &[Finding]) {
    let is_warning = |finding: &&Finding| finding.severity == Severity::Warning;
    for finding in findings.iter().filter(is_warning) {
        warn!(
            target: "octobroker::config",
            id = finding.id,
            place = finding.place(),
            key = finding.path,
            "{}",
            finding.text()
        );
    }
}

/// Runs a command to its end. The command's own output is not to be disturbed: what is logged are
/// warnings, and requests that were refused.
pub(super) fn exec(flags: ExecFlags, mut config: Config, environment: Environment<'_>) -> Exit {
    // Before a port is taken that a broker beside this may have.
    if let Err(exit) = check_identity(&config) {
        return exit;
    }
    let audited = if flags.is_verbose() { Audited::All } else { Audited::Refusals };
    if !flags.is_verbose() {
        config.log.level = Level::Warn;
    }
    run(config, audited, environment, |app| flags.run(app))
}

/// Builds the app and hands it to `work`.
fn run<W: Future<Output = Exit>>(
    config: Config,
    audited: Audited,
    environment: Environment<'_>,
    work: impl FnOnce(App) -> W,
) -> Exit {
    hide_memory();
    let clock = Arc::new(SystemClock::new());
    let format = format(&config, environment);
    let sink = Sink::stderr();
    let log_end = sink.clone();
    let log = subscriber(format, config.log.level, sink.clone(), Arc::clone(&clock) as _);
    // Fails only if there is a subscriber already, which then serves.
    let _ = tracing::subscriber::set_global_default(log);
    watch_panics(None);
    // One thread answers probes and keeps keys and tokens fresh, the workers accept and serve. This
    // one follows the configuration: a reload that takes long, or a file system that hangs, holds up
    // nobody.
    let threads = match Threads::start() {
        Ok(threads) => threads,
        Err(error) => {
            error!(%error, "can't start");
            log_end.flush(limits::LOG_FLUSH);
            return Exit::Failure;
        }
    };
    let exit = threads.block_on(async {
        let surroundings = Surroundings { clock, sink, format, audited, environment };
        match App::bind(config, surroundings).await {
            Ok(app) => {
                watch_panics(Some(app.metrics()));
                work(app.served_by(threads.workers())).await
            }
            Err(error) => {
                // Nobody reads a log yet: this is for whoever typed the command, whole and plain.
                complain(&format!("octobroker: can't start: {}", error_chain(&error)));
                start_exit(&error)
            }
        }
    });
    // What was cut must not hold up the end.
    threads.end(CUT_TIME);
    log_end.flush(limits::LOG_FLUSH);
    exit
}

/// For what is cut to let go.
const CUT_TIME: Duration = Duration::from_millis(100);

/// A panic is a fault of this program: it is logged, counted as soon as somebody counts, and ends
/// what panicked alone.
fn watch_panics(metrics: Option<Arc<Metrics>>) {
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(metrics) = &metrics {
            metrics.panicked();
        }
        // The message may hold anything; the place says enough.
        let place = panic.location().map(ToString::to_string);
        error!(place, "a fault of this program: a task panicked");
    }));
}

/// As configured; else for people on a terminal, for machines everywhere else.
/// How the log is written.
pub(super) fn format(config: &Config, environment: Environment<'_>) -> Format {
    let is_terminal = std::io::stderr().is_terminal();
    match config.log.format {
        Some(LogFormat::Json) => Format::Json,
        None if !is_terminal => Format::Json,
        Some(LogFormat::Pretty) | None => {
            let is_plain = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
            Format::Pretty { colour: is_terminal && !is_plain }
        }
    }
}

/// Asks for the broker's own ID token once, so that the operator hears of what is wrong with it, and not
/// whoever asks first. Others may be served all the same.
async fn try_identity(broker: Arc<Broker>) {
    let Some(ambient) = broker.own_identity().and_then(OwnIdentity::ambient) else { return };
    if let Err(error) = ambient.id_token().await {
        warn!(error = error_chain(&error), "the broker's own ID token can't be had");
    }
}

async fn until_signalled(app: App, origin: Origin, environment: Environment<'_>) -> Exit {
    let (Ok(mut ends), Ok(hang_ups)) = (Ends::listen(), HangUps::listen()) else {
        error!("can't listen for signals");
        return Exit::Failure;
    };
    let (first, second) = (oneshot::channel(), oneshot::channel());
    tasks::spawn(async move {
        for told in [first.0, second.0] {
            ends.next().await;
            // The app may have ended by itself.
            let _ = told.send(());
        }
    });
    let manager = ServiceManager::of(environment);
    manager.feed_watchdog(app.workers());
    tasks::spawn(try_identity(app.broker()));
    // The listeners are bound: who connects now waits in their queues, and is served.
    manager.ready("serving").await;
    let reloading = follow(origin, app.reloader(), hang_ups, (environment, &manager));
    let stop = async {
        drop(first.1.await);
        manager.stopping().await;
    };
    let serving = app.run(stop, async { drop(second.1.await) });
    tokio::select! {
        () = serving => Exit::Ok,
        never = reloading => match never {},
    }
}
