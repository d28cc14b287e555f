//! HTTP as a CI job speaks it: one connection per request, the answer read whole and timed.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use octobroker::clock::Clock;
use octobroker::{http_client, tasks};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::surprise::Surprise;

/// A request without its credential.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The `Octobroker-Error` header: why the broker itself answered.
    pub(crate) error: Option<String>,
    pub(crate) body: Bytes,
    /// From before the connection to after the last byte.
    pub(crate) took: Duration,
}

/// What a request brings to be let in.
#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// Nothing.
    Nothing,
    /// `Authorization: Bearer`
    Bearer(&'a str),
    /// `X-Octopus-ApiKey`
    ApiKey(&'a str),
}

/// Longest answer that anything here gives.
const ANSWER_BYTES: usize = 1024 * 1024;

impl Ask {
    /// A GET request.
    pub(crate) fn get(path: &'static str) -> Self {
        Self { method: "GET", path, content_type: "", body: Bytes::new() }
    }

    /// Asks Octopus as whom it sees the caller.
    pub(crate) fn me() -> Self {
        Self::get("/api/users/me")
    }

    /// A POST request with a JSON body.
    pub(crate) fn json(path: &'static str, body: &Value) -> Self {
        let body = body.to_string().into();
        Self { method: "POST", path, content_type: "application/json", body }
    }

    /// Sends it with this credential.
    pub(crate) async fn send(
        &self,
        to: SocketAddr,
        credential: Credential<'_>,
        clock: &dyn Clock,
    ) -> Result<Reply, Surprise> {
        let failed = |why: &dyn std::fmt::Display| {
            Surprise::because(&format!("{} {}", self.method, self.path), why)
        };
        let request = self.request(to, credential).map_err(|error| failed(&error))?;
        let start = clock.elapsed();
        let stream = TcpStream::connect(to).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tasks::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let (head, body) = answer.into_parts();
        let body = http_client::read_capped(body, ANSWER_BYTES).await;
        let body = body.map_err(|_| failed(&"the answer broke off"))?;
        let error = head.headers.get("octobroker-error");
        Ok(Reply {
            status: head.status.as_u16(),
            error: error.and_then(|code| code.to_str().ok()).map(str::to_owned),
            body,
            took: clock.elapsed().saturating_sub(start),
        })
    }

    fn request(
        &self,
        to: SocketAddr,
        credential: Credential<'_>,
    ) -> http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::HOST, to.to_string())
            .header(header::USER_AGENT, "octobroker-demo");
        request = match credential {
            Credential::Nothing => request,
            Credential::Bearer(token) => {
                request.header(header::AUTHORIZATION, format!("Bearer {token}"))
            }
            Credential::ApiKey(key) => request.header("x-octopus-apikey", key),
        };
        if !self.content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, self.content_type);
        }
        request.body(Full::new(self.body.clone()))
    }
}

impl Reply {
    /// The body as JSON, or null.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
