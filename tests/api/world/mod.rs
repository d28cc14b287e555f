//! The harness: a [`World`] is an issuer, an Octopus and a broker; requests read as a story.
//!
//! Reflexes run in every test: the headers of every answer are on an allow-list, no token that was
//! minted or issued is in the log, the metrics or an answer, and the pretend Octopus complains of
//! whatever it must not be sent.

mod authority;
mod call;
mod client;
mod file;
mod puppet;
pub(crate) mod raw_http2;
mod wire;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulator::{Issuer, Octopus, OctopusBuilder, ServiceAccount};
use octobroker::app::{App, ReloadError, Reloader, Surroundings};
use octobroker::clock::{Clock, ManualClock};
use octobroker::config;
use octobroker::telemetry::{Audited, Captured, Format, Sink};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use authority::{Authority, Pair, PairFiles};
pub(crate) use call::{Call, Reply};
pub(crate) use client::{get, send};
pub(crate) use file::TemporaryFile;
pub(crate) use puppet::{Act, Puppet};
pub(crate) use wire::{Wire, exchange_raw};

/// Where every test's time starts: the fixtures' `iat`.
pub(crate) const NOW: u64 = 1_795_000_000;

/// The subject of the job that the default rule accepts.
pub(crate) const SUBJECT: &str = "repo:acme/web:ref:refs/heads/main";

/// An issuer, an Octopus, and the broker between them.
pub(crate) struct World {
    pub(crate) issuer: Issuer,
    pub(crate) octopus: Octopus,
    pub(crate) account: ServiceAccount,
    clock: Arc<ManualClock>,
    emulated_clock: emulator::Clock,
    broker: Option<RunningBroker>,
    log: Captured,
    sink: Sink,
    /// Texts that must not be seen anywhere.
    canaries: Mutex<Vec<String>>,
}

struct RunningBroker {
    address: SocketAddr,
    admin: SocketAddr,
    reloader: Arc<Reloader>,
    stop: oneshot::Sender<()>,
    run: JoinHandle<()>,
}

impl World {
    /// Everything up, with one rule that accepts [`SUBJECT`].
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with settings of its own.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = Self::without_broker().await;
        let mut settings = Settings::of(&world);
        change(&mut settings);
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        world
    }

    /// Issuer and Octopus only.
    pub(crate) async fn without_broker() -> Self {
        let emulated_clock = emulator::Clock::fixed(NOW);
        let issuer = Issuer::start(emulated_clock.clone()).await;
        let octopus = Octopus::start(emulated_clock.clone()).await;
        Self::of(issuer, octopus, emulated_clock)
    }

    /// Around an issuer and an Octopus of the test's own.
    pub(crate) fn of(issuer: Issuer, octopus: Octopus, emulated_clock: emulator::Clock) -> Self {
        octopus.trust_issuer(&issuer);
        let account = octopus.add_service_account("release-bot");
        octopus.add_identity(&account, &issuer.url(), "*", None);
        let (sink, log) = Sink::memory();
        Self {
            issuer,
            octopus,
            account,
            clock: Arc::new(ManualClock::at(NOW)),
            emulated_clock,
            broker: None,
            log,
            sink,
            canaries: Mutex::default(),
        }
    }

    /// With an Octopus of the test's own.
    pub(crate) async fn start_beside(
        change_octopus: impl FnOnce(OctopusBuilder) -> OctopusBuilder,
        change: impl FnOnce(&Self, &mut Settings),
    ) -> Self {
        let emulated_clock = emulator::Clock::fixed(NOW);
        let issuer = Issuer::start(emulated_clock.clone()).await;
        let octopus = change_octopus(Octopus::builder(emulated_clock.clone())).start().await;
        let mut world = Self::of(issuer, octopus, emulated_clock);
        let mut settings = Settings::of(&world);
        change(&world, &mut settings);
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        world
    }

    /// Starts the broker with a configuration.
    pub(crate) async fn serve(&mut self, yaml: &str) {
        self.serve_by(yaml, Arc::clone(&self.clock) as _).await;
    }

    /// Starts the broker by a clock of the test's own.
    pub(crate) async fn serve_by(&mut self, yaml: &str, clock: Arc<dyn Clock>) {
        let config = config::parse(yaml, Path::new("octobroker.yaml"), &|_| None)
            .unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        let surroundings = Surroundings {
            clock,
            sink: self.sink.clone(),
            format: Format::Json,
            audited: Audited::All,
            environment: &|_| None,
        };
        let app = App::bind(config, surroundings).await.unwrap();
        let (address, admin) = (app.addresses()[0], app.admin_address());
        let reloader = app.reloader();
        let (stop, stopped) = oneshot::channel();
        let run = app.run(async { drop(stopped.await) }, std::future::pending());
        self.broker =
            Some(RunningBroker { address, admin, reloader, stop, run: tokio::spawn(run) });
    }

    /// Has the broker serve by another configuration, or says why it does not.
    pub(crate) async fn reload(&self, yaml: &str) -> Result<(), ReloadError> {
        let loaded = config::parse(yaml, Path::new("octobroker.yaml"), &|_| None);
        let reloader = &self.broker.as_ref().unwrap().reloader;
        reloader.reload(loaded.map_err(ReloadError::Config), &|_| None).await
    }

    /// Has it serve by the configuration of a test, changed.
    pub(crate) async fn reload_with(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = Settings::of(self);
        change(&mut settings);
        self.reload(&settings.to_yaml()).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The page for the operator.
    pub(crate) async fn status(&self) -> Value {
        get(self.admin(), "/status").await.json()
    }

    /// Where the broker takes API requests.
    pub(crate) fn address(&self) -> SocketAddr {
        self.broker.as_ref().unwrap().address
    }

    /// The broker's operator's door.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.broker.as_ref().unwrap().admin
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn until_ready(&self) {
        self.until("the broker is ready", async || {
            get(self.admin(), "/readyz").await.status == 200
        })
        .await;
    }

    /// Waits, within bounds, until something is so. State, not time, is what is waited for.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..10_000 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("waited in vain until {what}\n{}", self.log());
    }

    /// Waits until the broker has noted the end of `count` requests; gives their audit lines.
    pub(crate) async fn audited_lines(&self, count: usize) -> Vec<Value> {
        self.until("the lines are written", async || self.audit().len() >= count).await;
        self.audit()
    }

    /// Lets time pass for everybody.
    pub(crate) fn advance(&self, step: Duration) {
        self.clock.advance(step);
        self.emulated_clock.advance(step);
    }

    /// Lets time pass for the servers around the broker alone.
    pub(crate) fn advance_others(&self, step: Duration) {
        self.emulated_clock.advance(step);
    }

    /// Sets the broker's wall clock alone.
    pub(crate) fn set_wall(&self, unix_seconds: u64) {
        self.clock.set_wall(unix_seconds);
    }

    /// Claims of the job that the default rule accepts, for the default account.
    pub(crate) fn claims(&self) -> Value {
        self.issuer.claims(SUBJECT, &self.account.id)
    }

    /// A token of that job.
    pub(crate) fn job(&self) -> String {
        self.mint(&self.claims())
    }

    /// A token with any claims, signed with the issuer's current key.
    pub(crate) fn mint(&self, claims: &Value) -> String {
        self.keep_secret(self.issuer.mint(claims))
    }

    /// Registers a text that must not be seen anywhere; its signature part alone neither.
    pub(crate) fn keep_secret(&self, text: String) -> String {
        let mut canaries = self.canaries.lock().unwrap();
        if let Some((_, signature)) = text.rsplit_once('.').filter(|(_, part)| part.len() > 20) {
            canaries.push(signature.to_owned());
        }
        canaries.push(text.clone());
        text
    }

    /// A request to the broker.
    pub(crate) fn call(&self, method: &str, target: &str) -> Call<'_> {
        Call::new(self, method, target)
    }

    /// A GET request to the broker.
    pub(crate) fn get(&self, target: &str) -> Call<'_> {
        self.call("GET", target)
    }

    /// A connection to the broker, for bytes as they are.
    pub(crate) async fn wire(&self) -> Wire {
        Wire::open(self.address()).await
    }

    /// Everything that was logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// The audit lines so far.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let lines = self.log();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == "octobroker::audit").collect()
    }

    /// The last audit line, once there are `count` of them.
    pub(crate) async fn audited(&self, count: usize) -> Value {
        self.until("the line is written", async || self.audit().len() >= count).await;
        let lines = self.audit();
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines.last().unwrap().clone()
    }

    /// The metrics page.
    pub(crate) async fn metrics(&self) -> String {
        get(self.admin(), "/metrics").await.text()
    }

    /// The value of one series that counts.
    pub(crate) async fn count(&self, series: &str) -> Option<u64> {
        self.metric(series).await.map(|value| value.to_string().parse().unwrap())
    }

    /// The value of one series, written as on the metrics page.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let page = self.metrics().await;
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    /// Tells the broker to stop; returns when it has.
    pub(crate) async fn stop_broker(&mut self) {
        if let Some(broker) = self.broker.take() {
            let _ = broker.stop.send(());
            broker.run.await.unwrap();
        }
    }

    /// Tells the broker to stop, and does not wait.
    pub(crate) fn begin_stop(&mut self) -> JoinHandle<()> {
        let broker = self.broker.take().unwrap();
        broker.stop.send(()).unwrap();
        broker.run
    }

    /// Ends a test: nothing secret was seen, and Octopus has nothing to complain of.
    pub(crate) async fn close(mut self) {
        if self.broker.is_some() {
            let metrics = self.metrics().await;
            self.assert_no_secret("the metrics", &metrics);
            let status = get(self.admin(), "/status").await.text();
            self.assert_no_secret("the status", &status);
            let page = get(self.admin(), "/").await.text();
            self.assert_no_secret("the page", &page);
        }
        self.stop_broker().await;
        self.assert_no_secret("the log", &self.log());
        self.octopus.assert_no_complaints();
        self.issuer.assert_no_complaints();
    }

    pub(crate) fn assert_no_secret(&self, place: &str, text: &str) {
        let canaries = self.canaries.lock().unwrap();
        let issued = self.octopus.issued_access_tokens();
        for secret in canaries.iter().chain(&issued) {
            assert!(!text.contains(secret.as_str()), "a secret is in {place}: {text}");
        }
    }
}

/// The configuration of a test, by its parts.
pub(crate) struct Settings {
    pub(crate) octopus: String,
    pub(crate) issuers: String,
    pub(crate) service_accounts: String,
    pub(crate) rules: String,
    pub(crate) listeners: String,
    /// Lines of flow mappings: `limits: { … }`.
    pub(crate) more: String,
}

impl Settings {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            octopus: format!("url: {}", world.octopus.url()),
            issuers: format!(
                "ci: {{ provider: custom, url: '{}', algorithms: [RS256] }}",
                world.issuer.url()
            ),
            service_accounts: format!("release-bot: {{ id: {} }}", world.account.id),
            rules: format!(
                "{{ name: web, issuer: ci, service_account: release-bot, \
                 claims: {{ sub: '{SUBJECT}' }} }}"
            ),
            listeners: "{ bind: 127.0.0.1:0 }".to_owned(),
            more: String::new(),
        }
    }

    pub(crate) fn to_yaml(&self) -> String {
        let Self { octopus, issuers, service_accounts, rules, listeners, more } = self;
        let indented = |text: &str| text.replace('\n', "\n  ");
        format!(
            "octopus:\n  {}\nlisteners:\n  - {}\nadmin: {{ bind: 127.0.0.1:0 }}\nissuers:\n  {}\n\
             service_accounts:\n  {}\nrules:\n  - {}\n{more}\n",
            indented(octopus),
            listeners.replace('\n', "\n  - "),
            indented(issuers),
            indented(service_accounts),
            rules.replace('\n', "\n  - "),
        )
    }
}
