//! Remote MCP: Streamable HTTP whose answers arrive event by event.

use std::io;

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::routes::Admitted;
use super::shared::{Held, Shared};
use crate::answer::{self, Reply};
use crate::body;

const EVENTS: usize = 3;

impl Shared {
    /// Three events at once, or each when the gate of
    /// [`hold_events`](super::Octopus::hold_events) lets it through.
    pub(super) async fn remote_mcp(&self, mut request: Admitted) -> Reply {
        self.whole_body(&mut request).await;
        match request.head.method {
            Method::POST | Method::GET => {}
            Method::DELETE => return answer::bare(204, body::full("")),
            _ => return answer::octopus_error(405, "The method is not allowed"),
        }

        let barriers = self.barriers(|held| *held == Held::Events);
        let events = body::unfold(1, move |number| {
            let barriers = barriers.clone();
            async move {
                if number > EVENTS {
                    return None;
                }
                for barrier in &barriers {
                    barrier.pass().await;
                }
                Some((io::Result::Ok(event(number)), number + 1))
            }
        });
        let mut reply = answer::typed(200, "text/event-stream", "").map(|_| events);
        answer::add_header(&mut reply, "Cache-Control", "no-cache");
        answer::add_header(&mut reply, "Mcp-Session-Id", "session-1");
        reply
    }
}

fn event(number: usize) -> Bytes {
    let data = json!({"jsonrpc": "2.0", "id": 1, "result": {"event": number}});
    format!("event: message\nid: {number}\ndata: {data}\n\n").into()
}
