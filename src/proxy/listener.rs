//! The accept loop: a bound on connections, deadlines, and an end in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, warn};

use super::certificate::Certificate;
use super::handshake::shake_hands;
use super::peers::Peer;
use super::phase::Phase;
use super::refusal::Refusal;
use super::socket::{Remote, Socket, Stream};
use super::watched_io::{Deadlines, PollPeek, WatchedIo};
use super::{ListenerSpec, Origin, Places, Proxy, Serving, http2, tls, trace};
use crate::broker::LastToken;
use crate::limits;
use crate::shutdown::Watcher;
use crate::telemetry::{Code, Door, RequestOutcome};
use crate::workers::Workers;

/// A bound listener. Nothing is accepted before [`Listener::run`].
#[derive(Debug)]
pub struct Listener {
    front: Front,
    socket: Socket,
}

/// What is the same for all connections of a listener.
#[derive(Debug)]
struct Front {
    spec: ListenerSpec,
    hosts: Arc<[String]>,
    public_url: Option<Arc<str>>,
    certificate: Option<Arc<Certificate>>,
}

impl Listener {
    /// Binds the address of `spec`, and reads its certificate.
    pub fn bind(spec: ListenerSpec) -> io::Result<Self> {
        let certificate = match spec.tls.clone() {
            Some(files) => {
                let opened = Certificate::open(spec.name(), files).map_err(io::Error::other);
                Some(Arc::new(opened?))
            }
            None => None,
        };
        let socket = Socket::bind(&spec.bind)?;
        // A URL under which callers know us is one under which they may ask.
        let public = spec.public_url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
        let public = public.as_ref().and_then(http::Uri::host).map(str::to_owned);
        let hosts = spec.hosts.iter().cloned().chain(public).collect();
        let public_url = spec.public_url.as_deref().map(Arc::from);
        Ok(Self { front: Front { spec, hosts, public_url, certificate }, socket })
    }

    /// Where it listens, in words: with the port that was found.
    pub fn name(&self) -> String {
        self.address().map_or_else(|| self.front.spec.name(), |address| address.to_string())
    }

    /// Where a TCP listener listens; the port that was found, if the spec's was 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.address()
    }

    /// Accepts until the end, at most as many connections as the limit for the process, all of whose
    /// listeners share `places`. Connections that are being served end by themselves: each holds a
    /// watcher. To be run by one of the workers: a connection that stays with it wakes no thread.
    /// Fails if the system has no room for one thing more to watch.
    pub async fn run(
        self,
        (serving, workers): (Serving, Workers),
        places: Places,
        mut watcher: Watcher,
    ) -> io::Result<()> {
        let Self { front, socket } = self;
        let socket = socket.accepting()?;
        let certificate = front.certificate.clone();
        let metrics = Arc::clone(&serving.now().metrics);
        let name: Arc<str> = front.spec.name().into();
        if certificate.is_some() {
            metrics.tls_offered(&name);
        }
        let fresh = async move {
            match certificate {
                Some(certificate) => certificate.keep_fresh(&metrics).await,
                None => std::future::pending().await,
            }
        };
        let mut fresh = std::pin::pin!(fresh);
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = watcher.triggered() => return Ok(()),
                () = &mut fresh => return Ok(()),
            };
            let (stream, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: a loop without a pause would only spin.
                    warn!(listener = &*name, %error, "can't accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let proxy = serving.now();
            let peer = remote.address.filter(|_| !front.spec.is_loopback()).map(Peer::new);
            let place = places.take(proxy.limits.connections);
            let peer_place = peer.map(|peer| proxy.peers.connect(peer));
            let (Some(place), None | Some(Some(_))) = (place, &peer_place) else {
                debug!(listener = &*name, peer = remote.text, "too many connections");
                proxy.turn_away(front.certificate.is_none().then_some(&stream));
                continue;
            };
            let origin = front.origin(&name, remote, peer);
            let (serving, watcher) = (serving.clone(), watcher.clone());
            let handshake = front.certificate.as_ref().map(|certificate| certificate.config());
            let seat = workers.seat();
            let Ok(handed) = stream.handed_to(&seat) else { continue };
            seat.spawn(async move {
                let Ok(stream) = handed.taken() else { return };
                match handshake {
                    None => {
                        let peeking = (stream, Some(Stream::poll_peek as PollPeek<_>));
                        serve_http1(peeking, serving, origin, watcher).await;
                    }
                    // Boxed, so that plain connections don't have the size of encrypted ones.
                    Some(config) => {
                        Box::pin(encrypted((stream, config), serving, origin, watcher)).await;
                    }
                }
                drop((place, peer_place));
            });
        }
    }
}

impl Front {
    fn origin(&self, name: &Arc<str>, remote: Remote, peer: Option<Peer>) -> Origin {
        Origin {
            listener: Arc::clone(name),
            is_loopback: self.spec.is_loopback(),
            is_tls: self.certificate.is_some(),
            is_ambient: self.spec.is_ambient,
            hosts: Arc::clone(&self.hosts),
            public_url: self.public_url.clone(),
            remote: remote.text.into(),
            address: remote.address,
            peer,
            last_token: LastToken::default(),
            phase: Arc::default(),
        }
    }
}

impl Proxy {
    /// Tells a connection for which there is no place that there is none. The answer fits into an
    /// empty socket, so that nobody waits; what the caller sent is not read. Over TLS there is no
    /// saying anything before a handshake.
    fn turn_away(&self, stream: Option<&Stream>) {
        let request_id = trace::random_hex::<16>();
        let answer = Refusal::new(Code::Overloaded).closing().answer(&request_id, false);
        let (head, body) = answer.into_parts();
        let mut text = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
        for (name, value) in &head.headers {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        text.extend(b"\r\n");
        text.extend(body.into_own());
        if let Some(stream) = stream {
            stream.write_once(&text);
        }
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

/// Shakes hands and serves what was agreed on.
async fn encrypted(
    (stream, config): (Stream, Arc<ServerConfig>),
    serving: Serving,
    mut origin: Origin,
    watcher: Watcher,
) {
    let stream = match shake_hands(stream, config).await {
        Ok(stream) => stream,
        Err((reason, error)) => {
            // Port scanners and health checks do this all day.
            let (listener, peer) = (&*origin.listener, &*origin.remote);
            debug!(listener, peer, reason = reason.as_str(), %error, "no TLS handshake");
            serving.now().metrics.handshake_failed(listener, reason);
            return;
        }
    };
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    if let Some(subject) = certificate.and_then(tls::subject) {
        origin.remote = format!("{} client={subject}", origin.remote).into();
    }
    if session.alpn_protocol() == Some(b"h2") {
        http2::serve(stream, serving, origin, watcher).await;
    } else {
        serve_http1((stream, None), serving, origin, watcher).await;
    }
}

/// Serves one connection to its end: each request with the proxy that serves when it begins, all of
/// them within the limits that were in force when the connection did.
async fn serve_http1<T>(
    (stream, poll_peek): (T, Option<PollPeek<T>>),
    serving: Serving,
    origin: Origin,
    mut watcher: Watcher,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let proxy = serving.now();
    let _open = proxy.metrics.connection_opened(&origin.listener);
    let limits = proxy.limits.clone();
    let deadlines = Deadlines {
        head: limits.head_timeout,
        keep_alive: limits.keep_alive_timeout,
        write: proxy.upstream.idle_timeout,
    };
    // A connection that is kept alive must not keep a configuration alive.
    drop(proxy);
    let phase: Arc<Phase> = Arc::clone(&origin.phase);
    let io = WatchedIo::new(stream, phase, deadlines).with_peek(poll_peek);
    let end = watcher.clone();
    let service = service_fn(|request| {
        let is_draining = end.is_triggered();
        let (proxy, origin) = (serving.now(), &origin);
        // hyper keeps room for a request's future as long as the connection lives: boxed, an idle
        // connection costs a pointer for it.
        Box::pin(proxy.serve(request, origin, is_draining))
    });
    // Somewhat above our own limits, so that what is just too large gets an answer with a code.
    let connection = http1::Builder::new()
        .half_close(poll_peek.is_some())
        .header_read_timeout(None)
        .max_headers(limits.headers + SLACK_HEADERS)
        .max_header_size(limits.head_bytes + SLACK_BYTES)
        .max_buf_size((limits.head_bytes + SLACK_BYTES).max(limits::BUFFER_BYTES))
        .serve_connection(TokioIo::new(io), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = watcher.triggered() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        debug!(listener = &*origin.listener, %error, "a connection ended badly");
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const SLACK_HEADERS: usize = 32;
const SLACK_BYTES: usize = 8 << 10;
