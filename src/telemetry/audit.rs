//! The line per request: who asked for what, through which rule, as whom, and what came of it.
//!
//! It goes straight to the sink, not through `tracing`, so that no filter can drop it. It never
//! holds a token (only the beginning of its hash), nor the query of the request's target, where
//! API keys and tokens are at home.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::code::Code;
use super::decisions::{Decisions, Kind};
use super::escape::{json_line, plain, timestamp, word};
use super::line::{Line, name};
use super::logging::{Format, pretty_start};
use super::outcomes::{AccessTokenResult, Door};
use super::sink::Sink;
use crate::clock::Clock;

/// What stands behind the time, by the level.
const INFO: &str = r#"","level":"info","target":"octobroker::audit","message":"request""#;
const WARN: &str = r#"","level":"warn","target":"octobroker::audit","message":"request""#;

/// One request that has ended. What is `None` is left out of the line, `code` and `cache` aside.
///
/// Texts may hold anything: they are escaped and cut when the line is written.
#[derive(Debug, Clone, Default)]
pub struct AuditRecord<'a> {
    /// The request's id, which the caller has too.
    pub request_id: &'a str,
    /// The W3C trace context under which the request went on.
    pub traceparent: Option<&'a str>,
    /// The way in which the request came.
    pub door: Door,
    /// The configured name of the listener.
    pub listener: &'a str,
    /// The other end of the connection: address and port.
    pub peer: &'a str,
    /// The ID token's `iss`, or the configured name of the issuer once it is known.
    pub issuer: Option<&'a str>,
    /// The ID token's `sub`.
    pub subject: Option<&'a str>,
    /// The ID token's `aud`.
    pub audience: Option<&'a str>,
    /// The first 8 hexadecimal digits of the SHA-256 of the ID token: never more of it.
    pub token: Option<&'a str>,
    /// The ID token's `jti`.
    pub jti: Option<&'a str>,
    /// The rule that admitted the request.
    pub rule: Option<&'a str>,
    /// The service account that the request was made as.
    pub service_account: Option<&'a str>,
    /// Whether the caller is marked as an AI agent.
    pub agent: bool,
    /// The request's method.
    pub method: &'a str,
    /// The template that the path fits, `/api/{space}/releases`.
    pub route: Option<&'static str>,
    /// The path. What stands behind a `?` or `#` is not written.
    pub path: &'a str,
    /// The status that the caller got.
    pub status: u16,
    /// The status that Octopus gave, if it was asked.
    pub upstream_status: Option<u16>,
    /// Why the broker itself answered; written as `ok` when it did not.
    pub code: Option<Code>,
    /// Where the access token came from; written as `none` when none was asked for.
    pub cache: Option<AccessTokenResult>,
    /// On refusal: for each rule the first condition that failed.
    pub missed: &'a [Missed],
    /// The whole request.
    pub duration: Duration,
    /// Until the head of Octopus's answer.
    pub upstream: Option<Duration>,
    /// Waiting for an access token.
    pub exchange: Option<Duration>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Whether either side went away before the answer's end.
    pub aborted: bool,
    /// What the operator should know about a failure: a sentence, never a secret.
    pub detail: Option<&'a str>,
}

/// The first condition of a rule that a token did not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// The rule's name.
    pub rule: String,
    /// The claim that was looked at.
    pub claim: String,
    /// What the rule expects, as it is configured.
    pub expected: String,
    /// What the token holds.
    pub actual: String,
}

/// Which requests get a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audited {
    /// Every one: the only choice while serving.
    All,
    /// Those that the broker itself refused or failed: for a command whose own output counts.
    Refusals,
}

/// Writes the line per request.
#[derive(Debug, Clone)]
pub struct AuditLog {
    audited: Audited,
    sink: Sink,
    format: Format,
    clock: Arc<dyn Clock>,
    decisions: Arc<Decisions>,
}

impl AuditLog {
    /// A log that writes to `sink`; each line bears the time of `clock` at which it is written.
    pub fn new(sink: Sink, format: Format, clock: Arc<dyn Clock>) -> Self {
        Self { audited: Audited::All, sink, format, clock, decisions: Arc::default() }
    }

    /// The same log, of these requests only.
    #[must_use]
    pub fn of(mut self, audited: Audited) -> Self {
        self.audited = audited;
        self
    }

    /// The last lines, whatever the form in which they are written.
    pub fn decisions(&self) -> Arc<Decisions> {
        Arc::clone(&self.decisions)
    }

    /// Whether there is room for the lines of further requests.
    pub fn has_room(&self) -> bool {
        self.sink.has_room()
    }

    /// Returns when there is room for the lines of further requests.
    pub async fn room(&self) {
        self.sink.room().await;
    }

    /// Writes one line, in the pretty form with one more for each rule that missed.
    pub fn write(&self, record: &AuditRecord<'_>) {
        if self.audited == Audited::Refusals && record.code.is_none() {
            return;
        }
        let now = self.clock.now();
        let time = timestamp(now);
        let line = json(&time, record);
        if let Format::Pretty { colour } = self.format {
            let level = if record.is_ok() { tracing::Level::INFO } else { tracing::Level::WARN };
            self.sink.line(&pretty(pretty_start(&time, level, colour), record));
        } else {
            self.sink.line(&line);
        }
        let kind = if record.is_ok() { Kind::Other } else { Kind::Refusal };
        self.decisions.keep(kind, record.request_id, now, &line);
    }
}

impl AuditRecord<'_> {
    /// Whether Octopus answered, not the broker itself.
    fn is_ok(&self) -> bool {
        self.code.is_none()
    }

    /// The path without what may hold secrets.
    fn path_alone(&self) -> &str {
        without_query(self.path)
    }
}

fn json(time: &str, record: &AuditRecord<'_>) -> String {
    // A time holds nothing to escape.
    let behind_time = if record.is_ok() { INFO } else { WARN };
    let mut line = Line::begun(&[r#"{"time":""#, time, behind_time]);
    line.text(name!("request_id"), record.request_id);
    line.some_text(name!("traceparent"), record.traceparent);
    line.constant(name!("door"), record.door.as_str());
    line.text(name!("listener"), record.listener);
    line.text(name!("peer"), record.peer);
    line.some_text(name!("issuer"), record.issuer);
    line.some_text(name!("subject"), record.subject);
    line.some_text(name!("audience"), record.audience);
    line.some_text(name!("token"), record.token);
    line.some_text(name!("jti"), record.jti);
    line.some_text(name!("rule"), record.rule);
    line.some_text(name!("service_account"), record.service_account);
    line.flag(name!("agent"), record.agent);
    line.text(name!("method"), record.method);
    if let Some(route) = record.route {
        line.constant(name!("route"), route);
    }
    line.text(name!("path"), &without_secrets(record.path_alone()));
    line.number(name!("status"), record.status);
    if let Some(status) = record.upstream_status {
        line.number(name!("upstream_status"), status);
    }
    line.constant(name!("code"), record.code.map_or("ok", Code::as_str));
    line.constant(name!("cache"), record.cache.map_or("none", AccessTokenResult::as_str));
    if !record.missed.is_empty() {
        line.value(name!("missed"), record.missed);
    }
    line.milliseconds(name!("duration_ms"), record.duration);
    if let Some(waited) = record.upstream {
        line.milliseconds(name!("upstream_ms"), waited);
    }
    if let Some(waited) = record.exchange {
        line.milliseconds(name!("exchange_ms"), waited);
    }
    line.number(name!("bytes_in"), record.bytes_in);
    line.number(name!("bytes_out"), record.bytes_out);
    line.flag(name!("aborted"), record.aborted);
    line.some_text(name!("detail"), record.detail);
    line.end()
}

fn pretty(mut line: String, record: &AuditRecord<'_>) -> String {
    let (method, path) = (word(record.method), word(record.path_alone()));
    let _ = write!(line, "{} {method} {path}", record.status);

    let code = record.code.map(Code::as_str);
    let cache = record.cache.map(AccessTokenResult::as_str);
    // Whose request it was is plain where a rule tells it; without one it is what is looked for.
    let is_nobodys = record.rule.is_none();
    let fields = [
        ("code", code),
        ("rule", record.rule),
        ("account", record.service_account),
        ("issuer", record.issuer.filter(|_| is_nobodys)),
        ("subject", record.subject.filter(|_| is_nobodys)),
        ("cache", cache),
        ("detail", record.detail),
        ("request", record.code.map(|_| record.request_id)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            let _ = write!(line, " {name}={}", word(value));
        }
    }
    if record.aborted {
        line.push_str(" aborted");
    }
    let _ = write!(line, " {:.1}ms", record.duration.as_secs_f64() * 1e3);

    for Missed { rule, claim, expected, actual } in record.missed {
        let (rule, claim) = (plain(rule), plain(claim));
        let (expected, actual) = (json_line(expected), json_line(actual));
        let _ = write!(line, "\n    rule {rule}: claim {claim} is {actual}, expected {expected}");
    }

    line
}

fn without_query(path: &str) -> &str {
    let end = path.bytes().position(|byte| matches!(byte, b'?' | b'#'));
    end.and_then(|end| path.get(..end)).unwrap_or(path)
}

/// A caller may put a key or a token into a path; the log is no place for it.
pub(super) fn without_secrets(path: &str) -> Cow<'_, str> {
    if !path.as_bytes().split(|byte| *byte == b'/').any(looks_secret) {
        return path.into();
    }
    let shown = |it| if looks_secret(str::as_bytes(it)) { "[secret]" } else { it };
    path.split('/').map(shown).collect::<Vec<_>>().join("/").into()
}

fn looks_secret(segment: &[u8]) -> bool {
    (segment.len() >= 20
        && segment.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"API-")))
        || (segment.len() >= 40 && segment.windows(3).any(|three| three == b"eyJ"))
}
