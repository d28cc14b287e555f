//! The props as a program, for the compose demo and for shell scripts.
//!
//! Starts one issuer and one Octopus, trusts the issuer with any subject for one service account,
//! and prints one line of JSON that says where they are. `POST {issuer}/mint` with claims gives a
//! token.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use emulator::{Clock, Issuer, Octopus, RateLimit};
use serde_json::json;

const USAGE: &str = "\
usage: emulator [--issuer ADDRESS] [--octopus ADDRESS] [--issuer-url URL] [--octopus-url URL]
                [--account NAME] [--rate-limit LIMIT/PER_MINUTE]

environment, when an option is missing: EMULATOR_ISSUER, EMULATOR_OCTOPUS, EMULATOR_ISSUER_URL,
EMULATOR_OCTOPUS_URL, EMULATOR_ACCOUNT, EMULATOR_RATE_LIMIT
";

/// Where and as what to run.
struct Options {
    issuer: SocketAddr,
    octopus: SocketAddr,
    issuer_url: Option<String>,
    octopus_url: Option<String>,
    account: String,
    rate_limit: Option<RateLimit>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::read(&arguments, environment) {
        Ok(options) => options,
        Err(problem) => {
            let _ = write!(io::stderr(), "emulator: {problem}\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    let (issuer, octopus) = options.start().await;
    asked_to_end().await;
    issuer.stop().await;
    // A person plays here: complaints are news, not a failed test.
    for complaint in octopus.take_complaints() {
        let _ = writeln!(io::stderr(), "complaint: {complaint}");
    }
    octopus.stop().await;
    ExitCode::SUCCESS
}

/// Ctrl-C, or what a container runtime sends.
async fn asked_to_end() {
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

impl Options {
    fn read(
        arguments: &[String],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        const KNOWN: [&str; 6] =
            ["--issuer", "--octopus", "--issuer-url", "--octopus-url", "--account", "--rate-limit"];
        for pair in arguments.chunks(2) {
            match pair {
                [name, _] if KNOWN.contains(&name.as_str()) => {}
                [name, ..] => return Err(format!("{name} is unknown or has no value")),
                [] => {}
            }
        }
        let option = |name: &str| {
            let given = arguments.chunks(2).find(|pair| pair.first().is_some_and(|n| n == name));
            let variable = format!(
                "EMULATOR_{}",
                name.trim_start_matches('-').replace('-', "_").to_uppercase()
            );
            given.and_then(|pair| pair.last().cloned()).or_else(|| environment(&variable))
        };
        let address = |name: &str, default: &str| {
            let text = option(name).unwrap_or_else(|| default.to_owned());
            text.parse().map_err(|_| format!("{name} {text} is not an address with a port"))
        };
        Ok(Self {
            issuer: address("--issuer", "127.0.0.1:9001")?,
            octopus: address("--octopus", "127.0.0.1:9002")?,
            issuer_url: option("--issuer-url"),
            octopus_url: option("--octopus-url"),
            account: option("--account").unwrap_or_else(|| "demo".to_owned()),
            rate_limit: option("--rate-limit").map(|text| rate_limit(&text)).transpose()?,
        })
    }

    async fn start(self) -> (Issuer, Octopus) {
        let clock = Clock::system();
        let mut issuer = Issuer::builder(clock.clone()).at(self.issuer);
        if let Some(url) = &self.issuer_url {
            issuer = issuer.url(url);
        }
        let mut octopus = Octopus::builder(clock).at(self.octopus);
        if let Some(url) = &self.octopus_url {
            octopus = octopus.origin(url);
        }
        let (issuer, octopus) = (issuer.start().await, octopus.start().await);

        octopus.set(|knobs| knobs.rate_limit = self.rate_limit);
        octopus.trust_issuer(&issuer);
        let account = octopus.add_service_account(&self.account);
        octopus.add_identity(&account, &issuer.url(), "*", None);
        let line = json!({
            "issuer": issuer.url(),
            "mint": format!("{}/mint", issuer.url()),
            "octopus": octopus.url(),
            "service_account_id": account.id,
            "service_account_name": account.name,
        });
        let _ = writeln!(io::stdout(), "{line}");
        (issuer, octopus)
    }
}

/// `200/600`: at most 200 requests at once, refilled with 600 a minute.
fn rate_limit(text: &str) -> Result<RateLimit, String> {
    let numbers = text.split_once('/').and_then(|(limit, per_minute)| {
        Some(RateLimit { limit: limit.parse().ok()?, per_minute: per_minute.parse().ok()? })
    });
    numbers.ok_or_else(|| format!("--rate-limit {text} is not LIMIT/PER_MINUTE, such as 200/600"))
}

#[expect(clippy::disallowed_methods, reason = "main is where the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, String> {
        let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
        Options::read(&arguments, |name| {
            (name == "EMULATOR_ISSUER_URL").then(|| "http://issuer:9001".to_owned())
        })
    }

    #[test]
    fn options_win_over_environment_and_defaults() {
        let options = read(&["--octopus", "127.0.0.1:7000", "--rate-limit", "20/60"]).unwrap();

        assert_eq!(options.octopus.port(), 7000);
        assert_eq!(options.issuer.port(), 9001);
        assert_eq!(options.issuer_url.as_deref(), Some("http://issuer:9001"));
        assert_eq!(options.account, "demo");
        assert_eq!(options.rate_limit, Some(RateLimit { limit: 20, per_minute: 60 }));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(read(&["--port", "1"]).is_err());
        assert!(read(&["--issuer"]).is_err());
        assert!(read(&["--issuer", "nowhere"]).is_err());
        assert!(read(&["--rate-limit", "20"]).is_err());
        assert!(read(&["--rate-limit", "20/-1"]).is_err());
    }
}
