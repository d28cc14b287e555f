//! A platform on loopback that hands out tokens.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http_client::read_capped;
use crate::tasks;

/// What it was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A server whose answers the test makes: status and body (for a redirect, its target).
pub(super) struct Platform {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl Platform {
    /// `answer` gets the request's number, from 0 on.
    pub(super) async fn answering(
        answer: impl Fn(usize) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (held, answer) = (Arc::clone(&asked), Arc::new(answer));
        let server = tasks::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (held, answer) = (Arc::clone(&held), Arc::clone(&answer));
                tasks::spawn(async move {
                    let service = service_fn(|request| serve(request, &held, &*answer));
                    let connection = http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, asked, server }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    request: Request<Incoming>,
    asked: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(usize) -> (u16, String) + Send + Sync),
) -> Result<Response<Full<Bytes>>, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let headers = request.headers().clone();
    let body = read_capped(request.into_body(), 10_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let number = {
        let mut asked = asked.lock().unwrap();
        asked.push(Asked { line, headers, body });
        asked.len() - 1
    };
    let (status, text) = answer(number);
    let response = Response::builder().status(status);
    Ok(if (300..400).contains(&status) {
        response.header("location", text).body(Full::default()).unwrap()
    } else {
        response.body(Full::from(text)).unwrap()
    })
}
