//! The accept loop: a bound on connections, deadlines, and an end in order.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::refusal::Refusal;
use super::socket::{Socket, Stream};
use super::watched_io::{Deadlines, Phase, WatchedIo};
use super::{ListenerSpec, Origin, Proxy, trace};
use crate::shutdown::Watcher;
use crate::tasks;
use crate::telemetry::{Code, Door, RequestOutcome};

/// A bound listener. Nothing is accepted before [`Listener::run`].
#[derive(Debug)]
pub struct Listener {
    spec: ListenerSpec,
    hosts: Arc<[String]>,
    public_url: Option<Arc<str>>,
    socket: Socket,
}

impl Listener {
    /// Binds the address of `spec`.
    pub async fn bind(spec: ListenerSpec) -> io::Result<Self> {
        let socket = Socket::bind(&spec.bind).await?;
        // A URL under which callers know us is one under which they may ask.
        let public = spec.public_url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
        let public = public.as_ref().and_then(http::Uri::host).map(str::to_owned);
        let hosts = spec.hosts.iter().cloned().chain(public).collect();
        let public_url = spec.public_url.as_deref().map(Arc::from);
        Ok(Self { spec, hosts, public_url, socket })
    }

    /// Where it listens, in words: with the port that was found.
    pub fn name(&self) -> String {
        self.address().map_or_else(|| self.spec.name(), |address| address.to_string())
    }

    /// Where a TCP listener listens; the port that was found, if the spec's was 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.address()
    }

    /// Accepts until the end, at most as many connections as `places` has. Connections that are
    /// being served end by themselves: each holds a watcher.
    pub async fn run(self, proxy: Arc<Proxy>, places: Arc<Semaphore>, mut watcher: Watcher) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = watcher.triggered() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: a loop without a pause would only spin.
                    warn!(listener = self.spec.name(), %error, "can't accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                debug!(listener = self.spec.name(), "connection refused: too many");
                proxy.turn_away(&stream);
                continue;
            };
            let origin = Origin {
                listener: self.spec.name(),
                is_loopback: self.spec.is_loopback(),
                is_ambient: self.spec.is_ambient,
                hosts: Arc::clone(&self.hosts),
                public_url: self.public_url.clone(),
                peer,
                phase: Arc::default(),
            };
            let (proxy, watcher) = (Arc::clone(&proxy), watcher.clone());
            tasks::spawn(async move {
                serve(stream, proxy, origin, watcher).await;
                drop(place);
            });
        }
    }
}

impl Proxy {
    /// Tells a connection for which there is no place that there is none. The answer fits into an
    /// empty socket, so that nobody waits; what the caller sent is not read.
    fn turn_away(&self, stream: &Stream) {
        let request_id = trace::random_hex::<16>();
        let answer = Refusal::new(Code::Overloaded).closing().answer(&request_id, false);
        let (head, body) = answer.into_parts();
        let mut text = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
        for (name, value) in &head.headers {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        text.extend(b"\r\n");
        text.extend(body.into_own());
        stream.write_once(&text);
        self.metrics.request_ended(&RequestOutcome {
            door: Door::None,
            rule: None,
            service_account: None,
            code: Some(Code::Overloaded),
            total: Duration::ZERO,
            overhead: Duration::ZERO,
        });
    }
}

/// Serves one connection to its end.
async fn serve(stream: Stream, proxy: Arc<Proxy>, origin: Origin, mut watcher: Watcher) {
    let _open = proxy.metrics.connection_opened(&origin.listener);
    let limits = &proxy.limits;
    let deadlines = Deadlines {
        head: limits.head_timeout,
        keep_alive: limits.keep_alive_timeout,
        write: proxy.upstream.idle_timeout,
    };
    let phase: Arc<Phase> = Arc::clone(&origin.phase);
    let io = TokioIo::new(WatchedIo::new(stream, phase, deadlines));
    let end = watcher.clone();
    let service = service_fn(|request| {
        let is_draining = end.is_triggered();
        let (proxy, origin) = (&proxy, &origin);
        async move { Ok::<_, Infallible>(proxy.serve(request, origin, is_draining).await) }
    });
    // Somewhat above our own limits, so that what is just too large gets an answer with a code.
    let connection = http1::Builder::new()
        .half_close(false)
        .header_read_timeout(None)
        .max_headers(limits.headers + SLACK_HEADERS)
        .max_header_size(limits.head_bytes + SLACK_BYTES)
        .max_buf_size((limits.head_bytes + SLACK_BYTES).max(MIN_BUFFER))
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = watcher.triggered() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        debug!(listener = origin.listener, %error, "a connection ended badly");
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const SLACK_HEADERS: usize = 32;
const SLACK_BYTES: usize = 8 << 10;
/// hyper's smallest.
const MIN_BUFFER: usize = 8 << 10;
