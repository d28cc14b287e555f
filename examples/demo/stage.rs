//! The stage: a pretend issuer, a pretend Octopus, and the broker between them, all on loopback.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use emulator::{Issuer, Octopus, ServiceAccount};
use octobroker::app::{App, StartError, Surroundings};
use octobroker::clock::SystemClock;
use octobroker::telemetry::{Audited, Captured, Format, Sink, error_chain};
use octobroker::{config, tasks};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::caller::{Ask, Credential, Reply};
use crate::jobs::ACME;
use crate::surprise::{Surprise, as_told};

/// The rule of the play, as it stands in the broker's configuration.
pub(crate) const RULES: &str = "\
rules:
  - name: web-prod
    issuer: github
    claims:
      repository_id: 812345678      # the id and not the name: names can be taken over
      environment: production
    service_account: release-bot    # whom Octopus will see
";

/// Where the broker is, if nobody else is there: its API, and the operator's door.
const FRIENDLY: (u16, u16) = (8484, 9484);

/// Everything up and running.
pub(crate) struct Stage {
    pub(crate) issuer: Issuer,
    pub(crate) octopus: Octopus,
    pub(crate) account: ServiceAccount,
    pub(crate) broker: SocketAddr,
    pub(crate) admin: SocketAddr,
    clock: SystemClock,
    log: Captured,
    stop: oneshot::Sender<()>,
    run: JoinHandle<()>,
}

impl Stage {
    /// Starts all three.
    pub(crate) async fn build() -> Result<Self, Surprise> {
        let clock = emulator::Clock::system();
        let issuer = Issuer::start(clock.clone()).await;
        let octopus = Octopus::start(clock).await;
        octopus.trust_issuer(&issuer);
        let account = octopus.add_service_account("release-bot");
        octopus.add_identity(&account, &issuer.url(), &ACME.subject(), None);

        let (sink, log) = Sink::memory();
        let yaml = |ports| configuration(&octopus, &issuer, &account, ports);
        let app = match bind(&yaml(FRIENDLY), &sink).await? {
            Ok(app) => app,
            Err(_taken) => bind(&yaml((0, 0)), &sink)
                .await?
                .map_err(|error| Surprise::because("the broker's start", error_chain(&error)))?,
        };
        let addresses = app.addresses();
        let broker = addresses.first().copied();
        let broker = broker.ok_or_else(|| Surprise("the broker listens nowhere".to_owned()))?;
        let admin = app.admin_address();
        let (stop, stopped) = oneshot::channel();
        let run = tasks::spawn(app.run(async { drop(stopped.await) }, asked_to_end()));
        let clock = SystemClock::new();
        Ok(Self { issuer, octopus, account, broker, admin, clock, log, stop, run })
    }

    /// Waits until the broker has the issuer's keys.
    pub(crate) async fn until_ready(&self) -> Result<(), Surprise> {
        for _ in 0..2_000 {
            if self.ask_operator(&Ask::get("/readyz")).await?.status == 200 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(Surprise("the broker is not ready after ten seconds".to_owned()))
    }

    /// Sends a job's request to the broker.
    pub(crate) async fn ask(&self, ask: &Ask, token: &str) -> Result<Reply, Surprise> {
        ask.send(self.broker, Credential::Bearer(token), &self.clock).await
    }

    /// Sends a request with what looks like an API key, to whom it may concern.
    pub(crate) async fn ask_with_key(
        &self,
        ask: &Ask,
        to: SocketAddr,
        key: &str,
    ) -> Result<Reply, Surprise> {
        ask.send(to, Credential::ApiKey(key), &self.clock).await
    }

    /// Sends a request to the broker's operator's door.
    pub(crate) async fn ask_operator(&self, ask: &Ask) -> Result<Reply, Surprise> {
        ask.send(self.admin, Credential::Nothing, &self.clock).await
    }

    /// Everything that the broker has logged.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// The lines of the log, one for each request.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let text = self.log();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.collect()
    }

    /// The log line of the request with this number, from 1, once it is written.
    pub(crate) async fn audited(&self, number: usize) -> Result<Value, Surprise> {
        for _ in 0..1_000 {
            if let Some(line) = self.audit().into_iter().nth(number - 1) {
                return Ok(line);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(Surprise(format!("the log has no line for request {number}")))
    }

    /// Drains the broker, then asks the props whether anything came that must not.
    pub(crate) async fn close(self) -> Result<(), Surprise> {
        let Self { issuer, octopus, stop, run, .. } = self;
        let _ = stop.send(());
        let ran = run.await;
        let complaints = [issuer.take_complaints(), octopus.take_complaints()].concat();
        ran.map_err(|error| Surprise::because("the broker's end", error))?;
        as_told("what issuer and Octopus complain of", Vec::new(), complaints)
    }
}

/// A time that a log line has in milliseconds.
pub(crate) fn logged_time(line: &Value, member: &str) -> Result<Duration, Surprise> {
    let milliseconds = line.get(member).and_then(Value::as_f64);
    let time = milliseconds.and_then(|time| Duration::try_from_secs_f64(time / 1e3).ok());
    time.ok_or_else(|| Surprise(format!("the log line has no {member}")))
}

/// Outside: the story can't go on. Inside: an address can't be had.
async fn bind(yaml: &str, sink: &Sink) -> Result<Result<App, StartError>, Surprise> {
    let config = config::parse(yaml, Path::new("demo.yaml"), &|_| None)
        .map_err(|error| Surprise::because("the broker's configuration", error))?;
    let surroundings = Surroundings {
        clock: Arc::new(SystemClock::new()),
        sink: sink.clone(),
        format: Format::Json,
        audited: Audited::All,
        environment: &|_| None,
    };
    Ok(App::bind(config, surroundings).await)
}

fn configuration(
    octopus: &Octopus,
    issuer: &Issuer,
    account: &ServiceAccount,
    (api, admin): (u16, u16),
) -> String {
    format!(
        "octopus: {{ url: {} }}\n\
         listeners: [{{ bind: '127.0.0.1:{api}' }}]\n\
         admin: {{ bind: '127.0.0.1:{admin}' }}\n\
         issuers:\n  github: {{ provider: custom, url: '{}', algorithms: [RS256] }}\n\
         service_accounts:\n  release-bot: {{ id: {} }}\n\
         {RULES}",
        octopus.url(),
        issuer.url(),
        account.id,
    )
}

/// Ctrl-C, or what a service manager sends.
pub(crate) async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    let _ = interrupted.await;
}
