//! The accept loop that both props share: HTTP/1.1 on loopback, nothing survives its owner.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::answer::Reply;
use crate::connection::{Connection, Tap};
use crate::fault::Cut;

/// What a prop does with requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one request, or cuts the connection.
    fn answer(self: Arc<Self>, call: Call, request: Request<Incoming>) -> Answering;

    /// What to do with a new connection, before TLS.
    fn welcome(&self) -> Welcome {
        Welcome::Serve
    }

    /// Something came that hyper does not take for HTTP.
    fn malformed(&self, _reason: String) {}
}

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Reply, Cut>> + Send>>;

/// The fate of a new connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Welcome {
    Serve,
    Ignore,
    Cut(Cut),
}

/// Where a request came from.
#[derive(Clone)]
pub(crate) struct Call {
    /// Number of the connection, from 1.
    pub(crate) connection: u64,
    /// Number of the request on its connection, from 1.
    pub(crate) nth: usize,
    pub(crate) tap: Tap,
}

/// A running server. Dropping it aborts everything; `stop` also waits for the end.
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
    crashes: Arc<AtomicUsize>,
}

impl Server {
    /// Binds; the address is known before the first request is served.
    pub(crate) async fn bind(address: SocketAddr) -> TcpListener {
        match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => panic!("the emulator cannot listen on {address}: {error}"),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the props that starts a task; it owns all connections"
    )]
    pub(crate) fn start(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        handler: Arc<impl Handler>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let crashes = Arc::new(AtomicUsize::new(0));
        Self {
            stop: Some(stop),
            accepting: tokio::spawn(accept(listener, tls, handler, stopped, crashes.clone())),
            crashes,
        }
    }

    /// How often the emulator itself panicked while it answered.
    pub(crate) fn crashes(&self) -> usize {
        self.crashes.load(Ordering::SeqCst)
    }

    /// Closes the port and every connection, and waits until they are closed.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The loop owns the connections' tasks: they end with it.
        self.accepting.abort();
    }
}

pub(crate) fn local_address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound socket has an address")
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<impl Handler>,
    mut stopped: oneshot::Receiver<()>,
    crashes: Arc<AtomicUsize>,
) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(ended) = connections.join_next() => {
                if ended.is_err_and(|error| error.is_panic()) {
                    crashes.fetch_add(1, Ordering::SeqCst);
                }
            }
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                count += 1;
                connections.spawn(serve(stream, tls.clone(), handler.clone(), count));
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    handler: Arc<impl Handler>,
    number: u64,
) {
    let _ = stream.set_nodelay(true);
    match handler.welcome() {
        Welcome::Serve => {}
        Welcome::Ignore => {
            // Held open, never read: only the caller's patience or our stop ends this.
            std::future::pending::<()>().await;
        }
        Welcome::Cut(how) => return Connection::plain(stream).cut(how).await,
    }
    if let Ok(connection) = secure(stream, tls).await {
        converse(connection, handler, number).await;
    }
}

async fn secure(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Connection> {
    match tls {
        None => Ok(Connection::plain(stream)),
        Some(acceptor) => acceptor.accept(stream).await.map(Connection::tls),
    }
}

/// Speaks HTTP until the connection ends, then performs the cut if the handler asked for one.
async fn converse(connection: Connection, handler: Arc<impl Handler>, number: u64) {
    let tap = connection.tap();
    let served = AtomicU64::new(0);
    let cut = Arc::new(std::sync::Mutex::new(None));
    let asked = cut.clone();
    let answering = handler.clone();
    let service = service_fn(move |request| -> Answering {
        let nth = served.fetch_add(1, Ordering::SeqCst) + 1;
        let call = Call {
            connection: number,
            nth: usize::try_from(nth).unwrap_or(usize::MAX),
            tap: tap.clone(),
        };
        let (answering, tap, asked) = (answering.clone(), tap.clone(), asked.clone());
        Box::pin(async move {
            let outcome = answering.answer(call, request).await;
            tap.forget();
            outcome.inspect_err(|how| *asked.lock().expect("nobody panics here") = Some(*how))
        })
    });

    let mut http = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(connection), service);
    let ended = std::future::poll_fn(|cx| http.poll_without_shutdown(cx)).await;
    let cut = cut.lock().expect("nobody panics here").take();
    let connection = http.into_parts().io.into_inner();
    match (cut, ended) {
        (Some(how), _) => connection.cut(how).await,
        (None, Err(error)) if error.is_parse() => handler.malformed(error.to_string()),
        // A clean end, or an end that the peer or a truncated answer brought about.
        (None, _) => connection.cut(Cut::Close).await,
    }
}
