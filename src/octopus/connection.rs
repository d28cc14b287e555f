//! One connection to the Octopus server: TCP, TLS, HTTP/1.1.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::reach;
use super::request_body::RequestBody;
use super::upstream::Upstream;
use crate::gathering::Gathering;
use crate::http_client::{CA_AS_SERVER, is_ca_as_server};
use crate::limits;
use crate::tasks;

/// Plain or encrypted.
type Stream = Either<Gathering<TcpStream>, TlsStream<Gathering<TcpStream>>>;

/// Opens connections to one server.
#[derive(Debug)]
pub(super) struct Connector {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
    /// More connections at once than a server's accept queue has room for would be lost on the way
    /// and tried again seconds later.
    openings: Semaphore,
}

/// Leave to open one connection.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name can't be resolved, or nobody listens.
    #[error("can't connect to {host}:{port}")]
    Tcp {
        /// As configured.
        host: String,
        /// As configured, or the scheme's.
        port: u16,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The certificate or the handshake is not acceptable.
    #[error("can't agree on TLS with {host}:{port}")]
    Tls {
        /// As configured.
        host: String,
        /// As configured, or the scheme's.
        port: u16,
        /// What rustls says.
        #[source]
        source: io::Error,
    },
    /// The server presents a certificate authority's own certificate.
    #[error("{host}:{port} presents {CA_AS_SERVER}")]
    CaAsServer {
        /// As configured.
        host: String,
        /// As configured, or the scheme's.
        port: u16,
    },
    /// Too slow.
    #[error("{host}:{port} did not accept a connection within {timeout:?}")]
    Timeout {
        /// As configured.
        host: String,
        /// As configured, or the scheme's.
        port: u16,
        /// The time that it had.
        timeout: Duration,
    },
    /// HTTP could not be begun.
    #[error("can't begin HTTP/1.1")]
    Http(#[source] hyper::Error),
}

impl Connector {
    pub(super) fn new(upstream: &Upstream) -> Self {
        let (host, port) = upstream.socket();
        let tls = upstream.is_encrypted().then(|| upstream.tls_roots.shared_config());
        let openings = Semaphore::new(limits::UPSTREAM_OPENINGS);
        Self { host, port, tls, timeout: upstream.connect_timeout, openings }
    }

    /// How long opening a connection may take, the wait for leave included.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// It took longer.
    pub(super) fn too_slow(&self) -> ConnectError {
        let Self { host, port, timeout, .. } = self;
        ConnectError::Timeout { host: host.clone(), port: *port, timeout: *timeout }
    }

    /// Leave for one connection more, in the order in which it was asked for.
    pub(super) async fn opening(&self) -> Opening<'_> {
        // Never closed, so that it is always had in the end.
        Opening { _permit: self.openings.acquire().await.ok() }
    }

    /// The same, if nobody has to wait for it.
    pub(super) fn opening_at_once(&self) -> Option<Opening<'_>> {
        self.openings.try_acquire().ok().map(|permit| Opening { _permit: Some(permit) })
    }

    /// A new connection. Its driver runs as a task until either side closes, or until it is
    /// aborted.
    pub(super) async fn connect(
        &self,
        opening: Opening<'_>,
    ) -> Result<(SendRequest<RequestBody>, AbortHandle), ConnectError> {
        let stream = self.stream().await?;
        drop(opening);
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(limits::UPSTREAM_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(ConnectError::Http)?;
        // A broken connection is told to the request that uses it.
        let driver = tasks::spawn(async move { driver.await.ok() });
        Ok((sender, driver.abort_handle()))
    }

    async fn stream(&self) -> Result<Stream, ConnectError> {
        let (host, port) = (&self.host, self.port);
        let tcp = |source| ConnectError::Tcp { host: host.clone(), port, source };
        let stream = reach::connect(host, port).await.map_err(tcp)?;
        stream.set_nodelay(true).map_err(tcp)?;
        let stream = Gathering(stream);
        let Some(config) = &self.tls else {
            return Ok(Either::Left(stream));
        };
        let tls = |source: io::Error| {
            let host = host.clone();
            if is_ca_as_server(&source) {
                return ConnectError::CaAsServer { host, port };
            }
            ConnectError::Tls { host, port, source }
        };
        let name =
            ServerName::try_from(host.clone()).map_err(|error| tls(io::Error::other(error)))?;
        let connector = TlsConnector::from(Arc::clone(config));
        connector.connect(name, stream).await.map(Either::Right).map_err(tls)
    }
}
