//! The outbound HTTPS client of the control plane: issuers' documents and token exchanges.
//!
//! Every call is bounded in time and in bytes, sends no cookies, and follows no redirect except,
//! for documents, on the same origin. It connects only where configuration or a discovery document
//! points; where the latter names another host, a client with [`Reach::PublicOnly`] refuses
//! addresses that are not public, at connect time, so that a name that is re-bound can't slip in.
//!
//! API requests do not pass here: see `octopus::pool`.

mod address;
mod tls;

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

pub use address::{Reach, is_loopback};
pub use tls::{CA_AS_SERVER, TlsError, TlsRoots, is_ca_as_server};

use crate::limits;
use address::ReachResolver;

/// A pooled HTTPS client for one set of trust roots.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<ReachResolver>>, Full<Bytes>>,
    reach: Reach,
}

/// How long an answer may take, and how long it may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the call to the last byte.
    pub timeout: Duration,
    /// The body's size.
    pub bytes: usize,
}

/// Why there is no answer. The sentences hold no header, no body and no query.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or none with valid TLS.
    #[error("can't connect to {host}")]
    Connect {
        /// The host that was asked for.
        host: String,
        /// What the connector says.
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    /// The server presents a certificate authority's own certificate, as hand-made ones often are.
    #[error("{host} presents {CA_AS_SERVER}")]
    CaAsServer {
        /// The host that was asked for.
        host: String,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("the connection to {host} broke")]
    Broken {
        /// The host that was asked for.
        host: String,
        /// What the client says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer was not complete in time.
    #[error("{host} did not answer within {timeout:?}")]
    Timeout {
        /// The host that was asked for.
        host: String,
        /// The time that it had.
        timeout: Duration,
    },
    /// The answer is longer than allowed.
    #[error("the answer of {host} is longer than {bytes} bytes")]
    TooLarge {
        /// The host that was asked for.
        host: String,
        /// The bound.
        bytes: usize,
    },
    /// A document was asked for, and something else came.
    #[error("{host} answered {status}")]
    Status {
        /// The host that was asked for.
        host: String,
        /// Its answer.
        status: StatusCode,
    },
    /// A redirect that is not followed.
    #[error("{host} redirects to another origin, or without end; such redirects are not followed")]
    Redirect {
        /// The host that was asked for.
        host: String,
    },
    /// The host's address is not one that may be asked.
    #[error("{host} has an address that is not public")]
    Address {
        /// The host that was asked for.
        host: String,
    },
    /// The URL can't be used.
    #[error("the URL can't be used")]
    Url,
}

impl HttpClient {
    /// A client that trusts `roots` and reaches `reach`.
    pub fn new(roots: &TlsRoots, reach: Reach) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(ReachResolver::new(reach));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits::ISSUER_TIMEOUT));
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(roots.client_config())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits::UPSTREAM_IDLE_TIME)
            .pool_max_idle_per_host(2)
            .build(tls);
        Self { client, reach }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        if !self.reach.allows_literal(&host) {
            return Err(HttpError::Address { host });
        }
        let answer = async {
            let answer = self.client.request(request).await.map_err(|source| {
                let host = host.clone();
                if is_ca_as_server(&source) {
                    HttpError::CaAsServer { host }
                } else if source.is_connect() {
                    HttpError::Connect { host, source }
                } else {
                    HttpError::Broken { host, source: source.into() }
                }
            })?;
            let (head, body) = answer.into_parts();
            let body = read_capped(body, bounds.bytes).await.map_err(|error| match error {
                ReadError::TooLarge => {
                    HttpError::TooLarge { host: host.clone(), bytes: bounds.bytes }
                }
                ReadError::Broken(source) => HttpError::Broken { host: host.clone(), source },
            })?;
            Ok(Response::from_parts(head, body))
        };
        let timeout = bounds.timeout;
        tokio::time::timeout(timeout, answer)
            .await
            .unwrap_or_else(|_| Err(HttpError::Timeout { host: host.clone(), timeout }))
    }

    /// Reads a JSON document: `GET`, status 200, redirects followed on the same origin only.
    pub async fn document(&self, url: &Url, bounds: Bounds) -> Result<Bytes, HttpError> {
        self.document_as(url, None, bounds).await
    }

    /// The same, with a credential for that origin.
    pub async fn document_as(
        &self,
        url: &Url,
        authorization: Option<&header::HeaderValue>,
        bounds: Bounds,
    ) -> Result<Bytes, HttpError> {
        let mut url = url.clone();
        for _ in 0..=limits::REDIRECTS {
            let uri: Uri = url.as_str().parse().map_err(|_| HttpError::Url)?;
            let mut request = Request::new(Full::default());
            *request.uri_mut() = uri;
            let headers = request.headers_mut();
            headers.insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
            headers.insert(header::USER_AGENT, USER_AGENT);
            if let Some(authorization) = authorization {
                headers.insert(header::AUTHORIZATION, authorization.clone());
            }
            let answer = self.send(request, bounds).await?;
            let host = url.host_str().unwrap_or_default().to_owned();
            match answer.status() {
                StatusCode::OK => return Ok(answer.into_body()),
                status if status.is_redirection() => {
                    let next = redirect_target(&url, &answer)
                        .filter(|next| next.origin() == url.origin() && next.username().is_empty());
                    url = next.ok_or(HttpError::Redirect { host })?;
                }
                status => return Err(HttpError::Status { host, status }),
            }
        }
        Err(HttpError::Redirect { host: url.host_str().unwrap_or_default().to_owned() })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpClient").field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// What the control plane calls itself. API requests keep their client's own name.
pub const USER_AGENT: header::HeaderValue =
    header::HeaderValue::from_static(concat!("octobroker/", env!("CARGO_PKG_VERSION")));

fn redirect_target(url: &Url, answer: &Response<Bytes>) -> Option<Url> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    url.join(location).ok()
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is longer than allowed.
    #[error("the body is too long")]
    TooLarge,
    /// It broke off.
    #[error("the body broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Reads a body of at most `bytes_max` bytes; trailers are dropped.
pub async fn read_capped<B>(body: B, bytes_max: usize) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = std::pin::pin!(body);
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(ReadError::TooLarge);
    }
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ReadError::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        if held.len() + data.len() > bytes_max {
            return Err(ReadError::TooLarge);
        }
        held.extend_from_slice(&data);
    }
    Ok(held.freeze())
}
