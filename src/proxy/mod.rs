//! The doors: HTTP in, HTTP out.
//!
//! In: a connection on a listener. Out: Octopus's answer, or a refusal with a code. A request
//! passes these files in order: `listener` (limits, deadlines, TLS by `certificate`, `tls` and
//! `handshake`, drain; `http2` where that was agreed on) → `serving` (by which configuration) → `intake`
//! (framing, `host`, method, `target`, `credentials`; `peers` bounds what failures cost) → `forward`
//! (admission, `access` to Octopus, sending when it is its turn in `turns`, one repetition after a
//! 401; before it `judged_body`, where a rule wants to see the body) → `headers` (what goes out, what
//! comes back) → `answer_body` (streaming) or `refusal` (in the `wording` of its code); `journey` notes what happens on the way and
//! writes the audit line at its end.
//!
//! What the rule judged is byte for byte what is forwarded. One request in is at most one request
//! out. The caller never sees Octopus's credential, Octopus never sees the caller's.
//!
//! What few requests do is awaited in a box of its own: the state of a request is allocated with each,
//! and would have the size of the largest thing that it could ever do.
//!
//! RFC 9110, RFC 9112, RFC 6750 (bearer tokens), W3C Trace Context.

mod access;
mod answer_body;
mod certificate;
mod credentials;
mod forward;
mod handshake;
mod headers;
mod held_body;
mod host;
mod http2;
mod intake;
mod journey;
mod judged_body;
mod listener;
mod peers;
mod phase;
mod places;
mod refusal;
mod serving;
mod socket;
mod spec;
mod target;
mod tls;
mod token_door;
mod trace;
mod turns;
mod via;
mod watched_io;
mod who;
mod wording;

use std::convert::Infallible;
use std::net::IpAddr;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http::request::Parts;
use http::{Request, Response, header};
use hyper::body::Incoming;

pub use listener::Listener;
pub use places::{Place, Places};
pub use serving::Serving;
pub use spec::{Bind, ListenerSpec};
pub use target::check_target;
pub use tls::{TlsFiles, TlsFilesError};
pub use token_door::{Issues, TokenDoor};

use crate::broker::{Broker, LastToken, PresentedToken};
use crate::clock::Clock;
use crate::limits::{self, Limits};
use crate::octopus::{RateBudgets, Upstream, UpstreamPool};
use crate::telemetry::{AuditLog, Code, Metrics};
use answer_body::AnswerBody;
use forward::{Answer, Outgoing};
use headers::AskedAs;
use intake::Presented;
use journey::Journey;
use peers::{Peer, Peers};
use phase::Phase;
use refusal::Refusal;
use token_door::DoorRequest;
use via::Via;

/// What every request needs: one per configuration that was loaded.
#[derive(Debug)]
pub struct Proxy {
    broker: Arc<Broker>,
    upstream: Upstream,
    pool: UpstreamPool,
    rate_budgets: Arc<RateBudgets>,
    via: Via,
    limits: Limits,
    places: Places,
    peers: Arc<Peers>,
    token_door: TokenDoor,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    audit: AuditLog,
}

/// With what requests are timed, counted and written down.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// All series.
    pub metrics: Arc<Metrics>,
    /// The line per request.
    pub audit: AuditLog,
}

/// The connection that a request came on.
#[derive(Debug)]
struct Origin {
    listener: Arc<str>,
    is_loopback: bool,
    is_tls: bool,
    /// Whether a request without credential acts as the broker itself.
    is_ambient: bool,
    /// Names under which a loopback listener may be asked.
    hosts: Arc<[String]>,
    /// Under which callers know the listener, if not under their `Host`.
    public_url: Option<Arc<str>>,
    /// Address and port, or user and process.
    remote: Arc<str>,
    /// Over TCP.
    address: Option<IpAddr>,
    /// Whom its failures are counted against, if they are.
    peer: Option<Peer>,
    last_token: LastToken,
    phase: Arc<Phase>,
}

impl Origin {
    /// The scheme under which callers ask.
    const fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// The URL that stands for Octopus's where the caller asks: its own, or the scheme and the host
    /// under which it asks, which have Octopus's path.
    fn asked_as(&self, head: &Parts) -> Option<AskedAs<'_>> {
        match &self.public_url {
            Some(url) => Some(AskedAs::Public(url.trim_end_matches('/'))),
            None => host::asked_host(head).map(|host| AskedAs::Host(self.scheme(), host)),
        }
    }
}

impl Proxy {
    /// A proxy in front of `upstream`.
    pub fn new(
        broker: Arc<Broker>,
        upstream: Upstream,
        limits: Limits,
        token_door: TokenDoor,
        recorder: Recorder,
    ) -> Self {
        let Recorder { clock, metrics, audit } = recorder;
        Self {
            broker,
            pool: UpstreamPool::new(&upstream),
            rate_budgets: Arc::new(RateBudgets::new(Arc::clone(&clock), Arc::clone(&metrics))),
            upstream,
            via: Via::new(format!("octobroker-{}", trace::random_hex::<4>())),
            places: Places::default(),
            peers: Arc::new(Peers::new(&limits, Arc::clone(&clock))),
            limits,
            token_door,
            clock,
            metrics,
            audit,
        }
    }

    /// The same, with what an earlier one holds for good: its name in `Via`, the places that are
    /// taken; if peers may do as much as before, what they did; and, if it speaks to Octopus in the
    /// same way, its connections and what is known of Octopus's rate limits.
    #[must_use]
    pub fn keeping(mut self, earlier: &Self) -> Self {
        self.via.clone_from(&earlier.via);
        self.places = earlier.places.clone();
        if self.limits.bears_with_peers_like(&earlier.limits) {
            self.peers = Arc::clone(&earlier.peers);
        }
        if self.upstream == earlier.upstream {
            self.pool = earlier.pool.clone();
            self.rate_budgets = Arc::clone(&earlier.rate_budgets);
        }
        self
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What judges credentials.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// What is left of Octopus's rate limits.
    pub fn rate_budgets(&self) -> &Arc<RateBudgets> {
        &self.rate_budgets
    }

    /// The virtual directory of Octopus, which is ours too; empty at the root.
    pub fn path_prefix(&self) -> &str {
        self.upstream.path_prefix()
    }

    /// One request, from its head to the head of its answer.
    ///
    /// What follows is awaited for as long as Octopus takes, by a thousand requests at once: it
    /// holds the request once, where an `async fn` would keep room for it as it came as well.
    fn serve<'a>(
        self: Arc<Self>,
        request: Request<Incoming>,
        origin: impl Deref<Target = Origin> + 'a,
        is_draining: bool,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + 'a {
        let mut journey = Journey::begin(&self, &request, &origin);
        let (mut head, body) = request.into_parts();
        let mut body = Some(body);
        async move {
            let awaits_continue = head.headers.contains_key(header::EXPECT);
            let outcome = if is_draining {
                Err(Refusal::new(Code::Draining).closing())
            } else {
                // A fault of ours ends this request, and no other.
                AssertUnwindSafe(self.pass((&mut head, &mut body), &origin, &mut journey))
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| Err(Refusal::new(Code::Internal).closing()))
            };
            Ok(match outcome {
                Ok(Outcome::Forwarded(answer)) => journey.forwarded(answer),
                Ok(Outcome::Ours(answer)) => journey.answered_here(answer),
                Err(refusal) => {
                    let refusal = self.count_failure(refusal, &origin);
                    // Whoever asks for a token reads no other words, whoever refuses.
                    let is_exchange = self.door_request(&head) == Some(DoorRequest::Exchange);
                    let refusal = if is_exchange { refusal.with_oauth_members() } else { refusal };
                    let mut answer = journey.refused(refusal);
                    refusal::let_go(body, awaits_continue, &mut answer);
                    answer
                }
            })
        }
    }

    fn door_request(&self, head: &Parts) -> Option<DoorRequest> {
        DoorRequest::of(&head.method, head.uri.path(), self.upstream.path_prefix())
    }

    /// Waits for room in the log: a request that can't be written down is not served.
    async fn log_room(&self) -> Result<(), Refusal> {
        if self.audit.has_room() {
            return Ok(());
        }
        let room = tokio::time::timeout(limits::LOG_WAIT, self.audit.room()).await;
        room.map_err(|_| Refusal::new(Code::Overloaded).with_detail("nobody reads the log"))
    }

    /// A token that is known costs nothing and passes; for another, a peer that failed too often
    /// has to wait, so that its forgeries don't cost a signature check each.
    fn check_patience(&self, token: &PresentedToken, origin: &Origin) -> Result<(), Refusal> {
        if token.is_known() {
            return Ok(());
        }
        match origin.peer.and_then(|peer| self.peers.pause(peer)) {
            Some(pause) => Err(Refusal::new(Code::RateLimited).retrying_after(pause)),
            None => Ok(()),
        }
    }

    /// Counts a refused credential against its peer; one too many is refused for that.
    fn count_failure(&self, refusal: Refusal, origin: &Origin) -> Refusal {
        let peer = origin.peer.filter(|_| refusal.is_failed_authentication());
        match peer.and_then(|peer| self.peers.failed(peer)) {
            Some(pause) => refusal.limited(pause),
            None => refusal,
        }
    }

    /// Judges a request and, if nothing is against it, answers or forwards it. A body that was not
    /// begun to be sent stays with the caller.
    async fn pass(
        &self,
        (head, body): (&mut Parts, &mut Option<Incoming>),
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<Outcome, Refusal> {
        self.log_room().await?;
        journey.take_place(self.places.take(self.limits.concurrent_requests))?;
        self.check_head(head, origin)?;
        if let Some(request) = self.door_request(head) {
            let answer = self.answer_at_door(request, (head, body), origin, journey);
            let answer = Box::pin(answer).await?;
            return Ok(Outcome::Ours(answer));
        }
        let mut intake = self.take_in(head, origin, journey)?;
        if let Presented::IdToken(token) = &intake.presented {
            self.check_patience(token, origin)?;
        }
        let admission = self.admit(&mut intake, origin.is_ambient, journey).await?;
        let whose = (&intake, admission.as_ref());
        let judged = self.judge_body(&head.headers, whose, body, journey).await?;
        let is_odd = intake::has_odd_body(&head.method, body.as_ref());
        let outgoing = Outgoing { head, intake: &intake, admission, judged };
        let mut answer = self.forward((outgoing, origin), body, journey).await?;
        if is_odd {
            answer.close_behind();
        }
        Ok(Outcome::Forwarded(answer))
    }
}

/// What came of a request that was not refused.
#[derive(Debug)]
enum Outcome {
    /// Octopus answered.
    Forwarded(Answer),
    /// The broker did.
    Ours(Response<AnswerBody>),
}
