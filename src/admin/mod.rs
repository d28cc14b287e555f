//! The operator's door: `/`, `/livez`, `/readyz`, `/metrics`, `/status`, `/decisions/{request id}`, on a
//! listener of its own.
//!
//! In: a request from a scraper, a kubelet or a person. Out: state, and nothing but state: no
//! secrets, and claims only as the log has them, to whoever knows the id of a request. It needs no
//! credential, and nothing here changes anything.

mod browser;
mod decision;
mod page;
mod status;

use std::convert::Infallible;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub use status::{LastReload, Running};

use crate::clock::Clock;
use crate::limits;
use crate::readiness::Readiness;
use crate::tasks;
use crate::telemetry::{Decisions, Metrics, is_hostile};
use status::Status;

/// A bound admin listener.
#[derive(Debug)]
pub struct Admin {
    socket: TcpListener,
    address: SocketAddr,
    desk: Arc<Desk>,
}

/// What the answers are made from.
#[derive(Debug)]
pub struct Desk {
    /// When the process started.
    pub started_at: SystemTime,
    /// The configuration in use, with its issuers, rules and tokens.
    pub running: Arc<ArcSwap<Running>>,
    /// Whether the broker is ready.
    pub readiness: Readiness,
    /// All series.
    pub metrics: Arc<Metrics>,
    /// What became of the last requests.
    pub decisions: Arc<Decisions>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

impl Admin {
    /// Binds `address`.
    pub async fn bind(address: SocketAddr, desk: Desk) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, desk: Arc::new(desk) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for ever; it is dropped last, so that readiness can be seen to go away.
    pub async fn run(self) -> Infallible {
        let places = Arc::new(Semaphore::new(limits::ADMIN_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { continue };
            let Ok((stream, _)) = self.socket.accept().await else {
                tokio::time::sleep(limits::ADMIN_ACCEPT_PAUSE).await;
                continue;
            };
            let desk = Arc::clone(&self.desk);
            tasks::spawn(async move {
                serve(stream, &desk).await;
                drop(place);
            });
        }
    }
}

/// What there is, for whoever asks for something else.
const PAGES: &str = "/ /livez /readyz /metrics /status /decisions/{request id}\n";

async fn serve(stream: TcpStream, desk: &Desk) {
    let is_local = stream.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let service = service_fn(async |request: Request<Incoming>| {
        let refusal = browser::refusal(request.headers(), is_local);
        Ok::<_, Infallible>(refusal.unwrap_or_else(|| desk.answer(&request)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::ADMIN_IDLE_TIME)
        .max_buf_size(limits::ADMIN_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // A scraper that goes away is no event. One that does not read must not keep its place.
    if tokio::time::timeout(limits::ADMIN_CONNECTION_TIME, &mut connection).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(limits::ADMIN_LAST_ANSWER_TIME, connection).await;
    }
}

impl Desk {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let is_head = *request.method() == Method::HEAD;
        if !is_head && *request.method() != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        }
        let answer = match request.uri().path() {
            "/" => {
                let mode = page::Mode::of(request.uri().query());
                page::answer(&Status::of(self, &self.running.load()), mode)
            }
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.readiness(),
            "/metrics" => self.metrics(),
            "/status" => self.status(),
            path => match path.strip_prefix("/decisions/") {
                Some(request_id) => decision::answer(&self.decisions, request_id),
                None => text(StatusCode::NOT_FOUND, PAGES),
            },
        };
        if is_head { answer.map(|_| Full::default()) } else { answer }
    }

    fn readiness(&self) -> Response<Full<Bytes>> {
        let awaited = self.readiness.pending();
        if awaited.is_empty() {
            return text(StatusCode::OK, "ok\n");
        }
        text(StatusCode::SERVICE_UNAVAILABLE, &format!("waiting for: {}\n", awaited.join(", ")))
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let broker = Arc::clone(&self.running.load().broker);
        let access_tokens = broker.access_tokens().remembered();
        let verified_tokens = broker.remembered_tokens();
        self.metrics.cached(access_tokens, verified_tokens, broker.live_stand_ins());
        self.metrics.used_tokens_remembered(broker.used_tokens().count());
        let mut answer = text(StatusCode::OK, &self.metrics.render());
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    }

    fn status(&self) -> Response<Full<Bytes>> {
        document_answer(StatusCode::OK, &Status::of(self, &self.running.load()).document())
    }
}

/// JSON in which no character steers the terminal of who reads it there. Outside of strings JSON has
/// none but line feeds, and there a string has none.
fn document_answer(status: StatusCode, document: &str) -> Response<Full<Bytes>> {
    let mut steerless = String::with_capacity(document.len());
    for character in document.chars() {
        if character != '\n' && is_hostile(character) {
            // All of them are in the basic plane: one escape, no surrogates.
            let _ = write!(steerless, "\\u{:04x}", u32::from(character));
        } else {
            steerless.push(character);
        }
    }
    let mut answer = text(status, &steerless);
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text.to_owned()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
