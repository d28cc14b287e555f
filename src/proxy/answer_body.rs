//! The body of an answer on its way to the caller: our own, or Octopus's, streamed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::journey::Journey;
use crate::octopus::Lease;
use crate::telemetry::Code;

/// What the caller gets.
#[derive(Debug)]
pub(super) struct AnswerBody(Kind);

#[derive(Debug)]
enum Kind {
    Own(Option<Bytes>),
    Upstream(Box<Streamed>),
}

#[derive(Debug)]
struct Streamed {
    incoming: Incoming,
    /// Gone once the connection was put back.
    lease: Option<Lease>,
    idle_timeout: Duration,
    is_waiting: bool,
    journey: Journey,
}

/// Octopus's answer ended early; so does the caller's, uncleanly: a part must not pass for the
/// whole.
#[derive(Debug, thiserror::Error)]
#[error("Octopus's answer broke off")]
pub(super) struct BrokenOff;

impl AnswerBody {
    /// An answer of the broker's own.
    pub(super) fn own(bytes: Bytes) -> Self {
        Self(Kind::Own((!bytes.is_empty()).then_some(bytes)))
    }

    /// The bytes of an answer of the broker's own.
    pub(super) fn into_own(self) -> Bytes {
        match self.0 {
            Kind::Own(bytes) => bytes.unwrap_or_default(),
            Kind::Upstream(_) => Bytes::new(),
        }
    }

    /// Octopus's answer. Fails when nothing comes for `idle_timeout`.
    pub(super) fn upstream(
        incoming: Incoming,
        lease: Lease,
        idle_timeout: Duration,
        journey: Journey,
    ) -> Self {
        let lease = Some(lease);
        let mut streamed = Streamed { incoming, lease, idle_timeout, is_waiting: false, journey };
        streamed.end_if_complete();
        Self(Kind::Upstream(Box::new(streamed)))
    }
}

impl Streamed {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            let polled = Pin::new(&mut self.incoming).poll_frame(context);
            if polled.is_pending() {
                let Some(lease) = &mut self.lease else { return Poll::Pending };
                if !std::mem::replace(&mut self.is_waiting, true) {
                    lease.silence().set(self.idle_timeout);
                }
                ready!(lease.silence().poll_passed(context));
                let detail = format!("Octopus was silent for {:?}", self.idle_timeout);
                return Poll::Ready(Some(Err(self.break_off(Code::UpstreamTimeout, detail))));
            }
            self.is_waiting = false;
            match ready!(polled) {
                Some(Ok(frame)) => {
                    // Trailers are dropped: nothing that Octopus's clients read comes in them.
                    let Ok(data) = frame.into_data() else { continue };
                    self.journey.returned(data.len());
                    self.end_if_complete();
                    return Poll::Ready(Some(Ok(data)));
                }
                Some(Err(error)) => {
                    let detail = format!("Octopus's answer broke off: {error}");
                    return Poll::Ready(Some(Err(self.break_off(Code::UpstreamInvalid, detail))));
                }
                None => {
                    self.complete();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn end_if_complete(&mut self) {
        if self.incoming.is_end_stream() {
            self.complete();
        }
    }

    fn complete(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.journey.sent(lease.bytes_sent());
            lease.put_back();
        }
        self.journey.end();
    }

    fn break_off(&mut self, code: Code, detail: String) -> BrokenOff {
        self.journey.broke_off(code, detail);
        BrokenOff
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let data = match &mut self.get_mut().0 {
            Kind::Own(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Kind::Upstream(streamed) => streamed.poll_data(context),
        };
        data.map(|data| data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Own(bytes) => bytes.is_none(),
            Kind::Upstream(streamed) => streamed.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Upstream(streamed) => streamed.incoming.size_hint(),
        }
    }
}
