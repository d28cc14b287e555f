//! `octobroker explain`: why a token is let through or not, check by check and rule by rule.
//!
//! Nothing of the token but its claims is ever shown. Octopus is asked nothing, unless `--octopus` says
//! so; and then as an administrator, never with the token.

mod advice;
mod build;
mod human;
mod live;
pub(super) mod mask;
mod octopus;
mod octopus_side;
mod report;
mod sample;
mod timing;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use http::Method;

use self::build::Question;
use self::live::LiveFlags;
use self::octopus::Octopus;
use self::report::Explanation;
use self::sample::Sample;
use super::administration::CredentialFlags;
use super::identity::block_on;
use super::page::Page;
use super::rehearsal::{Asked, Rehearsal};
use super::{ConfigFlag, Environment, Exit, Output, complain, print, refuse};
use crate::clock::{Clock, SystemClock};
use crate::identity::{Check, End, Inspection, Issuer, Json, Keys};
use crate::telemetry::{Code, is_hostile};

/// What to explain, and how.
#[derive(Debug, Args)]
pub(super) struct ExplainFlags {
    #[command(flatten)]
    config: ConfigFlag,
    /// A file with the ID token, or - for stdin. Never the token itself: arguments can be read by
    /// everybody on the machine.
    #[arg(long, value_name = "FILE")]
    token: Option<String>,
    /// A file with claims that nobody signed, in JSON, or - for stdin: to try rules without a token.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    claims: Option<String>,
    /// The issuer of claims that have no `iss`, by its configured name.
    #[arg(long, value_name = "NAME", requires = "claims")]
    issuer: Option<String>,
    /// Check no signature and ask no network; the token's times are told, and do not count.
    #[arg(long)]
    no_verify: bool,
    /// The service account that the caller names, by name or id.
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// The method of a request that is to be made with the token.
    #[arg(long, requires = "path", default_value = "GET", value_parser = method)]
    method: Method,
    /// The path of that request, such as /api/Spaces-1/releases/create/v1.
    #[arg(long)]
    path: Option<String>,
    /// A file with the body of that request, or - for stdin: a rule may judge it.
    #[arg(long, value_name = "FILE", requires = "path")]
    body: Option<String>,
    /// Judge the times as of then: RFC 3339, or seconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<SystemTime>,
    /// Ask Octopus, as an administrator, which OIDC identity of the service account should let the
    /// token in, and what differs.
    #[arg(long)]
    octopus: bool,
    #[command(flatten)]
    credential: CredentialFlags,
    #[command(flatten)]
    live: LiveFlags,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    /// Takes a token that stands among the arguments, so that it is not printed as a surplus one.
    #[arg(hide = true)]
    stray: Vec<String>,
}

fn method(text: &str) -> Result<Method, String> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let upper = text.to_ascii_uppercase();
    let method = known.contains(&upper.as_str()).then(|| upper.parse().ok()).flatten();
    method.ok_or_else(|| format!("write one of {}", known.join(", ")))
}

/// RFC 3339, or seconds since 1970.
pub(super) fn time(text: &str) -> Result<SystemTime, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(UNIX_EPOCH + std::time::Duration::from_secs(seconds.into()));
    }
    humantime::parse_rfc3339_weak(text)
        .map_err(|_| "write a time such as 2026-11-24T16:00:00Z, or seconds since 1970".to_owned())
}

impl ExplainFlags {
    pub(super) fn run(&self, environment: Environment<'_>) -> Exit {
        let named = [&self.token, &self.claims, &self.body, &self.path, &self.service_account];
        let named = named.into_iter().flatten().chain(self.live.request_id()).chain(&self.stray);
        if named.into_iter().any(|argument| sample::is_token(argument)) {
            return usage(
                "a token stands among the arguments, where everybody on this machine can read it; \
                 take it for known, put a fresh one into a file and say --token FILE, or pipe it \
                 in and say --token -",
            );
        }
        let from_stdin = [&self.token, &self.claims, &self.body].into_iter().flatten();
        if from_stdin.filter(|file| *file == "-").count() > 1 {
            return usage("stdin can be read once; put one of them into a file");
        }
        if !self.stray.is_empty() {
            return usage("explain takes flags alone: --token FILE, --claims FILE or --live ID");
        }
        if self.credential.is_named() && !self.octopus {
            return usage(
                "an administrator's credential is for --octopus; write that, or leave it out",
            );
        }
        if self.octopus && self.live.is_asked() {
            return usage("--octopus needs a token that it can look at; write --token or --claims");
        }
        if self.live.is_asked() {
            let has_sample = self.token.is_some() || self.claims.is_some();
            return if has_sample {
                usage("--live asks a running broker; leave --token and --claims out")
            } else {
                self.live.run(&self.config, self.output, environment)
            };
        }
        self.explain(environment).unwrap_or_else(|exit| exit)
    }

    fn explain(&self, environment: Environment<'_>) -> Result<Exit, Exit> {
        if self.token.is_none() && self.claims.is_none() {
            return Err(usage("say what to explain: --token FILE, --claims FILE or --live ID"));
        }
        let config = self.config.load(environment).map_err(|error| refuse(&error))?;
        let sample = match (&self.token, &self.claims) {
            (Some(file), _) => sample::token(file, config.limits.id_token_bytes),
            (None, Some(file)) => sample::claims(file),
            (None, None) => return Err(Exit::Failure),
        };
        let sample = sample.map_err(|fault| usage(&fault))?;
        let sample = self.issued(sample, &config.issuers)?;
        let body = self.body.as_deref().map(sample::body).transpose().map_err(|it| usage(&it))?;
        let asked =
            self.path.clone().map(|target| Asked { method: self.method.clone(), target, body });
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let now = self.at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let now = now.map_or_else(|| clock.unix_seconds(), |since| since.as_secs_f64());
        let octopus = Octopus::of(self, &config, environment)?;
        let rehearsal = Rehearsal::of(config, clock).ok_or(Exit::Failure)?;
        let account = self.account(&rehearsal)?;
        Ok(block_on(async {
            let inspection = self.inspect(&rehearsal, &sample, now).await;
            let question = self.question(&sample, (account, asked.as_ref()), now);
            let side = (octopus.as_ref(), environment);
            self.tell(&rehearsal, &inspection, &question, side).await
        }))
    }

    /// With the `iss` of the issuer that was named.
    fn issued(&self, sample: Sample, issuers: &[Issuer]) -> Result<Sample, Exit> {
        let (Some(named), Sample::Claims(Json::Object(members))) = (&self.issuer, &sample) else {
            return Ok(sample);
        };
        if members.contains("iss") {
            return Err(usage("the claims have an `iss`; leave --issuer out"));
        }
        let Some(issuer) = issuers.iter().find(|issuer| issuer.name == *named) else {
            let names: Vec<&str> = issuers.iter().map(|issuer| issuer.name.as_str()).collect();
            let known = names.join(", ");
            return Err(usage(&format!("no issuer is called {named:?}; known are {known}")));
        };
        let mut members = members.clone();
        members.add("iss", Json::String(issuer.url.as_str().into()));
        Ok(Sample::Claims(Json::Object(members)))
    }

    async fn inspect(&self, rehearsal: &Rehearsal, sample: &Sample, now: f64) -> Inspection {
        let keys = if self.no_verify { Keys::Spared } else { Keys::Fetched };
        match sample {
            Sample::Token(token) => rehearsal.verifier.inspect(token, keys, now).await,
            Sample::NoToken(error) => Inspection::of_no_token((*error).into()),
            Sample::Claims(claims) => {
                let end = if self.at.is_none() { End::Optional } else { End::Required };
                rehearsal.verifier.inspect_claims(claims, end, now)
            }
        }
    }

    fn question<'a>(
        &self,
        sample: &Sample,
        (service_account, asked): (Option<&'a str>, Option<&'a Asked>),
        now: f64,
    ) -> Question<'a> {
        // Samples are old: without --at their times say nothing about the rules.
        let is_bare = self.no_verify || matches!(sample, Sample::Claims(_));
        let uncounted: &[Check] = if is_bare && self.at.is_none() { &[Check::Times] } else { &[] };
        let fingerprint = match sample {
            Sample::Token(token) => Some(token.fingerprint().short()),
            Sample::NoToken(_) | Sample::Claims(_) => None,
        };
        let is_unissued =
            matches!(sample, Sample::Claims(Json::Object(members)) if !members.contains("iss"));
        Question { service_account, asked, uncounted, is_unissued, fingerprint, now }
    }

    async fn tell(
        &self,
        rehearsal: &Rehearsal,
        inspection: &Inspection,
        question: &Question<'_>,
        (octopus, environment): (Option<&Octopus>, Environment<'_>),
    ) -> Exit {
        let Question { service_account, asked, uncounted, .. } = question;
        let judgement = rehearsal.judge(inspection, *service_account, *asked, uncounted);
        let mut explanation = Explanation::of(rehearsal, &judgement, question);
        let of_octopus = match octopus {
            Some(octopus) => octopus.ask(&mut explanation, inspection).await,
            None => Exit::Ok,
        };
        let written = match self.output {
            Output::Json => print(&safe(&serde_json::to_string(&explanation).unwrap_or_default())),
            Output::Human => {
                let mut page = Page::new(environment);
                explanation.write(&mut page);
                print(&page.finish())
            }
        };
        match (written, judgement.code) {
            (Exit::Ok, None) => of_octopus,
            (Exit::Ok, Some(Code::KeysUnavailable)) => Exit::Unreachable,
            (Exit::Ok, Some(_)) => Exit::Refused,
            (failed, _) => failed,
        }
    }

    fn account<'a>(&self, rehearsal: &'a Rehearsal) -> Result<Option<&'a str>, Exit> {
        let Some(named) = &self.service_account else { return Ok(None) };
        if let Some(account) = rehearsal.account(named) {
            return Ok(Some(&account.name));
        }
        let accounts = rehearsal.accounts.iter();
        let names: Vec<&str> = accounts.map(|account| account.name.as_str()).collect();
        let known = names.join(", ");
        Err(usage(&format!("no service account is called {named:?}; known are {known}")))
    }
}

/// JSON that can be shown on a terminal: what steers one stands in strings alone, so escaping it
/// everywhere changes no value.
pub(super) fn safe(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut text, character| {
        if is_hostile(character) {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
        text
    })
}

fn usage(sentence: &str) -> Exit {
    complain(&format!("octobroker: {sentence}"));
    Exit::Usage
}
