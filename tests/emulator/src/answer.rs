//! Answers: those that a test scripts word by word, and the shapes that the props share.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{self, ReplyBody};

pub(crate) type Reply = Response<ReplyBody>;

/// An answer that a test wrote out in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawAnswer {
    /// Status code; 0 counts as 200.
    pub status: u16,
    /// Value of `Content-Type`; absent when `None`.
    pub content_type: Option<String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Further headers, in order, repeated names allowed.
    pub headers: Vec<(String, String)>,
}

impl RawAnswer {
    /// An answer without body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// An answer of any content type.
    pub fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: Some(content_type.to_owned()),
            body: body.into(),
            headers: Vec::new(),
        }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn into_reply(self) -> Reply {
        let status = if self.status == 0 { 200 } else { self.status };
        let mut reply = bare(status, body::full(self.body));
        if let Some(content_type) = &self.content_type {
            add_header(&mut reply, CONTENT_TYPE.as_str(), content_type);
        }
        for (name, value) in &self.headers {
            add_header(&mut reply, name, value);
        }
        reply
    }
}

/// A reply with nothing but a status and a body.
pub(crate) fn bare(status: u16, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).expect("tests script real status codes");
    reply
}

pub(crate) fn json_reply(status: u16, value: &Value) -> Reply {
    typed(status, "application/json; charset=utf-8", value.to_string())
}

pub(crate) fn typed(status: u16, content_type: &'static str, text: impl Into<Bytes>) -> Reply {
    let mut reply = bare(status, body::full(text));
    let content_type = HeaderValue::from_static(content_type);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

pub(crate) fn add_header(reply: &mut Reply, name: &str, value: &str) {
    let name: HeaderName = name.parse().expect("tests script valid header names");
    let value = value.parse().expect("tests script valid header values");
    reply.headers_mut().append(name, value);
}

/// Octopus's own error object.
pub(crate) fn octopus_error(status: u16, message: &str) -> Reply {
    json_reply(status, &json!({"ErrorMessage": message, "Errors": [message]}))
}

/// The page of Octopus Cloud while it is updated.
pub(crate) fn maintenance_page(status: u16) -> Reply {
    const TITLE: &str = "Octopus Cloud instance is Undergoing Maintenance";
    let page = format!("<!DOCTYPE html><html><head><title>{TITLE}</title></head></html>");
    typed(status, "text/html", page)
}

pub(crate) fn redirect(status: u16, location: &str) -> Reply {
    let mut reply = bare(status, body::full(""));
    add_header(&mut reply, LOCATION.as_str(), location);
    reply
}
