//! Keep-alive connections to the Octopus server.
//!
//! A pool of our own rather than hyper-util's: it bounds a connection's age (so that a moved server
//! is noticed), tells whether a request that failed was sent at all, and costs less per request.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::connection::{ConnectError, Connector};
use super::request_body::{BodyFault, Progress, RequestBody};
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
    /// Each thread has its own: a connection is driven by the thread that opened it. The most
    /// recently used at the end, so that the others grow old and go.
    idle: Vec<Mutex<VecDeque<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// One connection. Dropped, it lets go at once of the socket and of the body that it is sending:
/// its driver alone would wait for a server that neither reads nor closes.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<RequestBody>,
    driver: AbortHandle,
    born: Instant,
    /// For the server's silence: one timer for all requests.
    silence: Deadline,
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

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl UpstreamPool {
    /// No connection yet.
    pub fn new(upstream: &Upstream) -> Self {
        let connector = Connector::new(upstream);
        let idle = (0..Workers::numbers()).map(|_| Mutex::default()).collect();
        let core = Core { connector, idle_timeout: upstream.idle_timeout, idle };
        Self { core: Arc::new(core) }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A request that could not be written, because its connection was closed while idle, is sent
    /// over another; one that may have been read by the server never is.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let progress = request.body().progress();
        let mut request = request;
        loop {
            let idle = self.core.take();
            let was_reused = idle.is_some();
            let mut connection = match idle {
                Some(idle) => idle.connection,
                None => Box::pin(self.core.connect()).await.map_err(SendError::Connect)?,
            };
            // An idle connection may have been closed in the meantime: that shows here.
            if connection.sender.ready().await.is_err() && was_reused {
                continue;
            }
            let answer = connection.sender.try_send_request(request);
            let answer = self.core.patiently(answer, &progress, &mut connection.silence).await?;
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

    /// Closes the connections that are idle.
    pub fn close_idle(&self) {
        for idle in &self.core.idle {
            lock(idle).clear();
        }
    }
}

impl Core {
    async fn connect(&self) -> Result<Connection, ConnectError> {
        let (sender, driver) = self.connector.connect().await?;
        let silence = Deadline::after(self.idle_timeout);
        Ok(Connection { sender, driver, born: Instant::now(), silence })
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

    /// The most recently used connection that can serve; those that can't any more are closed on
    /// the way.
    fn take(&self) -> Option<Idle> {
        let mut idle = lock(self.own_idle()?);
        let now = Instant::now();
        while idle.front().is_some_and(|oldest| !oldest.serves_at(now)) {
            idle.pop_front();
        }
        while let Some(newest) = idle.pop_back() {
            if newest.serves_at(now) {
                return Some(newest);
            }
        }
        None
    }

    fn own_idle(&self) -> Option<&Mutex<VecDeque<Idle>>> {
        self.idle.get(Workers::number())
    }
}

impl Idle {
    fn serves_at(&self, now: Instant) -> bool {
        now.duration_since(self.since) < limits::UPSTREAM_IDLE_TIME
            && now.duration_since(self.connection.born) < limits::UPSTREAM_CONNECTION_AGE
            && !self.connection.sender.is_closed()
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
        if is_last || !progress.is_complete() || connection.sender.is_closed() {
            return;
        }
        let Some(idle) = core.own_idle() else { return };
        let mut idle = lock(idle);
        if idle.len() < limits::UPSTREAM_IDLE_CONNECTIONS {
            idle.push_back(Idle { connection, since: Instant::now() });
        }
    }
}

fn lock(idle: &Mutex<VecDeque<Idle>>) -> MutexGuard<'_, VecDeque<Idle>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
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
