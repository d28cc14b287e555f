//! What happens to one request, noted on the way; the audit line and the metrics at its end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;

use super::answer_body::AnswerBody;
use super::forward::Answer;
use super::phase::Phase;
use super::refusal::Refusal;
use super::trace::Trace;
use super::who::Who;
use super::{Origin, Place, Proxy};
use crate::broker::Admission;
use crate::identity::{Fingerprint, VerifiedToken};
use crate::octopus::Progress;
use crate::telemetry::{
    AccessTokenResult, AuditRecord, Code, Door, InFlight, Missed, RequestOutcome,
};

/// Lives as long as the request, body of the answer included. Dropped before its end, it notes that
/// somebody went away.
///
/// What it notes is shared with whoever has it already: nothing is copied before the line is
/// written.
pub(super) struct Journey {
    proxy: Arc<Proxy>,
    pub(super) trace: Trace,
    listener: Arc<str>,
    remote: Arc<str>,
    method: Method,
    uri: Uri,
    route: Option<&'static str>,
    door: Door,
    token: Option<Fingerprint>,
    who: Who,
    status: u16,
    upstream_status: Option<u16>,
    code: Option<Code>,
    detail: Option<String>,
    missed: Vec<Missed>,
    cache: Option<AccessTokenResult>,
    bytes_in: u64,
    bytes_out: u64,
    is_aborted: bool,
    started: Duration,
    /// Spent waiting for Octopus or for body bytes.
    waited: Duration,
    /// Of that, for an access token.
    exchange: Option<Duration>,
    /// Of that, for the head of Octopus's answer.
    upstream: Option<Duration>,
    overhead: Duration,
    is_over: bool,
    phase: Arc<Phase>,
    place: Option<Place>,
    in_flight: Option<InFlight>,
}

impl Journey {
    pub(super) fn begin(proxy: &Arc<Proxy>, request: &Request<Incoming>, origin: &Origin) -> Self {
        origin.phase.begin(!request.body().is_end_stream());
        Self {
            proxy: Arc::clone(proxy),
            trace: Trace::of(request.headers()),
            listener: Arc::clone(&origin.listener),
            remote: Arc::clone(&origin.remote),
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: None,
            door: Door::None,
            token: None,
            who: Who::Nobody,
            status: 0,
            upstream_status: None,
            code: None,
            detail: None,
            missed: Vec::new(),
            cache: None,
            bytes_in: 0,
            bytes_out: 0,
            is_aborted: false,
            started: proxy.clock.elapsed(),
            waited: Duration::ZERO,
            exchange: None,
            upstream: None,
            overhead: Duration::ZERO,
            is_over: false,
            phase: Arc::clone(&origin.phase),
            place: None,
            in_flight: Some(proxy.metrics.request_started()),
        }
    }

    /// Takes one of the places for requests served at once, if there was one.
    pub(super) fn take_place(&mut self, place: Option<Place>) -> Result<(), Refusal> {
        self.place = Some(place.ok_or_else(|| Refusal::new(Code::Overloaded))?);
        Ok(())
    }

    pub(super) fn routed(&mut self, template: &'static str) {
        self.route = Some(template);
    }

    pub(super) fn came_by(&mut self, door: Door) {
        self.door = door;
    }

    pub(super) fn presented(&mut self, fingerprint: Fingerprint) {
        self.token = Some(fingerprint);
    }

    /// The token claims to be from this issuer, and is not believed.
    pub(super) fn claimed(&mut self, issuer: Option<String>) {
        self.who = Who::Claimed(issuer);
    }

    /// The token is believed.
    pub(super) fn verified(&mut self, token: Arc<VerifiedToken>) {
        self.who = Who::Verified(token);
    }

    pub(super) fn admitted(&mut self, admission: &Admission) {
        self.who = Who::Admitted(admission.clone());
    }

    pub(super) fn missed(&mut self, missed: Vec<Missed>) {
        self.missed = missed;
    }

    /// An access token was had, or not, after `waited`.
    pub(super) fn exchanged(&mut self, result: AccessTokenResult, waited: Duration) {
        self.cache = Some(result);
        self.exchange = Some(self.exchange.unwrap_or_default() + waited);
        self.waited += waited;
    }

    /// Counts what moves on the connection.
    pub(super) fn steps(&self) -> Arc<AtomicU64> {
        self.phase.steps()
    }

    /// The body of the request is being read, as far as this tells.
    pub(super) fn reads(&self, progress: Arc<Progress>) {
        self.phase.reads(progress);
    }

    /// The body of the request was held, after `waited`.
    pub(super) fn held(&mut self, waited: Duration) {
        self.waited += waited;
    }

    /// Octopus answered, or failed to, after `waited`.
    pub(super) fn answered(&mut self, status: Option<u16>, waited: Duration) {
        self.upstream_status = status;
        self.upstream = Some(waited);
        self.waited += waited;
        if let Some(status) = status {
            let account = self.who.service_account();
            self.proxy.metrics.upstream_answered(account, status, waited);
        }
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.bytes_in = bytes;
    }

    pub(super) fn returned(&mut self, bytes: usize) {
        self.bytes_out += bytes as u64;
        self.phase.step();
    }

    /// Octopus's answer goes to the caller; the journey goes with its body.
    pub(super) fn forwarded(mut self, mut answer: Answer) -> Response<AnswerBody> {
        self.status = answer.head.status.as_u16();
        self.trace.tell(&mut answer.head.headers);
        self.overhead = self.spent();
        let idle_timeout = self.proxy.upstream.idle_timeout;
        let body = AnswerBody::upstream(answer.body, answer.lease, idle_timeout, self);
        Response::from_parts(answer.head, body)
    }

    /// The broker's own answer goes to the caller: the request was for the broker itself.
    pub(super) fn answered_here(mut self, answer: Response<AnswerBody>) -> Response<AnswerBody> {
        let mut answer = if self.is_head() { without_body(answer) } else { answer };
        self.trace.tell(answer.headers_mut());
        self.end_with(&answer);
        answer
    }

    /// The broker's own refusal goes to the caller.
    pub(super) fn refused(mut self, refusal: Refusal) -> Response<AnswerBody> {
        let answer = refusal.answer(self.trace.request_id(), self.is_head());
        self.code = Some(refusal.code);
        self.detail = refusal.detail;
        self.is_aborted = refusal.is_caller_gone;
        if !refusal.missed.is_empty() {
            self.missed = refusal.missed;
        }
        self.end_with(&answer);
        answer
    }

    /// Octopus's answer broke off after its head had gone to the caller.
    pub(super) fn broke_off(&mut self, code: Code, detail: String) {
        self.code = Some(code);
        self.detail = Some(detail);
        self.is_aborted = true;
        self.end();
    }

    /// An answer of the broker's own, which is whole.
    fn end_with(&mut self, answer: &Response<AnswerBody>) {
        self.status = answer.status().as_u16();
        self.bytes_out = answer.body().size_hint().exact().unwrap_or_default();
        self.overhead = self.spent();
        self.end();
    }

    /// The last byte of the answer is on its way.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let total = self.elapsed();
        self.proxy.metrics.request_ended(&RequestOutcome {
            door: self.door,
            rule: self.who.rule(),
            service_account: self.who.service_account(),
            code: self.code,
            total,
            overhead: self.overhead,
        });
        self.write_down(total);
        self.phase.end();
        self.place = None;
        self.in_flight = None;
    }

    fn write_down(&self, total: Duration) {
        let token = self.token.map(|fingerprint| fingerprint.short());
        self.proxy.audit.write(&AuditRecord {
            request_id: self.trace.request_id(),
            traceparent: Some(self.trace.traceparent()),
            door: self.door,
            listener: &self.listener,
            peer: &self.remote,
            issuer: self.who.issuer(),
            subject: self.who.subject(),
            audience: self.who.audience(),
            token: token.as_deref(),
            jti: self.who.token().and_then(VerifiedToken::token_id),
            rule: self.who.rule(),
            service_account: self.who.service_account(),
            agent: self.who.is_agent(),
            method: self.method.as_str(),
            route: self.route,
            path: self.uri.path(),
            status: self.status,
            upstream_status: self.upstream_status,
            code: self.code,
            cache: self.cache,
            missed: &self.missed,
            duration: total,
            upstream: self.upstream,
            exchange: self.exchange,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            aborted: self.is_aborted,
            detail: self.detail.as_deref(),
        });
    }

    fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    fn spent(&self) -> Duration {
        self.elapsed().saturating_sub(self.waited)
    }

    fn elapsed(&self) -> Duration {
        self.proxy.clock.elapsed().saturating_sub(self.started)
    }
}

impl fmt::Debug for Journey {
    /// Without the target, where keys are at home.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journey").field("trace", &self.trace).finish_non_exhaustive()
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        if !self.is_over {
            self.is_aborted = true;
            if self.status == 0 {
                // As nginx has it: the caller went away before there was an answer.
                self.status = 499;
                self.overhead = self.spent();
            }
            self.end();
        }
    }
}

fn without_body(answer: Response<AnswerBody>) -> Response<AnswerBody> {
    answer.map(|_| AnswerBody::own(Bytes::new()))
}
