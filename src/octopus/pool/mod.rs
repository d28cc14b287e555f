//! Keep-alive connections to the Octopus server.
//!
//! A pool of our own rather than hyper-util's: it bounds a connection's age (so that a moved server
//! is noticed), tells whether a request that failed was sent at all, and costs less per request.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::connection::{ConnectError, Connector, Opening};
use super::request_body::{BodyFault, Progress, RequestBody};
use super::shelf::{Connection, Shelf};
use super::upstream::Upstream;
use crate::deadline::Deadline;
use crate::limits;
use crate::workers::Workers;

/// Sends requests to one server over pooled connections.
#[derive(Debug, Clone)]
pub struct UpstreamPool {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    connector: Connector,
    idle_timeout: Duration,
    /// Each thread that serves has its own: a connection is driven by the thread that opened it.
    shelves: Vec<Shelf>,
    /// Of all other threads.
    elsewhere: Shelf,
}

/// A connection whose answer's body is still being read. Dropping it closes the connection;
/// [`Lease::put_back`] keeps it.
#[derive(Debug)]
pub struct Lease {
    core: Arc<Core>,
    connection: Connection,
    progress: Arc<Progress>,
    is_last: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection: nothing was sent.
    #[error("there is no connection to Octopus")]
    Connect(#[source] ConnectError),
    /// The connection broke before the head of an answer.
    #[error("the connection to Octopus broke before an answer came")]
    Broken {
        /// True if the connection had served a request before: the server may have closed it while
        /// this request was under way, having read nothing of it.
        was_reused: bool,
        /// What hyper says.
        #[source]
        source: hyper::Error,
    },
    /// What came is not HTTP.
    #[error("Octopus's answer is not HTTP as it should be")]
    Invalid(#[source] hyper::Error),
    /// 101, which nobody asked for.
    #[error("Octopus switched protocols unasked")]
    Switched,
    /// Nothing came for too long, or the server stopped reading.
    #[error("Octopus was silent for {0:?}")]
    Timeout(Duration),
    /// The caller's body ended early.
    #[error("the request's body ended early")]
    Body(#[source] BodyFault),
}

impl UpstreamPool {
    /// No connection yet.
    pub fn new(upstream: &Upstream) -> Self {
        let connector = Connector::new(upstream);
        let shelves = (1..Workers::numbers()).map(|_| Shelf::default()).collect();
        let elsewhere = Shelf::default();
        let core = Core { connector, idle_timeout: upstream.idle_timeout, shelves, elsewhere };
        Self { core: Arc::new(core) }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A request that could not be written, because its connection was closed while idle, is sent
    /// over another; one that may have been read by the server never is.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` keeps room for its arguments twice")]
    pub fn send(
        &self,
        mut request: Request<RequestBody>,
        over: Over,
    ) -> impl Future<Output = Result<(Response<Incoming>, Lease), SendError>> {
        async move {
            let progress = request.body().progress();
            loop {
                let shelf = self.core.own_shelf();
                let idle = if over == Over::Any { shelf.take() } else { None };
                let (mut connection, was_reused) = match idle {
                    Some(idle) => (idle, true),
                    None => Box::pin(self.core.another(shelf, over))
                        .await
                        .map_err(SendError::Connect)?,
                };
                // An idle connection may have been closed in the meantime: that shows here.
                if connection.sender.ready().await.is_err() && was_reused {
                    continue;
                }
                let answer = connection.sender.try_send_request(request);
                let answer =
                    self.core.patiently(answer, &progress, &mut connection.silence).await?;
                let mut error = match answer {
                    Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                        return Err(SendError::Switched);
                    }
                    Ok(answer) => {
                        let core = Arc::clone(&self.core);
                        return Ok((answer, Lease { core, connection, progress, is_last: false }));
                    }
                    Err(error) => error,
                };
                match error.take_message() {
                    Some(unsent) if was_reused => request = unsent,
                    _ => return Err(judge(error.into_error(), was_reused, &progress)),
                }
            }
        }
    }

    /// Closes the connections that are idle.
    pub fn close_idle(&self) {
        let core = &self.core;
        core.shelves.iter().chain([&core.elsewhere]).for_each(Shelf::clear);
    }
}

/// Over which connection a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Whichever is had soonest.
    Any,
    /// One that has not served yet: the server can't have closed it as idle.
    New,
}

/// How a request comes by a connection when none is idle.
enum Way<'a> {
    /// Another request has done with it.
    Returned(Connection),
    Opening(Opening<'a>),
}

impl Core {
    /// A new connection; or one that comes back, if this thread has many already. True if it has
    /// served before.
    async fn another(&self, shelf: &Shelf, over: Over) -> Result<(Connection, bool), ConnectError> {
        let due = Instant::now() + self.connector.timeout();
        let way = async {
            match over {
                Over::Any => self.way(shelf).await,
                Over::New => Way::Opening(self.connector.opening().await),
            }
        };
        let way = tokio::time::timeout_at(due, way).await;
        let opening = match way.map_err(|_| self.connector.too_slow())? {
            Way::Returned(connection) => return Ok((connection, true)),
            Way::Opening(opening) => opening,
        };
        let counted = shelf.count();
        let opened = tokio::time::timeout_at(due, self.connector.connect(opening)).await;
        let (sender, driver) = opened.map_err(|_| self.connector.too_slow())??;
        let silence = Deadline::after(self.idle_timeout);
        Ok((Connection { sender, driver, born: Instant::now(), silence, _counted: counted }, false))
    }

    /// A handshake costs more than ten requests: with many connections, or many on their way, one
    /// of them is likely to serve sooner than a further one. When for a while it is not, Octopus is
    /// slow, and further connections are what helps.
    async fn way(&self, shelf: &Shelf) -> Way<'_> {
        let has_many = shelf.has_many();
        if let Some(opening) = self.connector.opening_at_once().filter(|_| !has_many) {
            return Way::Opening(opening);
        }
        let opening = async {
            if has_many {
                tokio::time::sleep(limits::UPSTREAM_RETURN_TIME).await;
            }
            self.connector.opening().await
        };
        tokio::select! {
            biased;
            connection = shelf.returned() => Way::Returned(connection),
            opening = opening => Way::Opening(opening),
        }
    }

    /// Waits for the head of the answer as long as something moves: bytes of the request, or, once
    /// those are all sent, the server within the idle timeout. While it is the caller who is slow,
    /// the body's own timeout counts.
    async fn patiently<T>(
        &self,
        answer: impl Future<Output = T>,
        progress: &Progress,
        silence: &mut Deadline,
    ) -> Result<T, SendError> {
        let mut answer = std::pin::pin!(answer);
        let mut seen = progress.bytes();
        loop {
            silence.set(self.idle_timeout);
            let next = poll_fn(|context| match answer.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => silence.poll_passed(context).map(|()| None),
            });
            if let Some(answer) = next.await {
                return Ok(answer);
            }
            let sent = progress.bytes();
            if sent == seen && !progress.is_awaiting_caller() {
                return Err(SendError::Timeout(self.idle_timeout));
            }
            seen = sent;
        }
    }

    fn own_shelf(&self) -> &Shelf {
        let of_worker = Workers::number().checked_sub(1);
        of_worker.and_then(|at| self.shelves.get(at)).unwrap_or(&self.elsewhere)
    }
}

impl Lease {
    /// When the server has been silent for too long: for whoever reads the answer's body.
    pub fn silence(&mut self) -> &mut Deadline {
        &mut self.connection.silence
    }

    /// Bytes of the request's body that were sent.
    pub fn bytes_sent(&self) -> u64 {
        self.progress.bytes()
    }

    /// The connection is closed once the answer is read.
    pub fn serve_no_more(&mut self) {
        self.is_last = true;
    }

    /// Keeps the connection for the next request. Call it when the answer's body was read to its
    /// end. If the server answered before the request's body was sent, the connection is closed
    /// instead: what is left of the body must not be read as a request, and is of no use to anybody.
    pub fn put_back(self) {
        let Self { core, connection, progress, is_last } = self;
        if !is_last && progress.is_complete() {
            core.own_shelf().put(connection);
        }
    }
}

fn judge(error: hyper::Error, was_reused: bool, progress: &Progress) -> SendError {
    if let Some(fault) = progress.fault() {
        return SendError::Body(fault);
    }
    if error.is_parse() || error.is_parse_status() {
        return SendError::Invalid(error);
    }
    SendError::Broken { was_reused, source: error }
}

#[cfg(test)]
mod tests;
