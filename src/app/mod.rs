//! The composition root: builds every part in order, binds the listeners, runs until told to stop.
//!
//! What a configuration decides is one generation (`generation`): built whole, and replaced whole
//! (`reload`). Around it stands what lives as long as the process: listeners, log, metrics, readiness.

mod generation;
mod own_identity;
mod reload;
mod watch;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::{error, info, warn};

use crate::admin::{Admin, Desk};
use crate::ambient::AmbientError;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::Config;
use crate::limits;
use crate::proxy::{Listener, Places, Recorder, Serving};
use crate::readiness::Readiness;
use crate::shutdown::Shutdown;
use crate::tasks;
use crate::telemetry::{AuditLog, Audited, Format, Metrics, Sink};
use crate::workers::Workers;
use generation::{Generation, labels};

pub use own_identity::find_ambient;
pub use reload::{ReloadError, Reloader, survived};
pub use watch::Watch;

/// A broker whose listeners are bound. Nothing is accepted and nothing fetched before
/// [`App::run`].
#[derive(Debug)]
pub struct App {
    listeners: Vec<Listener>,
    admin: Admin,
    serving: Serving,
    workers: Workers,
    reloader: Arc<Reloader>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

/// What the world gives to an app.
pub struct Surroundings<'a> {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where the audit lines go.
    pub sink: Sink,
    /// How they look.
    pub format: Format,
    /// Which of them there are.
    pub audited: Audited,
    /// Looks a variable up: the broker's own identity may be there.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// Why an app can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be had.
    #[error("can't listen on {address}")]
    Bind {
        /// As configured.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The broker has no identity of its own, and is to have one.
    #[error("the broker's own identity")]
    Ambient(#[source] AmbientError),
    /// A fault of this program.
    #[error("can't set up the metrics")]
    Metrics(#[source] prometheus::Error),
}

impl App {
    /// Builds the parts and binds the listeners.
    pub async fn bind(config: Config, surroundings: Surroundings<'_>) -> Result<Self, StartError> {
        let Surroundings { clock, sink, format, audited, environment } = surroundings;
        let own_identity = own_identity::build(&config, &clock, environment, None);
        let own_identity = own_identity.map_err(StartError::Ambient)?;
        let metrics = Arc::new(Metrics::new(&labels(&config)).map_err(StartError::Metrics)?);
        metrics.config_loaded(&config.digest, clock.unix_seconds());
        let readiness = Readiness::new();

        let mut listeners = Vec::new();
        for spec in config.listeners.clone() {
            let address = spec.name();
            let bound = Listener::bind(spec);
            listeners.push(bound.map_err(|source| StartError::Bind { address, source })?);
        }
        let admin_address = config.admin;
        let started_at = clock.now();
        let audit = AuditLog::new(sink, format, Arc::clone(&clock)).of(audited);
        let decisions = audit.decisions();
        let recorder = Recorder { clock: Arc::clone(&clock), metrics: Arc::clone(&metrics), audit };
        let first = Generation::build(config, own_identity, &recorder, None);
        let serving = Serving::with(first.proxy(&recorder));
        let reloader = Reloader::new(first, serving.clone(), recorder);

        let running = reloader.running();
        let readiness_shown = readiness.clone();
        let desk = Desk {
            started_at,
            running,
            readiness: readiness_shown,
            metrics: Arc::clone(&metrics),
            decisions,
            clock,
        };
        let admin = Admin::bind(admin_address, desk).await;
        let admin = admin
            .map_err(|source| StartError::Bind { address: admin_address.to_string(), source })?;
        let (reloader, workers) = (Arc::new(reloader), Workers::default());
        Ok(Self { listeners, admin, serving, workers, reloader, metrics, readiness })
    }

    /// The same, with threads that serve its connections. Without, they are served by the runtime
    /// that [`App::run`] runs on.
    #[must_use]
    pub fn served_by(self, workers: Workers) -> Self {
        Self { workers, ..self }
    }

    /// What serves its connections.
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    /// Where API requests are taken over TCP, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(Listener::address).collect()
    }

    /// The heart as it is now, for whoever runs something beside the app and reloads nothing.
    pub fn broker(&self) -> Arc<Broker> {
        Arc::clone(self.serving.now().broker())
    }

    /// All series, for whoever counts something beside the app.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// What puts another configuration in the place of this one, while the app runs.
    pub fn reloader(&self) -> Arc<Reloader> {
        Arc::clone(&self.reloader)
    }

    /// The virtual directory of Octopus, which is the broker's too; empty at the root.
    pub fn path_prefix(&self) -> String {
        self.serving.now().path_prefix().to_owned()
    }

    /// Where the operator's door is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Serves until `stop`, then drains: new connections are refused, requests finish, for at most
    /// `limits.drain` or until `cut`.
    pub async fn run(self, stop: impl Future<Output = ()>, cut: impl Future<Output = ()>) {
        let shutdown = Shutdown::new();
        let listeners: Vec<String> = self.listeners.iter().map(Listener::name).collect();
        info!(
            listeners = listeners.join(" "),
            admin = %self.admin.address(),
            version = env!("CARGO_PKG_VERSION"),
            "serving"
        );
        fetch_keys(self.serving.now().broker(), &self.readiness);
        let places = Places::default();
        for listener in self.listeners {
            let serving = (self.serving.clone(), self.workers.clone());
            let name = listener.name();
            let run = listener.run(serving, places.clone(), shutdown.watcher());
            self.workers.spawn(async move {
                if let Err(error) = run.await {
                    error!(listener = name, %error, "can't accept connections");
                }
            });
        }
        let admin = tasks::spawn(self.admin.run());

        stop.await;
        self.readiness.drain();
        let drain = self.serving.now().limits().drain;
        info!(seconds = drain.as_secs(), "draining");
        tokio::select! {
            () = shutdown.drain() => info!("all requests have ended"),
            () = tokio::time::sleep(drain) => {
                warn!("some requests did not end in time and are cut");
            }
            () = cut => warn!("told to stop again: the running requests are cut"),
        }
        admin.abort();
    }
}

/// Fetches the keys of every issuer at once; each holds readiness back for at most 10 s, so that a
/// dead issuer never blocks the others.
fn fetch_keys(broker: &Broker, readiness: &Readiness) {
    for (issuer, keys) in broker.verifier().issuers() {
        let awaited = readiness.awaiting(format!("keys of {}", issuer.name));
        let keys = Arc::clone(keys);
        tasks::spawn(async move {
            // Readiness counts the wait; the fetch goes on without it.
            let _ = tokio::time::timeout(limits::FIRST_KEYS_TIMEOUT, keys.fetch_first()).await;
            drop(awaited);
            keys.keep_fresh();
        });
    }
}
