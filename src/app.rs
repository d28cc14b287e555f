//! The composition root: builds every part in order, binds the listeners, runs until told to stop.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::admin::{Admin, Desk, Facts};
use crate::ambient::{AmbientError, AmbientIdentity, AmbientSurroundings};
use crate::broker::{AccessTokens, Broker, OwnIdentity, StandIns};
use crate::clock::Clock;
use crate::config::Config;
use crate::http_client::TlsRoots;
use crate::identity::Verifier;
use crate::limits::{self, Limits};
use crate::octopus::OctopusExchange;
use crate::proxy::{Listener, ListenerSpec, Proxy, Recorder};
use crate::readiness::Readiness;
use crate::shutdown::Shutdown;
use crate::tasks;
use crate::telemetry::{AuditLog, Audited, Format, Labels, Metrics, Sink};
use crate::trust::Policy;

/// A broker whose listeners are bound. Nothing is accepted and nothing fetched before
/// [`App::run`].
#[derive(Debug)]
pub struct App {
    listeners: Vec<Listener>,
    admin: Admin,
    proxy: Arc<Proxy>,
    broker: Arc<Broker>,
    readiness: Readiness,
    limits: Limits,
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
        let own_identity = own_identity(&config, &surroundings)?;
        let Surroundings { clock, sink, format, audited, .. } = surroundings;
        let metrics = Arc::new(Metrics::new(&labels(&config)).map_err(StartError::Metrics)?);
        metrics.config_loaded(&config.digest, clock.unix_seconds());
        let facts = facts(&config, clock.now());
        let readiness = Readiness::new();

        let mut listeners = Vec::new();
        for spec in config.listeners.clone() {
            let address = spec.name();
            let bound = Listener::bind(spec).await;
            listeners.push(bound.map_err(|source| StartError::Bind { address, source })?);
        }
        let (admin_address, upstream, limits, token_door) = (
            config.admin,
            config.upstream.clone(),
            config.limits.clone(),
            config.token_door.clone(),
        );
        let broker = broker(config, &clock, &metrics).acting_as(own_identity);
        let broker = Arc::new(broker);
        let audit = AuditLog::new(sink, format, Arc::clone(&clock)).of(audited);
        let recorder = Recorder { clock: Arc::clone(&clock), metrics: Arc::clone(&metrics), audit };
        let proxy = Proxy::new(Arc::clone(&broker), upstream, limits.clone(), token_door, recorder);

        let desk = Desk {
            facts,
            readiness: readiness.clone(),
            broker: Arc::clone(&broker),
            metrics,
            clock,
        };
        let admin = Admin::bind(admin_address, desk).await;
        let admin = admin
            .map_err(|source| StartError::Bind { address: admin_address.to_string(), source })?;
        Ok(Self { listeners, admin, proxy: Arc::new(proxy), broker, readiness, limits })
    }

    /// Where API requests are taken over TCP, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(Listener::address).collect()
    }

    /// The heart, for whoever runs something beside the app.
    pub fn broker(&self) -> Arc<Broker> {
        Arc::clone(&self.broker)
    }

    /// The virtual directory of Octopus, which is the broker's too; empty at the root.
    pub fn path_prefix(&self) -> String {
        self.proxy.path_prefix().to_owned()
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
        self.fetch_keys();
        let places = Arc::new(Semaphore::new(connections(&self.limits)));
        for listener in self.listeners {
            let run =
                listener.run(Arc::clone(&self.proxy), Arc::clone(&places), shutdown.watcher());
            tasks::spawn(run);
        }
        let admin = tasks::spawn(self.admin.run());

        stop.await;
        self.readiness.drain();
        info!(seconds = self.limits.drain.as_secs(), "draining");
        tokio::select! {
            () = shutdown.drain() => info!("all requests have ended"),
            () = tokio::time::sleep(self.limits.drain) => {
                warn!("some requests did not end in time and are cut");
            }
            () = cut => warn!("told to stop again: the running requests are cut"),
        }
        admin.abort();
    }

    /// Fetches the keys of every issuer at once; each holds readiness back for at most 10 s, so
    /// that a dead issuer never blocks the others.
    fn fetch_keys(&self) {
        for (issuer, keys) in self.broker.verifier().issuers() {
            let awaited = self.readiness.awaiting(format!("keys of {}", issuer.name));
            let keys = Arc::clone(keys);
            tasks::spawn(async move {
                // Readiness counts the wait; the fetch goes on without it.
                let _ = tokio::time::timeout(limits::FIRST_KEYS_TIMEOUT, keys.fetch_first()).await;
                drop(awaited);
                keys.keep_fresh().await;
            });
        }
    }
}

/// The broker's own identity, if it is configured to have one. Nothing is fetched.
fn own_identity(
    config: &Config,
    surroundings: &Surroundings<'_>,
) -> Result<Option<OwnIdentity>, StartError> {
    let Some(ambient) = &config.ambient else { return Ok(None) };
    let mut accounts = config.service_accounts.iter();
    let Some(account) = accounts.find(|account| account.name == ambient.service_account) else {
        return Ok(None);
    };
    if account.api_key.is_some() {
        return Ok(Some(OwnIdentity::new(None, account.clone())));
    }
    let surroundings = AmbientSurroundings {
        environment: surroundings.environment,
        clock: Arc::clone(&surroundings.clock),
        tls_roots: TlsRoots::system(),
        exists: &|path| path.exists(),
    };
    let audience = account.audience.as_deref().unwrap_or_default();
    let found = AmbientIdentity::find(&ambient.source, audience, surroundings);
    let found = found.map_err(StartError::Ambient)?;
    Ok(Some(OwnIdentity::new(Some(found), account.clone())))
}

fn labels(config: &Config) -> Labels {
    let rules = config.rules.iter();
    Labels {
        issuers: config.issuers.iter().map(|issuer| issuer.name.clone()).collect(),
        service_accounts: config.service_accounts.iter().map(|one| one.name.clone()).collect(),
        rules: rules.map(|rule| (rule.name.clone(), rule.service_account.clone())).collect(),
        listeners: config.listeners.iter().map(ListenerSpec::name).collect(),
    }
}

fn facts(config: &Config, started_at: SystemTime) -> Facts {
    Facts {
        octopus: config.upstream.base().to_string(),
        config_digest: config.digest.clone(),
        started_at,
    }
}

fn broker(config: Config, clock: &Arc<dyn Clock>, metrics: &Arc<Metrics>) -> Broker {
    let Config { upstream, issuers, service_accounts, rules, limits, token_door, .. } = config;
    let audiences: BTreeSet<String> = rules.iter().map(|rule| rule.audience.clone()).collect();
    let of_accounts = service_accounts.iter().filter_map(|account| account.audience.clone());
    let audiences: BTreeSet<String> = audiences.into_iter().chain(of_accounts).collect();
    let verifier = Verifier::new(
        issuers,
        audiences,
        limits.verified_tokens,
        Arc::clone(clock),
        Arc::clone(metrics),
    );
    let exchange = OctopusExchange::new(
        &upstream,
        limits.exchange_timeout,
        Arc::clone(clock),
        Arc::clone(metrics),
    );
    let access_tokens = AccessTokens::new(
        Arc::new(exchange),
        limits.access_tokens,
        Arc::clone(clock),
        Arc::clone(metrics),
    );
    let stand_ins =
        StandIns::new(limits.stand_ins, token_door.stand_in_lifetime, Arc::clone(clock));
    let policy = Policy::new(rules);
    let held = (access_tokens, stand_ins);
    Broker::new(Arc::new(verifier), policy, service_accounts, held, Arc::clone(clock))
}

/// As many client connections as configured, and always below the descriptor limit: each may need
/// a second descriptor for its connection to Octopus, and issuers, exchanges and the admin listener
/// need some too.
fn connections(limits: &Limits) -> usize {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let Some(soft) = soft else {
        return limits.connections;
    };
    let affordable = soft.saturating_sub(limits::DESCRIPTOR_RESERVE.min(soft / 2)) / 2;
    let affordable = usize::try_from(affordable).unwrap_or(usize::MAX).max(1);
    if affordable < limits.connections {
        info!(affordable, descriptors = soft, "connections are bounded by the descriptor limit");
    }
    limits.connections.min(affordable)
}
