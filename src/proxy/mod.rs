//! The doors: HTTP in, HTTP out.
//!
//! In: a connection on a listener. Out: Octopus's answer, or a refusal with a code. A request
//! passes these files in order: `listener` (limits, deadlines, drain) → `intake` (framing, host,
//! method, `target`, `credentials`) → `forward` (admission, access token, sending, one repetition
//! after a 401) → `headers` (what goes out, what comes back) → `answer_body` (streaming) or
//! `refusal`; `journey` notes what happens on the way and writes the audit line at its end.
//!
//! What the rule judged is byte for byte what is forwarded. One request in is at most one request
//! out. The caller never sees Octopus's credential, Octopus never sees the caller's.
//!
//! RFC 9110, RFC 9112, RFC 6750 (bearer tokens), W3C Trace Context.

mod answer_body;
mod credentials;
mod forward;
mod headers;
mod intake;
mod journey;
mod listener;
mod refusal;
mod spec;
mod target;
mod trace;
mod watched_io;

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, header};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

pub use listener::Listener;
pub use spec::ListenerSpec;

use crate::broker::Broker;
use crate::clock::Clock;
use crate::limits::Limits;
use crate::octopus::{Upstream, UpstreamPool};
use crate::telemetry::{AuditLog, Code, Metrics};
use answer_body::AnswerBody;
use forward::{Answer, Outgoing};
use journey::Journey;
use refusal::Refusal;
use watched_io::Phase;

/// What every request needs: one per process.
#[derive(Debug)]
pub struct Proxy {
    broker: Arc<Broker>,
    upstream: Upstream,
    pool: UpstreamPool,
    /// What `Via` calls this process: found in an inbound `Via`, the request has been here before.
    pseudonym: String,
    limits: Limits,
    places: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    audit: AuditLog,
}

/// The connection that a request came on.
#[derive(Debug)]
struct Origin {
    listener: String,
    is_loopback: bool,
    /// Names under which a loopback listener may be asked.
    hosts: Arc<[String]>,
    peer: SocketAddr,
    phase: Arc<Phase>,
}

impl Proxy {
    /// A proxy in front of `upstream`.
    pub fn new(
        broker: Arc<Broker>,
        upstream: Upstream,
        limits: Limits,
        audit: AuditLog,
        (clock, metrics): (Arc<dyn Clock>, Arc<Metrics>),
    ) -> Self {
        Self {
            broker,
            pool: UpstreamPool::new(&upstream),
            upstream,
            pseudonym: format!("octobroker-{}", trace::random_hex::<4>()),
            places: Arc::new(Semaphore::new(limits.concurrent_requests)),
            limits,
            clock,
            metrics,
            audit,
        }
    }

    /// One request, from its head to the head of its answer.
    async fn serve(
        self: &Arc<Self>,
        request: Request<Incoming>,
        origin: &Origin,
        is_draining: bool,
    ) -> Response<AnswerBody> {
        let mut journey = Journey::begin(self, &request, origin);
        let (head, body) = request.into_parts();
        let mut body = Some(body);
        let awaits_continue = head.headers.contains_key(header::EXPECT);
        let outcome = if is_draining {
            Err(Refusal::new(Code::Draining).closing())
        } else {
            self.pass(head, &mut body, origin, &mut journey).await
        };
        match outcome {
            Ok(answer) => journey.forwarded(answer),
            Err(refusal) => {
                let mut answer = journey.refused(refusal);
                refusal::let_go(body, awaits_continue, &mut answer);
                answer
            }
        }
    }

    /// The answer when serving a request panicked: one fault must not stop the others.
    fn crashed() -> Response<AnswerBody> {
        Refusal::new(Code::Internal).closing().answer(&trace::random_hex::<16>(), false)
    }

    /// Judges a request and, if nothing is against it, forwards it. A body that was not begun to be
    /// sent stays with the caller.
    async fn pass(
        &self,
        head: Parts,
        body: &mut Option<Incoming>,
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<Answer, Refusal> {
        journey.take_place(&self.places)?;
        let intake = self.take_in(&head, origin, journey)?;
        let admission = self.admit(&intake, journey).await?;
        self.forward(Outgoing { head, intake, admission }, body, journey).await
    }
}
