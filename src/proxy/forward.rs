//! Admission, access token, sending; once more after a 401 if that is safe.

use bytes::Bytes;
use http::request::Parts;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header, response,
};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use super::headers::{self, AskedAs};
use super::intake::{self, Intake, Presented};
use super::journey::Journey;
use super::refusal::Refusal;
use super::turns::{self, Turns};
use super::{Origin, Proxy};
use crate::broker::{Admission, AdmissionError, Credential, Holder, Obtained};
use crate::limits;
use crate::octopus::{BodyFault, Lease, NotAllowed, Over, RequestBody, SendError};
use crate::secret::without_tokens;
use crate::telemetry::{Code, Door, error_chain};

/// A request that was judged.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    /// Its headers are taken.
    pub(super) head: &'a mut Parts,
    pub(super) intake: &'a Intake,
    /// `None` for a request that needs no credential and has none.
    pub(super) admission: Option<Admission>,
    /// The body, if a rule has judged it.
    pub(super) judged: Option<Bytes>,
}

/// Octopus's answer, its headers made fit for the caller.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: response::Parts,
    pub(super) body: Incoming,
    pub(super) lease: Lease,
}

impl Answer {
    /// Nothing follows on either connection: a reader who framed the request differently would
    /// find the rest of it there.
    pub(super) fn close_behind(&mut self) {
        self.head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        self.lease.serve_no_more();
    }
}

/// What is sent, ready to be sent once more if the body is held.
struct Message {
    method: Method,
    uri: http::Uri,
    headers: HeaderMap,
}

impl Proxy {
    /// Judges the credential of a request.
    pub(super) async fn admit(
        &self,
        intake: &mut Intake,
        is_ambient: bool,
        journey: &mut Journey,
    ) -> Result<Option<Admission>, Refusal> {
        let named = intake.service_account.as_deref();
        let presented = std::mem::replace(&mut intake.presented, Presented::Nothing);
        let admission = match presented {
            Presented::Nothing if is_ambient => {
                journey.came_by(Door::Ambient);
                self.admit_itself().await?
            }
            Presented::Nothing if intake.is_anonymous => return Ok(None),
            Presented::Nothing => return Err(Refusal::new(Code::CredentialMissing)),
            Presented::StandIn(key) => {
                journey.came_by(Door::StandIn);
                match self.broker.redeem(&key) {
                    None => return Err(Refusal::new(Code::StandInUnknown)),
                    Some(Holder::Workload(admission)) => admission,
                    Some(Holder::Itself) => self.admit_itself().await?,
                }
            }
            Presented::IdToken(token) => {
                journey.came_by(Door::Bearer);
                journey.presented(token.fingerprint());
                let admission = self.broker.admit(token, named).await;
                admission.map_err(|error| refused(error, named, journey))?
            }
        };
        journey.admitted(&admission);
        // Rules were chosen by the name; a stand-in and the own identity have one account.
        if let Some(named) = named.filter(|named| *named != admission.service_account().name) {
            let named = shown(named);
            let detail = format!("the credential is for another service account than {named}");
            return Err(Refusal::new(Code::NoRuleMatched).with_detail(detail));
        }
        let Some(call) = intake.call() else {
            let detail = "the path is outside the virtual directory of octopus.url";
            return Err(Refusal::new(Code::RequestNotAllowed).with_detail(detail));
        };
        admission.grant().judge(&call).map_err(|error| not_allowed(&error))?;
        self.check_unused(&admission)?;
        Ok(Some(admission))
    }

    /// The admission of a request that acts as the broker itself.
    async fn admit_itself(&self) -> Result<Admission, Refusal> {
        self.broker.admit_itself().await.map_err(|error| {
            Refusal::new(Code::ExchangeUnavailable).with_detail(error_chain(&error))
        })
    }

    /// Sends a request and brings back the head of the answer.
    pub(super) async fn forward(
        &self,
        (outgoing, origin): (Outgoing<'_>, &Origin),
        body: &mut Option<Incoming>,
        journey: &mut Journey,
    ) -> Result<Answer, Refusal> {
        let Outgoing { head, intake, admission, judged } = outgoing;
        let asked = origin.asked_as(head);
        let mut message = self.message(head, intake, (origin, journey))?;
        let mut patience = self.patience();
        // The credential first: a body that is held or begun is of no use without it.
        let mut current = match &admission {
            Some(admission) => Some(self.first_credential(admission, patience, journey).await?),
            None => None,
        };
        let (mut attempt, held) = match judged {
            Some(judged) => (RequestBody::held(judged.clone()), Some(judged)),
            None => self.first_body(body, &mut patience, journey).await?,
        };
        let turns = Turns::of(self, admission.as_ref(), patience);
        let mut is_repetition = false;
        loop {
            if let Some(credential) = &current {
                headers::attach(&mut message.headers, credential.line());
            }
            let bodies = (attempt, held.as_ref());
            let (answer, lease) = self.send_in_turn(&message, bodies, &turns, journey).await?;
            let rejected = answer.status() == StatusCode::UNAUTHORIZED;
            let (Some(admission), Some(Credential::AccessToken(obtained)), true) =
                (&admission, &current, rejected)
            else {
                return Ok(self.made_fit(answer, lease, asked.as_ref()));
            };
            // Nothing was processed: Octopus did not accept the token.
            let is_last = is_repetition || (held.is_none() && obtained.is_new());
            let may_repeat = self.rejected(admission, obtained, is_last);
            let (Some(held), true) = (&held, may_repeat) else {
                return Ok(self.made_fit(answer, lease, asked.as_ref()));
            };
            current = Some(self.credential(admission, patience, journey).await?);
            attempt = RequestBody::held(held.clone());
            is_repetition = true;
        }
    }

    /// Takes note of a 401. True if the request may be sent with a fresh token; never if the token
    /// was fetched for this request and this was its last chance.
    fn rejected(&self, admission: &Admission, obtained: &Obtained, is_last: bool) -> bool {
        if is_last {
            self.broker.access_tokens().reject_fresh(admission);
            return false;
        }
        self.broker.access_tokens().reject(admission, obtained)
    }

    fn message(
        &self,
        head: &mut Parts,
        intake: &Intake,
        (origin, journey): (&Origin, &Journey),
    ) -> Result<Message, Refusal> {
        let (method, mut headers) = (head.method.clone(), std::mem::take(&mut head.headers));
        let via = self.via.value(head.version);
        headers::for_octopus(&mut headers, via, &self.upstream, &journey.trace);
        if let Some(address) = origin.address.filter(|_| self.upstream.is_told_address) {
            headers::tell_address(&mut headers, address);
        }
        Ok(Message { method, uri: intake::uri(&intake.target, &head.uri)?, headers })
    }

    /// The body for the first attempt; and the same held, if it is small enough to be sent twice.
    async fn first_body(
        &self,
        body: &mut Option<Incoming>,
        patience: &mut Instant,
        journey: &mut Journey,
    ) -> Result<(RequestBody, Option<Bytes>), Refusal> {
        let incoming = body.take().filter(|incoming| !incoming.is_end_stream());
        let Some(incoming) = incoming else {
            return Ok((RequestBody::held(Bytes::new()), Some(Bytes::new())));
        };
        let is_small = incoming
            .size_hint()
            .exact()
            .is_some_and(|bytes| bytes <= limits::REPLAY_BODY_BYTES as u64);
        if !is_small {
            return Ok((self.streamed(incoming, journey), None));
        }
        let begun = Instant::now();
        let held = Box::pin(self.hold(incoming, (limits::REPLAY_BODY_BYTES, None), journey)).await;
        // Only waits for Octopus's limits cost patience.
        *patience += begun.elapsed();
        let held = held?;
        Ok((RequestBody::held(held.clone()), Some(held)))
    }

    /// Sends when it is the request's turn; once more after a 429, which means that nothing was
    /// processed, if the body is held and patience lasts.
    async fn send_in_turn(
        &self,
        message: &Message,
        (body, held): (RequestBody, Option<&Bytes>),
        turns: &Turns,
        journey: &mut Journey,
    ) -> Result<(Response<Incoming>, Lease), Refusal> {
        let mut body = body;
        loop {
            let turn = turns.next(journey).await;
            let (answer, lease) = self.send(message, body, held, journey).await?;
            turn.answered(&answer);
            let may_repeat = turns.may_wait_after(answer.status());
            let Some(held) = held.filter(|_| may_repeat) else {
                return Ok((answer, lease));
            };
            Box::pin(turns::discard(answer, lease)).await;
            body = RequestBody::held(held.clone());
        }
    }

    /// Sends once; over a second connection if the first had been closed by the server while it
    /// was idle and the request is one that may be repeated (RFC 9110 9.2.2).
    async fn send(
        &self,
        message: &Message,
        body: RequestBody,
        held: Option<&Bytes>,
        journey: &mut Journey,
    ) -> Result<(Response<Incoming>, Lease), Refusal> {
        let (mut body, mut over) = (body, Over::Any);
        loop {
            let progress = body.progress();
            let start = self.clock.elapsed();
            let outcome = self.pool.send(message.with(body), over).await;
            let waited = self.clock.elapsed().saturating_sub(start);
            journey.sent(progress.bytes());
            match (outcome, held) {
                (Ok((answer, lease)), _) => {
                    journey.answered(Some(answer.status().as_u16()), waited);
                    return Ok((answer, lease));
                }
                (Err(SendError::Broken { was_reused: true, .. }), Some(held))
                    if message.method.is_idempotent() && !message.is_overridden() =>
                {
                    journey.held(waited);
                    // All that have served are suspect now; a new one is not `was_reused`.
                    self.pool.close_idle();
                    over = Over::New;
                    body = RequestBody::held(held.clone());
                }
                (Err(error), _) => {
                    journey.answered(None, waited);
                    return Err(send_refusal(&error));
                }
            }
        }
    }

    fn made_fit(
        &self,
        answer: Response<Incoming>,
        lease: Lease,
        asked: Option<&AskedAs<'_>>,
    ) -> Answer {
        let (mut head, body) = answer.into_parts();
        headers::for_caller(&mut head.headers, head.status, &self.upstream, asked);
        head.version = Version::HTTP_11;
        Answer { head, body, lease }
    }
}

impl Message {
    fn with(&self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    fn is_overridden(&self) -> bool {
        self.headers.contains_key(intake::METHOD_OVERRIDE)
    }
}

/// The refusal of a caller that named this service account, or none.
pub(super) fn refused(
    error: AdmissionError,
    named: Option<&str>,
    journey: &mut Journey,
) -> Refusal {
    let code = error.code();
    match error {
        AdmissionError::Refused { issuer, error } => {
            journey.claimed(issuer);
            let refusal = Refusal::new(code).with_detail(error.to_string());
            if code == Code::KeysUnavailable {
                return refusal.retrying_after(limits::JWKS_RETRY_MIN);
            }
            refusal
        }
        AdmissionError::NoRule { token, missed } => {
            journey.verified(token);
            let nobody = missed.is_empty();
            journey.missed(missed);
            let refusal = Refusal::new(code);
            if nobody {
                return refusal.with_detail(match named {
                    Some(named) => format!(
                        "no rule is for this issuer, this audience and the service account {}, \
                         which the caller names",
                        shown(named)
                    ),
                    None => "no rule is for this issuer and audience".to_owned(),
                });
            }
            refusal
        }
        error @ (AdmissionError::NoClaims | AdmissionError::NoAccount { .. }) => {
            Refusal::new(code).with_detail(error.to_string())
        }
    }
}

/// What a caller wrote for a name, for the operator: it may be a token, by mistake.
fn shown(named: &str) -> String {
    format!("{:?}", without_tokens(named, ""))
}

/// The caller learns what its call needs; what the rule has is for the log.
pub(super) fn not_allowed(error: &NotAllowed) -> Refusal {
    Refusal::new(Code::RequestNotAllowed).saying(error.sentence()).with_detail(error.to_string())
}

fn send_refusal(error: &SendError) -> Refusal {
    let code = match error {
        // It may have read the request: that is no matter of reach.
        SendError::Broken { source, .. } if source.is_incomplete_message() => Code::UpstreamInvalid,
        SendError::Connect(_) | SendError::Broken { .. } => Code::UpstreamUnreachable,
        SendError::Invalid(_) | SendError::Switched => Code::UpstreamInvalid,
        SendError::Timeout(_) => Code::UpstreamTimeout,
        SendError::Body(BodyFault::Stalled) => Code::RequestTimeout,
        SendError::Body(BodyFault::Broken) => Code::BadRequest,
    };
    let refusal = Refusal::new(code).with_detail(error_chain(error));
    let refusal = if matches!(error, SendError::Body(BodyFault::Broken)) {
        refusal.caller_gone()
    } else {
        refusal
    };
    if matches!(error, SendError::Body(_)) { refusal.closing() } else { refusal }
}
