//! What happens to one request, noted on the way; the audit line and the metrics at its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use hyper::body::Incoming;

use super::answer_body::AnswerBody;
use super::forward::Answer;
use super::refusal::Refusal;
use super::trace::Trace;
use super::watched_io::Phase;
use super::{Origin, Place, Proxy};
use crate::broker::{Admission, Identity};
use crate::identity::{Fingerprint, VerifiedToken};
use crate::telemetry::{
    AccessTokenResult, AuditRecord, Code, Door, InFlight, Missed, RequestOutcome,
};

/// Lives as long as the request, body of the answer included. Dropped before its end, it notes that
/// somebody went away.
#[derive(Debug)]
pub(super) struct Journey {
    proxy: Arc<Proxy>,
    record: AuditRecord,
    pub(super) trace: Trace,
    is_head: bool,
    started: Duration,
    /// Spent waiting for Octopus or for body bytes.
    waited: Duration,
    overhead: Duration,
    is_over: bool,
    phase: Arc<Phase>,
    place: Option<Place>,
    in_flight: Option<InFlight>,
}

impl Journey {
    pub(super) fn begin(proxy: &Arc<Proxy>, request: &Request<Incoming>, origin: &Origin) -> Self {
        origin.phase.begin();
        let trace = Trace::of(request.headers());
        let record = AuditRecord {
            request_id: trace.request_id.clone(),
            traceparent: Some(trace.traceparent.clone()),
            listener: origin.listener.clone(),
            peer: origin.remote.clone(),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            ..AuditRecord::default()
        };
        Self {
            proxy: Arc::clone(proxy),
            record,
            trace,
            is_head: *request.method() == Method::HEAD,
            started: proxy.clock.elapsed(),
            waited: Duration::ZERO,
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
        self.record.route = Some(template.to_owned());
    }

    pub(super) fn came_by(&mut self, door: Door) {
        self.record.door = door;
    }

    pub(super) fn presented(&mut self, fingerprint: Fingerprint) {
        self.record.token = Some(fingerprint.short());
    }

    /// The token claims to be from this issuer, and is not believed.
    pub(super) fn claimed(&mut self, issuer: Option<String>) {
        self.record.issuer = issuer;
    }

    pub(super) fn verified(&mut self, token: &VerifiedToken) {
        self.record.issuer = Some(token.issuer_name().to_owned());
        self.record.subject = Some(token.subject().to_owned());
        self.record.audience = Some(token.audience().to_owned());
        self.record.jti = token.token_id().map(str::to_owned);
    }

    pub(super) fn admitted(&mut self, admission: &Admission) {
        if let Some(token) = admission.token() {
            self.verified(token);
        } else {
            let Identity { issuer, subject, audience } = admission.identity();
            let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            self.record.issuer = said(issuer);
            self.record.subject = said(subject);
            self.record.audience = said(audience);
        }
        self.record.rule = admission.rule().map(str::to_owned);
        self.record.service_account = Some(admission.service_account().name.clone());
        self.record.agent = admission.service_account().is_agent;
    }

    pub(super) fn missed(&mut self, missed: Vec<Missed>) {
        self.record.missed = missed;
    }

    /// An access token was had, or not, after `waited`.
    pub(super) fn exchanged(&mut self, result: AccessTokenResult, waited: Duration) {
        self.record.cache = Some(result);
        let earlier = self.record.exchange_ms.unwrap_or_default();
        self.record.exchange_ms = Some(earlier + milliseconds(waited));
        self.waited += waited;
    }

    /// The body of the request was held, after `waited`.
    pub(super) fn held(&mut self, waited: Duration) {
        self.waited += waited;
    }

    /// Octopus answered, or failed to, after `waited`.
    pub(super) fn answered(&mut self, status: Option<u16>, waited: Duration) {
        self.record.upstream_status = status;
        self.record.upstream_ms = Some(milliseconds(waited));
        self.waited += waited;
        if let Some(status) = status {
            let account = self.record.service_account.as_deref();
            self.proxy.metrics.upstream_answered(account, status, waited);
        }
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.record.bytes_in = bytes;
    }

    pub(super) fn returned(&mut self, bytes: usize) {
        self.record.bytes_out += bytes as u64;
        self.phase.step();
    }

    /// Octopus's answer goes to the caller; the journey goes with its body.
    pub(super) fn forwarded(mut self, mut answer: Answer) -> Response<AnswerBody> {
        self.record.status = answer.head.status.as_u16();
        self.trace.tell(&mut answer.head.headers);
        self.overhead = self.spent();
        let idle_timeout = self.proxy.upstream.idle_timeout;
        let body = AnswerBody::upstream(answer.body, answer.lease, idle_timeout, self);
        Response::from_parts(answer.head, body)
    }

    /// The broker's own answer goes to the caller: the request was for the broker itself.
    pub(super) fn answered_here(mut self, answer: Response<AnswerBody>) -> Response<AnswerBody> {
        let mut answer = if self.is_head { without_body(answer) } else { answer };
        self.trace.tell(answer.headers_mut());
        self.record.status = answer.status().as_u16();
        self.record.bytes_out = answer.body().size_hint().exact().unwrap_or_default();
        self.overhead = self.spent();
        self.end();
        answer
    }

    /// The broker's own refusal goes to the caller.
    pub(super) fn refused(mut self, refusal: Refusal) -> Response<AnswerBody> {
        let answer = refusal.answer(&self.trace.request_id, self.is_head);
        self.record.status = answer.status().as_u16();
        self.record.code = Some(refusal.code);
        self.record.bytes_out = answer.body().size_hint().exact().unwrap_or_default();
        self.record.detail = refusal.detail;
        self.record.aborted = refusal.is_caller_gone;
        if !refusal.missed.is_empty() {
            self.record.missed = refusal.missed;
        }
        self.overhead = self.spent();
        self.end();
        answer
    }

    /// Octopus's answer broke off after its head had gone to the caller.
    pub(super) fn broke_off(&mut self, code: Code, detail: String) {
        self.record.code = Some(code);
        self.record.detail = Some(detail);
        self.record.aborted = true;
        self.end();
    }

    /// The last byte of the answer is on its way.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let total = self.elapsed();
        self.record.duration_ms = milliseconds(total);
        self.proxy.metrics.request_ended(&RequestOutcome {
            door: self.record.door,
            rule: self.record.rule.as_deref(),
            service_account: self.record.service_account.as_deref(),
            code: self.record.code,
            total,
            overhead: self.overhead,
        });
        self.proxy.audit.write(&self.record);
        self.phase.end();
        self.place = None;
        self.in_flight = None;
    }

    fn spent(&self) -> Duration {
        self.elapsed().saturating_sub(self.waited)
    }

    fn elapsed(&self) -> Duration {
        self.proxy.clock.elapsed().saturating_sub(self.started)
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        if !self.is_over {
            self.record.aborted = true;
            if self.record.status == 0 {
                // As nginx has it: the caller went away before there was an answer.
                self.record.status = 499;
                self.overhead = self.spent();
            }
            self.end();
        }
    }
}

fn without_body(answer: Response<AnswerBody>) -> Response<AnswerBody> {
    answer.map(|_| AnswerBody::own(Bytes::new()))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
