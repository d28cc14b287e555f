//! A request to the broker as a story, and what came of it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use serde_json::Value;

use super::World;
use super::client;

/// A request that is being put together.
pub(crate) struct Call<'a> {
    world: &'a World,
    request: Request<Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// False if the body broke off.
    pub(crate) is_complete: bool,
}

/// Headers that an answer may have. A new one is a decision, not an accident.
const ALLOWED_HEADERS: [&str; 21] = [
    "allow",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "location",
    "mcp-session-id",
    "octobroker-error",
    "octopus-ratelimit",
    "octopus-ratelimit-policy",
    "retry-after",
    "server",
    "transfer-encoding",
    "vary",
    "www-authenticate",
    "x-request-id",
];

impl<'a> Call<'a> {
    pub(crate) fn new(world: &'a World, method: &str, target: &str) -> Self {
        let host = world.address().to_string();
        let request = Request::builder().method(method).uri(target).header("host", host);
        Self { world, request: request.body(Full::default()).unwrap() }
    }

    /// With `Authorization: Bearer`.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With one more header line.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// With another `Host`.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.request.headers_mut().insert("host", HeaderValue::from_str(host).unwrap());
        self
    }

    /// With a body of known length.
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self
    }

    /// With a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(self) -> Reply {
        let reply = client::send(self.world.address(), self.request).await;
        for name in client::header_names(&reply.headers) {
            assert!(ALLOWED_HEADERS.contains(&name), "an answer has the header {name}");
        }
        self.world.assert_no_secret("an answer's body", &reply.text());
        self.world.assert_no_secret("an answer's head", &format!("{:?}", reply.headers));
        reply
    }

    /// Sends it, and demands that Octopus answered with success.
    pub(crate) async fn ok(self) -> Reply {
        let reply = self.send().await;
        assert!((200..300).contains(&reply.status), "{reply:?}");
        assert!(!reply.headers.contains_key("octobroker-error"), "{reply:?}");
        reply
    }

    /// Sends it, and demands a refusal with this status and code, complete in every member.
    pub(crate) async fn refused(self, status: u16, code: &str) -> Reply {
        let reply = self.send().await;
        assert_eq!(
            (reply.status, reply.header("octobroker-error")),
            (status, Some(code)),
            "{reply:?}"
        );
        if !reply.body.is_empty() {
            let members = reply.json();
            assert_eq!(members["code"], code);
            assert_eq!(members["status"], status);
            assert_eq!(members["ErrorMessage"], members["Errors"][0]);
            for member in ["ErrorMessage", "title", "detail", "request_id"] {
                assert!(members[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
            }
            assert_eq!(reply.header("content-type"), Some("application/json"));
        }
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401);
        assert_eq!(reply.headers.contains_key("retry-after"), matches!(status, 429 | 503));
        reply
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
