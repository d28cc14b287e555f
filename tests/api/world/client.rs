//! HTTP as a client of the broker would speak it: one connection per request.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Collected, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Reply;

/// Sends a request on a connection of its own and reads the whole answer.
pub(crate) async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Reply {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await;
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        is_complete: body.is_ok(),
        body: body.map(Collected::to_bytes).unwrap_or_default(),
    }
}

/// A GET request without anything.
pub(crate) async fn get(address: SocketAddr, target: &str) -> Reply {
    let request = Request::get(target).header("host", address.to_string());
    send(address, request.body(Full::default()).unwrap()).await
}

pub(crate) fn header_names(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(http::HeaderName::as_str).collect()
}
