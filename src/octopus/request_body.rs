//! The body of a request on its way to Octopus: held whole, or streamed from the caller.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// What goes out as the body. Streams in constant memory: a frame is asked for only when the
/// connection can take it. Trailers are dropped.
#[derive(Debug)]
pub struct RequestBody {
    kind: Kind,
    progress: Arc<Progress>,
}

#[derive(Debug)]
enum Kind {
    Held(Option<Bytes>),
    Streamed {
        incoming: Incoming,
        idle_timeout: Duration,
        sleep: Pin<Box<Sleep>>,
        /// Counts the parts.
        steps: Arc<AtomicU64>,
    },
}

/// How far a request's body has come; seen from outside while the connection owns the body.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    is_complete: AtomicBool,
    is_awaiting_caller: AtomicBool,
    fault: AtomicU8,
    /// Who waits for the body to be complete.
    watcher: AtomicWaker,
}

/// Why a streamed body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// The caller sent nothing for too long.
    #[error("the caller stopped sending its body")]
    Stalled,
    /// The caller went away, or its framing is wrong.
    #[error("the caller's body broke off")]
    Broken,
}

impl RequestBody {
    /// A body in memory, perhaps empty.
    pub fn held(bytes: Bytes) -> Self {
        let progress = Progress { is_complete: AtomicBool::new(true), ..Progress::default() };
        progress.bytes.store(bytes.len() as u64, Ordering::Relaxed);
        let bytes = (!bytes.is_empty()).then_some(bytes);
        Self { kind: Kind::Held(bytes), progress: Arc::new(progress) }
    }

    /// A body that the caller is still sending; it fails when nothing comes for `idle_timeout`. Each
    /// part that comes is counted in `steps`.
    pub fn streamed(incoming: Incoming, idle_timeout: Duration, steps: Arc<AtomicU64>) -> Self {
        let sleep = Box::pin(tokio::time::sleep(idle_timeout));
        let progress = Progress::default();
        progress.is_complete.store(incoming.is_end_stream(), Ordering::Relaxed);
        Self {
            kind: Kind::Streamed { incoming, idle_timeout, sleep, steps },
            progress: Arc::new(progress),
        }
    }

    /// How far it has come, from now on.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }
}

impl Progress {
    /// Bytes that were handed to the connection.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// True once the whole body was handed to the connection.
    pub fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Ready once the whole body was handed to the connection. One task can wait for it.
    pub fn poll_complete(&self, context: &Context<'_>) -> Poll<()> {
        self.watcher.register(context.waker());
        if self.is_complete() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// True while it is the caller who keeps the connection waiting.
    pub fn is_awaiting_caller(&self) -> bool {
        self.is_awaiting_caller.load(Ordering::Acquire)
    }

    /// Why the body ended early, if it did.
    pub fn fault(&self) -> Option<BodyFault> {
        match self.fault.load(Ordering::Acquire) {
            0 => None,
            1 => Some(BodyFault::Stalled),
            _ => Some(BodyFault::Broken),
        }
    }

    fn fail(&self, fault: BodyFault) -> BodyFault {
        let number = match fault {
            BodyFault::Stalled => 1,
            BodyFault::Broken => 2,
        };
        self.fault.store(number, Ordering::Release);
        fault
    }

    fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
        self.watcher.wake();
    }

    fn add(&self, data: &Bytes) {
        self.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let Self { kind, progress } = self.get_mut();
        let (incoming, idle_timeout, sleep, steps) = match kind {
            Kind::Held(bytes) => {
                return Poll::Ready(bytes.take().map(|data| Ok(Frame::data(data))));
            }
            Kind::Streamed { incoming, idle_timeout, sleep, steps } => {
                (incoming, *idle_timeout, sleep, steps)
            }
        };
        loop {
            let polled = Pin::new(&mut *incoming).poll_frame(context);
            if polled.is_pending() {
                if !progress.is_awaiting_caller.swap(true, Ordering::AcqRel) {
                    sleep.as_mut().reset(Instant::now() + idle_timeout);
                }
                ready!(sleep.as_mut().poll(context));
                return Poll::Ready(Some(Err(progress.fail(BodyFault::Stalled))));
            }
            progress.is_awaiting_caller.store(false, Ordering::Release);
            match ready!(polled) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    progress.add(&data);
                    steps.fetch_add(1, Ordering::Relaxed);
                    if incoming.is_end_stream() {
                        progress.complete();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(_)) => {
                    return Poll::Ready(Some(Err(progress.fail(BodyFault::Broken))));
                }
                None => {
                    progress.complete();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Held(bytes) => bytes.is_none(),
            Kind::Streamed { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Held(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Streamed { incoming, .. } => incoming.size_hint(),
        }
    }
}
