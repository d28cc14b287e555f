//! `octobroker healthcheck` and `octobroker wait`: ask a running broker whether it is ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use url::Url;

use super::identity::block_on;
use super::{ConfigFlag, Environment, Exit, complain, print, refuse};
use crate::config::Config;
use crate::http_client::{Bounds, HttpClient, HttpError, Reach, TlsRoots};
use crate::telemetry::error_chain;

/// Whom to ask.
#[derive(Debug, Args)]
pub(super) struct ReadyFlags {
    /// The configuration file [default: `$OCTOBROKER_CONFIG`, `./octobroker.yaml`,
    /// `/etc/octobroker/octobroker.yaml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The admin listener to ask, instead of the configuration's: `http://127.0.0.1:9484`, or the
    /// address alone.
    #[arg(long, conflicts_with = "config", value_parser = admin_address)]
    url: Option<Url>,
}

/// Where the admin listener is if nobody says otherwise.
const DEFAULT: &str = "http://127.0.0.1:9484";

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two questions of `wait`.
const PAUSE: Duration = Duration::from_millis(100);

impl ReadyFlags {
    /// Asks once.
    pub(super) fn check(&self, environment: Environment<'_>) -> Exit {
        self.with_url(environment, |readyz| {
            block_on(async {
                match ask(&readyz).await {
                    Ok(()) => print("ready"),
                    Err(reason) => {
                        complain(&format!("not ready: {readyz}: {reason}"));
                        Exit::NotReady
                    }
                }
            })
        })
    }

    /// Asks until it is so.
    pub(super) fn wait(&self, timeout: Duration, environment: Environment<'_>) -> Exit {
        self.with_url(environment, |readyz| {
            block_on(async {
                let mut last = String::new();
                let ready = async {
                    while let Err(reason) = ask(&readyz).await {
                        last = reason;
                        tokio::time::sleep(PAUSE).await;
                    }
                };
                if tokio::time::timeout(timeout, ready).await.is_ok() {
                    return print("ready");
                }
                complain(&format!("not ready after {timeout:?}: {readyz}: {last}"));
                Exit::NotReady
            })
        })
    }

    fn with_url(&self, environment: Environment<'_>, ask: impl FnOnce(Url) -> Exit) -> Exit {
        let config = ConfigFlag { config: self.config.clone() };
        match admin_of(self.url.as_ref(), &config, environment) {
            Ok(url) => url.join("/readyz").map_or(Exit::Failure, ask),
            Err(exit) => exit,
        }
    }
}

/// An admin listener as one types it.
pub(super) fn admin_address(text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // A Unix socket would be a host named `unix`.
    let is_askable = |url: &Url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && !text.starts_with("unix:")
    };
    whole.parse().ok().filter(is_askable).ok_or_else(|| {
        "write an address such as 127.0.0.1:9484, or http://127.0.0.1:9484".to_owned()
    })
}

/// Where the admin listener of the running broker is: as told, or as configured.
pub(super) fn admin_of(
    told: Option<&Url>,
    config: &ConfigFlag,
    environment: Environment<'_>,
) -> Result<Url, Exit> {
    let is_sidecar = config.config.is_none()
        && environment("OCTOBROKER_CONFIG").is_none()
        && environment("OCTOBROKER_SERVICE_ACCOUNT").is_some();
    let url = match told {
        Some(url) => Some(url.clone()),
        // A sidecar without a file has its admin listener at the default.
        None if is_sidecar => DEFAULT.parse().ok(),
        None => match config.load(environment) {
            Ok(config) => admin_url(&config),
            Err(error) => return Err(refuse(&error)),
        },
    };
    url.ok_or(Exit::Failure)
}

async fn ask(readyz: &Url) -> Result<(), String> {
    let client = HttpClient::new(&TlsRoots::system(), Reach::Anywhere);
    match client.document(readyz, Bounds { timeout: TIMEOUT, bytes: 64 << 10 }).await {
        Ok(_) => Ok(()),
        Err(HttpError::Status { status: StatusCode::SERVICE_UNAVAILABLE, .. }) => {
            Err("it still waits for something".to_owned())
        }
        Err(error) => Err(error_chain(&error)),
    }
}

/// The admin listener as this machine reaches it.
fn admin_url(config: &Config) -> Option<Url> {
    let mut address = config.admin;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}").parse().ok()
}
