//! The life of a request: recorded, judged, authenticated, perhaps held or spoiled, answered.

use std::sync::Arc;

use http::Request;
use http::header::CONNECTION;
use http_body::Body as _;
use hyper::body::Incoming;

use super::accounts::ServiceAccount;
use super::record::Recorded;
use super::shared::{Held, Shared};
use crate::answer::{self, Reply};
use crate::body::{self, ReadBody};
use crate::fault::{Cut, Fault};
use crate::server::{Answering, Call, Handler, Welcome};

/// What a path is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Discovery,
    Exchange,
    /// Anybody may ask.
    Public,
    /// Only an account may ask.
    Private,
}

/// A request that has passed the door.
pub(super) struct Admitted {
    pub(super) head: http::request::Parts,
    pub(super) recorded: Recorded,
    /// The raw path below the virtual directory.
    pub(super) path: String,
    pub(super) account: Option<ServiceAccount>,
    pub(super) payload: Payload,
    place: usize,
}

/// A request's body. Small ones are read before anything else, large ones when a route wants them.
pub(super) enum Payload {
    Read(ReadBody),
    Streaming(Incoming),
}

const KEPT_BYTES_MAX: usize = 1024 * 1024;

impl Route {
    fn of(method: &str, path: &str) -> Self {
        match (method, path) {
            ("GET" | "HEAD", "/.well-known/openid-configuration") => Self::Discovery,
            ("POST", "/token/v1") => Self::Exchange,
            ("GET" | "HEAD", "/api" | "/api/")
            | (_, "/api/octopusservernodes/ping" | "/api/serverstatus/health") => Self::Public,
            _ if path.starts_with("/api/") || path == "/api" || path == "/mcp" => Self::Private,
            _ => Self::Public,
        }
    }
}

impl Handler for Shared {
    fn answer(self: Arc<Self>, call: Call, request: Request<Incoming>) -> Answering {
        Box::pin(async move {
            let head = call.tap.take_head();
            let recorded = Recorded::of(&request, head.as_deref(), call.connection);
            let place = self.log.add(recorded.clone());
            let outcome = self.receive(recorded, request, place).await;
            outcome.map(|mut reply| {
                let status = reply.status().as_u16();
                self.log.amend(place, |request| request.status = status);
                if self.knobs().close_after.is_some_and(|most| call.nth >= most) {
                    let close = http::HeaderValue::from_static("close");
                    reply.headers_mut().insert(CONNECTION, close);
                }
                reply
            })
        })
    }

    fn welcome(&self) -> Welcome {
        match &self.knobs().connect_fault {
            None => Welcome::Serve,
            Some(Fault::Hang) => Welcome::Ignore,
            Some(Fault::Reset) => Welcome::Cut(Cut::Reset),
            Some(Fault::Garbage) => Welcome::Cut(Cut::Garbage),
            Some(_) => Welcome::Cut(Cut::Close),
        }
    }

    fn malformed(&self, reason: String) {
        self.complain(format!("something came that is not an HTTP request: {reason}"));
    }
}

impl Shared {
    /// Judges the request and lets it in, or refuses it.
    async fn receive(
        &self,
        mut recorded: Recorded,
        request: Request<Incoming>,
        place: usize,
    ) -> Result<Reply, Cut> {
        let (head, body) = request.into_parts();
        let payload = self.first_look(place, body).await?;
        let path = self.below_virtual_directory(recorded.path());
        let route = path.as_deref().map_or(Route::Public, |path| Route::of(&recorded.method, path));
        if route == Route::Exchange {
            self.count_exchange();
        }
        let broken = self.rules_broken_by(&recorded, route == Route::Exchange);
        if !broken.is_empty() {
            let refusal = answer::octopus_error(400, &format!("emulator: {}", broken.join("; ")));
            for sentence in broken {
                self.complain(sentence);
            }
            return Ok(refusal);
        }
        let Some(path) = path else {
            return Ok(answer::octopus_error(404, "outside of the virtual directory"));
        };

        let account = self.authenticated(&recorded);
        recorded.credential = account.as_ref().map(|account| account.name.clone());
        let credential = recorded.credential.clone();
        self.log.amend(place, |request| request.credential = credential);

        let admitted = Admitted { head, recorded, path, account, payload, place };
        self.limited(route, admitted).await
    }

    /// Answers within the rate limit, if there is one.
    async fn limited(&self, route: Route, request: Admitted) -> Result<Reply, Cut> {
        let Some(policy) = self.knobs().rate_limit else {
            return self.held(route, request).await;
        };
        let who = request.recorded.credential.clone();
        let now = self.clock.since_epoch();
        let verdict = self.limiter.take(who.as_deref(), policy, now);
        let mut reply =
            if verdict.is_allowed { self.held(route, request).await? } else { verdict.refusal() };
        verdict.advise(&mut reply);
        Ok(reply)
    }

    /// Lets the request wait at the gates, then answers it, spoiled by the fault that is set.
    async fn held(&self, route: Route, request: Admitted) -> Result<Reply, Cut> {
        if route == Route::Private && request.account.is_none() {
            return Ok(unauthorized());
        }
        let barriers = self.barriers(|held| match held {
            Held::Exchanges => route == Route::Exchange,
            Held::Requests(prefix) => request.path.starts_with(prefix),
            Held::Events => false,
        });
        for barrier in barriers {
            barrier.pass().await;
        }
        match self.fault_for(route, &request.path) {
            Some(fault) => fault.apply(self.routed(route, request)).await,
            None => Ok(self.routed(route, request).await),
        }
    }

    fn fault_for(&self, route: Route, path: &str) -> Option<Fault> {
        self.take_fault(path).or_else(|| {
            let knobs = self.knobs();
            let fault = match route {
                Route::Discovery => &knobs.discovery_fault,
                Route::Exchange => &knobs.exchange_fault,
                Route::Public | Route::Private => &knobs.api_fault,
            };
            fault.clone()
        })
    }

    async fn routed(&self, route: Route, mut request: Admitted) -> Reply {
        match route {
            Route::Discovery => return self.discovery(),
            Route::Exchange => {
                let body = self.whole_body(&mut request).await;
                return self.exchange(&request.head.headers, &body);
            }
            Route::Public | Route::Private => {}
        }
        if let Some(reply) = self.scripted(&request.path) {
            self.whole_body(&mut request).await;
            return reply;
        }
        match route {
            Route::Private => self.private(request).await,
            _ => self.public(&request),
        }
    }

    /// Reads a body that is small and of known length, so that a refusal keeps the connection.
    async fn first_look(&self, place: usize, body: Incoming) -> Result<Payload, Cut> {
        const SMALL: u64 = 64 * 1024;
        if body.size_hint().exact().is_none_or(|size| size > SMALL) {
            return Ok(Payload::Streaming(body));
        }
        let read = body::read(body, KEPT_BYTES_MAX).await;
        let read = read.map_err(|_| Cut::Close)?;
        self.note_body(place, &read);
        Ok(Payload::Read(read))
    }

    /// Reads what is left of the body; gives its beginning, capped.
    pub(super) async fn whole_body(&self, request: &mut Admitted) -> bytes::Bytes {
        if let Payload::Streaming(body) = &mut request.payload {
            // A peer that breaks off will not see the answer either.
            let Ok(read) = body::read(body, KEPT_BYTES_MAX).await else {
                return bytes::Bytes::new();
            };
            self.note_body(request.place, &read);
            request.payload = Payload::Read(read);
        }
        match &request.payload {
            Payload::Read(read) => read.kept.clone(),
            Payload::Streaming(_) => bytes::Bytes::new(),
        }
    }

    fn note_body(&self, place: usize, body: &ReadBody) {
        self.log.amend(place, |request| {
            request.body_sha256.clone_from(&body.sha256);
            request.body_bytes = body.bytes;
        });
    }

    fn below_virtual_directory(&self, path: &str) -> Option<String> {
        let below = path.strip_prefix(&self.virtual_directory)?;
        match below {
            "" => Some("/".to_owned()),
            _ if below.starts_with('/') => Some(below.to_owned()),
            _ => None,
        }
    }
}

pub(super) fn unauthorized() -> Reply {
    answer::octopus_error(
        401,
        "You must be logged in to request this resource or provide a valid API key. Your account \
         may have been disabled, please contact your Octopus administrator",
    )
}
