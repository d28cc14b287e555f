//! `--live`: what a running broker says about a request, by the id that its caller got.

use std::time::Duration;

use clap::Args;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use super::advice::advice;
use super::safe;
use crate::cli::identity::block_on;
use crate::cli::page::{Mark, Page};
use crate::cli::ready::{admin_address, admin_of};
use crate::cli::{ConfigFlag, Environment, Exit, Output, complain, print};
use crate::http_client::{Bounds, HttpClient, Reach, TlsRoots};
use crate::telemetry::{Code, error_chain};

/// Whom to ask for what.
#[derive(Debug, Args)]
pub(super) struct LiveFlags {
    /// Ask a running broker what became of the request with this id.
    #[arg(long, value_name = "REQUEST_ID")]
    live: Option<String>,
    /// Its admin listener, instead of the configuration's: `http://127.0.0.1:9484`, or the address
    /// alone.
    #[arg(long, value_name = "URL", requires = "live", value_parser = admin_address)]
    admin: Option<Url>,
}

/// Longest wait, and the most bytes: ten requests with many rules each.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(5), bytes: 4 << 20 };

/// Members in the order of the page, and what they are called there.
const SHOWN: [(&str, &str); 16] = [
    ("time", "time"),
    ("method", "method"),
    ("path", "path"),
    ("route", "route"),
    ("door", "door"),
    ("listener", "listener"),
    ("peer", "from"),
    ("issuer", "issuer"),
    ("subject", "subject"),
    ("audience", "audience"),
    ("token", "token"),
    ("rule", "rule"),
    ("service_account", "acts as"),
    ("upstream_status", "Octopus said"),
    ("duration_ms", "took, in ms"),
    ("detail", "detail"),
];

impl LiveFlags {
    /// The id of the request.
    pub(super) const fn request_id(&self) -> Option<&String> {
        self.live.as_ref()
    }

    pub(super) const fn is_asked(&self) -> bool {
        self.live.is_some()
    }

    /// Asks, and tells.
    pub(super) fn run(
        &self,
        config: &ConfigFlag,
        output: Output,
        environment: Environment<'_>,
    ) -> Exit {
        let request_id = self.live.as_deref().unwrap_or_default();
        let admin = match admin_of(self.admin.as_ref(), config, environment) {
            Ok(admin) => admin,
            Err(exit) => return exit,
        };
        // An id may hold a slash: it is one segment.
        let id = utf8_percent_encode(request_id, NON_ALPHANUMERIC);
        let Ok(url) = admin.join(&format!("/decisions/{id}")) else { return Exit::Failure };
        block_on(async {
            match ask(&url).await {
                Ok(decision) => tell(&decision, output, environment),
                Err((exit, sentence)) => {
                    complain(&format!("octobroker: {sentence}"));
                    exit
                }
            }
        })
    }
}

async fn ask(url: &Url) -> Result<Value, (Exit, String)> {
    let client = HttpClient::new(&TlsRoots::system(), Reach::Anywhere);
    let request = http::Request::get(url.as_str());
    let request = request.body(http_body_util::Full::<bytes::Bytes>::default());
    let request = request.map_err(|error| (Exit::Failure, error.to_string()))?;
    let answer = client.send(request, BOUNDS).await.map_err(|error| {
        let sentence = format!("no broker answers at {url}: {}", error_chain(&error));
        (Exit::NotReady, sentence)
    })?;
    let document: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    match (answer.status(), document) {
        (StatusCode::OK, document @ Value::Object(_)) => Ok(document),
        (StatusCode::NOT_FOUND, Value::Object(document)) => {
            let sentence = document.get("error").and_then(Value::as_str);
            Err((Exit::Failure, safe(sentence.unwrap_or("the broker knows no such request"))))
        }
        (status, _) => {
            let sentence = format!(
                "{url} answered {status}: that is no admin listener of a broker that remembers \
                 decisions"
            );
            Err((Exit::Failure, sentence))
        }
    }
}

fn tell(decision: &Value, output: Output, environment: Environment<'_>) -> Exit {
    let text = |name: &str| decision.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = text("code");
    let written = if output == Output::Json {
        print(&safe(&decision.to_string()))
    } else {
        let mut page = Page::new(environment);
        write(&mut page, decision, code);
        print(&page.finish())
    };
    match (written, code) {
        (Exit::Ok, "ok") => Exit::Ok,
        (Exit::Ok, _) => Exit::Refused,
        (failed, _) => failed,
    }
}

fn write(page: &mut Page, decision: &Value, code: &str) {
    let member = |name: &str| decision.get(name);
    let status = member("status").map_or_else(String::new, Value::to_string);
    if code == "ok" {
        page.verdict(Mark::Good, &format!("passed on: {status}"), "Octopus answered.");
    } else {
        let known = Code::ALL.into_iter().find(|known| known.as_str() == code);
        let advice = known.map_or_else(String::new, advice);
        page.verdict(Mark::Bad, &format!("{status} {code}"), &advice);
    }
    page.heading("request", SHOWN.map(|(_, label)| label));
    for (name, label) in SHOWN {
        match member(name) {
            Some(Value::String(text)) => page.field(label, text),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => {
                page.field(label, &value.to_string());
            }
            _ => {}
        }
    }
    let missed = member("missed").and_then(Value::as_array);
    if let Some(missed) = missed.filter(|missed| !missed.is_empty()) {
        let names = missed.iter().filter_map(|rule| rule.get("rule").and_then(Value::as_str));
        page.heading("rules, with the first condition that failed", names);
        for rule in missed {
            let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
            let (claim, actual, expected) = (text("claim"), text("actual"), text("expected"));
            let sentence = format!("{claim} is {actual}, expected {expected}");
            page.marked(Mark::Bad, text("rule"), &sentence);
        }
    }
    let earlier = member("earlier").and_then(Value::as_array).map_or(0, Vec::len);
    if earlier > 0 {
        page.heading("earlier", []);
        page.paragraph(2, &format!("{earlier} more requests had this id; --output json has them"));
    }
}
