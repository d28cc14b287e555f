//! `octobroker doctor`: goes the whole way once, step by step, and says what to change where it
//! ends.

use std::io::IsTerminal;

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Value, json};

use super::administration::{CredentialFlags, IdentityFit};
use super::explain::safe;
use super::identity::{NO_IDENTITY, Parts, ambient_exit, check_identity, parts};
use super::sidecar::{Role, SidecarFlags};
use super::token::exchange_exit;
use super::{Environment, Exit, Output, print, refuse};
use crate::ambient::OwnToken;
use crate::config::{Config, ConfigError};
use crate::http_client::{Bounds, HttpClient, Reach, USER_AGENT};
use crate::limits;
use crate::octopus::{API_KEY, AccessToken, TokenExchange};
use crate::provision::{Administrator, Presented, WantedAccount};
use crate::secret::without_tokens;
use crate::telemetry::{Code, error_chain, escaped};

/// Whose way is gone, and how it is told.
#[derive(Debug, Args)]
pub(super) struct DoctorFlags {
    #[command(flatten)]
    sidecar: SidecarFlags,
    #[command(flatten)]
    credential: CredentialFlags,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
}

/// One step of the way.
#[derive(Debug, Serialize)]
struct Step {
    name: &'static str,
    is_ok: bool,
    found: String,
    /// What to change, where it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// The way so far, told as it is gone.
struct Way {
    output: Output,
    is_colourful: bool,
    steps: Vec<Step>,
    /// Whom to ask why Octopus refuses, if somebody may.
    administrator: Option<(Administrator, WantedAccount)>,
    /// The name that the account has in Octopus, as the configuration says.
    username: Option<String>,
}

impl DoctorFlags {
    pub(super) fn load(&self, environment: Environment<'_>) -> Result<Config, ConfigError> {
        self.sidecar.load(Role::Runs, environment)
    }

    /// The way ends before it begins.
    pub(super) fn refuse(&self, error: &ConfigError) -> Exit {
        self.tell_no_way(&error.to_string());
        refuse(error)
    }

    /// For whoever reads JSON, and no sentences.
    fn tell_no_way(&self, found: &str) {
        if self.output == Output::Json {
            let advice = Some("Correct what it says.".to_owned());
            let step =
                Step { name: "configuration", is_ok: false, found: found.to_owned(), advice };
            print(&safe(&json!({ "ok": false, "steps": [step] }).to_string()));
        }
    }

    /// Goes the way to its end, or to where it ends.
    pub(super) fn run(&self, config: Config, environment: Environment<'_>) -> Exit {
        if let Err(exit) = check_identity(&config) {
            self.tell_no_way(NO_IDENTITY);
            return exit;
        }
        let username = own_wanted(&config).and_then(|wanted| wanted.username.clone());
        let administrator = match self.administrator(&config, environment) {
            Ok(administrator) => administrator,
            Err(exit) => return exit,
        };
        let parts = match parts(config, environment) {
            Ok(parts) => parts,
            Err(exit) => return exit,
        };
        let no_colour = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_colourful = std::io::stdout().is_terminal() && !no_colour;
        let mut way =
            Way { output: self.output, is_colourful, steps: Vec::new(), administrator, username };
        let exit = parts.block_on(async { way.go(&parts).await.err().unwrap_or(Exit::Ok) });
        if way.output == Output::Json {
            print(&safe(&json!({ "ok": exit == Exit::Ok, "steps": way.steps }).to_string()));
        }
        exit
    }

    /// With an administrator's credential, if there is one.
    fn administrator(
        &self,
        config: &Config,
        environment: Environment<'_>,
    ) -> Result<Option<(Administrator, WantedAccount)>, Exit> {
        let wanted = own_wanted(config).filter(|_| self.credential.is_there(environment));
        let Some(wanted) = wanted else { return Ok(None) };
        let administrator = self.credential.administrator(config.upstream.clone(), environment)?;
        Ok(Some((administrator, wanted.clone())))
    }
}

/// What Octopus is to know of the account that the broker acts as.
fn own_wanted(config: &Config) -> Option<&WantedAccount> {
    let (_, own) = config.own_account()?;
    config.octopus_side.iter().find(|account| account.name == own.name)
}

impl Way {
    async fn go(&mut self, parts: &Parts) -> Result<(), Exit> {
        let name = &parts.account.name;
        self.good("configuration", format!("{} as {name}", parts.upstream.base()));
        if let Some(key) = &parts.account.api_key {
            let value = key.header_value(&*parts.clock);
            return self.ask_octopus(parts, (API_KEY, value)).await;
        }
        let own = self.identity(parts).await?;
        match parts.exchange.token_endpoint().await {
            Ok(url) => self.good("discovery", format!("tokens are exchanged at {url}")),
            Err(error) => {
                let advice = "Is octopus.url an Octopus server, and can it be reached from here?";
                self.bad("discovery", error_chain(&*error), advice.to_owned());
                return Err(exchange_exit(&error));
            }
        }
        let token = self.exchanged(parts, &own).await?;
        self.ask_octopus(parts, (header::AUTHORIZATION, token.authorization().clone())).await
    }

    async fn identity(&mut self, parts: &Parts) -> Result<std::sync::Arc<OwnToken>, Exit> {
        let got = match &parts.ambient {
            Ok(ambient) => ambient.id_token().await.map(|own| (ambient.platform(), own)),
            Err(error) => {
                self.bad("identity", String::new(), escaped(&error_chain(error)));
                return Err(ambient_exit(error));
            }
        };
        match got {
            Ok((platform, own)) => {
                let left = (own.expires() - parts.clock.unix_seconds()).max(0.0).floor();
                self.good("identity", format!("an ID token of {platform}, for {left} s more"));
                self.note("issuer", own.issuer());
                self.note("subject", own.subject());
                self.note("audience", &own.audiences().join(", "));
                Ok(own)
            }
            Err(error) => {
                self.bad("identity", String::new(), escaped(&error_chain(&error)));
                Err(ambient_exit(&error))
            }
        }
    }

    async fn exchanged(&mut self, parts: &Parts, own: &OwnToken) -> Result<AccessToken, Exit> {
        match parts.exchange.exchange(&parts.account, own.id_token()).await {
            Ok(token) => {
                let seconds = token.remaining_at(parts.clock.reading()).as_secs();
                self.good("exchange", format!("an access token for {seconds} s"));
                Ok(token)
            }
            Err(error) if error.code() == Code::ExchangeRefused => {
                let id = parts.account.id.as_deref().unwrap_or_default();
                let audience = parts.account.audience.as_deref().unwrap_or_default();
                let mut advice = format!(
                    "In Octopus, the service account {id} needs an OIDC identity with exactly\n\
                     \x20     issuer    {}\n\
                     \x20     subject   {}\n\
                     \x20     audience  {}\n\
                     \x20   and Octopus must be able to read the issuer's discovery document and keys.",
                    escaped(own.issuer()),
                    escaped(own.subject()),
                    if audience == id { "(leave it empty: the GUID)" } else { audience },
                );
                if let Some(found) = self.found(own).await {
                    advice.push_str(&found);
                }
                self.bad("exchange", error_chain(&*error), advice);
                Err(Exit::Refused)
            }
            Err(error) => {
                let advice = "Octopus is not well, or something between here and there is not.";
                self.bad("exchange", error_chain(&*error), advice.to_owned());
                Err(exchange_exit(&error))
            }
        }
    }

    /// What Octopus has for this token, as its administrator sees it.
    async fn found(&self, own: &OwnToken) -> Option<String> {
        let (administrator, wanted) = self.administrator.as_ref()?;
        let (issuer, subject, audiences) = (own.issuer(), own.subject(), own.audiences());
        let token = Presented { issuer, subject, audiences };
        let said = match IdentityFit::ask(administrator, wanted, token).await {
            Ok(fit) if fit.lets_in() => {
                format!("{} So it is the issuer that Octopus can't read.", fit.summary)
            }
            Ok(fit) => fit.summary,
            Err(error) => {
                format!("What is there can't be told: {}.", escaped(&error_chain(&error)))
            }
        };
        Some(format!("\n    {said}"))
    }

    /// Who Octopus takes us for.
    async fn ask_octopus(
        &mut self,
        parts: &Parts,
        (name, credential): (header::HeaderName, HeaderValue),
    ) -> Result<(), Exit> {
        let client = HttpClient::new(&parts.upstream.tls_roots, Reach::Anywhere);
        let url = parts.upstream.below("/api/users/me");
        let request = Request::get(url.as_str()).header(name, &credential);
        let request = request.header(header::USER_AGENT, USER_AGENT).body(Full::<Bytes>::default());
        let Ok(request) = request else { return Err(Exit::Failure) };
        let bounds =
            Bounds { timeout: parts.upstream.idle_timeout, bytes: limits::DISCOVERY_BYTES };
        let advice = "The credential was had, but Octopus does not take it: is the account active?";
        match client.send(request, bounds).await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                let user: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                let username = user.get("Username").and_then(Value::as_str).unwrap_or("?");
                let username = without_tokens(username, credential.to_str().unwrap_or_default());
                let found = format!("Octopus knows this as {username}");
                let named = self.username.as_ref();
                match named.filter(|named| !named.eq_ignore_ascii_case(&username)) {
                    None => {
                        self.good("octopus", found);
                        Ok(())
                    }
                    Some(named) => {
                        let advice = format!(
                            "The configuration names {named}: correct `username`, or take the id or \
                             the API key of that account."
                        );
                        self.bad("octopus", found, advice);
                        Err(Exit::Configuration)
                    }
                }
            }
            Ok(answer) => {
                let found = format!("/api/users/me answered {}", answer.status());
                self.bad("octopus", found, advice.to_owned());
                Err(Exit::Refused)
            }
            Err(error) => {
                let advice = "Can Octopus be reached from here?".to_owned();
                self.bad("octopus", error_chain(&error), advice);
                Err(Exit::Unreachable)
            }
        }
    }

    fn good(&mut self, name: &'static str, found: String) {
        self.tell(Step { name, is_ok: true, found, advice: None });
    }

    fn bad(&mut self, name: &'static str, found: String, advice: String) {
        self.tell(Step { name, is_ok: false, found, advice: Some(advice) });
    }

    fn note(&self, what: &str, value: &str) {
        if self.output == Output::Human {
            print(&format!("      {what:<9} {}", value.escape_debug()));
        }
    }

    fn tell(&mut self, step: Step) {
        if self.output == Output::Human {
            let (mark, colour) = if step.is_ok { ("✓", "32") } else { ("✗", "31") };
            let mark = if self.is_colourful {
                format!("\x1b[{colour}m{mark}\x1b[0m")
            } else {
                mark.to_owned()
            };
            print(format!("  {mark} {:<14} {}", step.name, escaped(&step.found)).trim_end());
            if let Some(advice) = &step.advice {
                print(&format!("    {advice}"));
            }
        }
        self.steps.push(step);
    }
}
