//! Bodies: reading requests in constant memory, and answers that stream, drip, stall or break off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, io::Error>;

/// What is known of a request's body after reading it to its end.
pub(crate) struct ReadBody {
    pub(crate) kept: Bytes,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Reads to the end, counts and hashes everything and keeps at most `keep_max` bytes.
///
/// # Errors
/// When the peer breaks off.
pub(crate) async fn read<B>(mut body: B, keep_max: usize) -> Result<ReadBody, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut kept = BytesMut::new();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        hash.update(&data);
        bytes += data.len() as u64;
        let room = keep_max.saturating_sub(kept.len()).min(data.len());
        kept.extend_from_slice(&data.slice(..room));
    }
    Ok(ReadBody { kept: kept.freeze(), bytes, sha256: hex(hash.finish().as_ref()) })
}

/// SHA-256 in lower-case hexadecimal, as in [`Recorded`](crate::Recorded).
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A body that is known whole.
pub(crate) fn full(bytes: impl Into<Bytes>) -> ReplyBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of unknown length whose pieces come from `step`, until it yields `None`.
pub(crate) fn unfold<S, F, T>(state: S, step: F) -> ReplyBody
where
    S: Send + 'static,
    F: Fn(S) -> T + Send + Unpin + 'static,
    T: Future<Output = Option<(io::Result<Bytes>, S)>> + Send + 'static,
{
    let next = Some(Box::pin(step(state)));
    Unfold { step, next, size: SizeHint::default() }.boxed_unsync()
}

/// `length` bytes of a fixed pattern, in constant memory and with a `Content-Length`.
pub(crate) fn generated(length: u64) -> ReplyBody {
    const PIECE: usize = 64 * 1024;
    let pattern: Bytes = (0..=u8::MAX).cycle().take(PIECE).collect();
    let step = move |left: u64| {
        let pattern = pattern.clone();
        async move {
            let size = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            (size > 0).then(|| (Ok(pattern.slice(..size)), left - size as u64))
        }
    };
    let next = Some(Box::pin(step(length)));
    let size = SizeHint::with_exact(length);
    Unfold { step, next, size }.boxed_unsync()
}

/// Half of the first piece, then an error, which makes hyper close the connection.
pub(crate) fn truncated(body: ReplyBody) -> ReplyBody {
    halved(body, |()| async {
        // One pause lets hyper flush what it has; an error at once would take the head with it.
        tokio::task::yield_now().await;
        Err(io::Error::other("truncated on purpose"))
    })
}

/// Half of the first piece, then nothing more.
pub(crate) fn stalled(body: ReplyBody) -> ReplyBody {
    halved(body, |()| std::future::pending())
}

fn halved<F, T>(body: ReplyBody, end: F) -> ReplyBody
where
    F: Fn(()) -> T + Send + Clone + Unpin + 'static,
    T: Future<Output = io::Result<Bytes>> + Send + 'static,
{
    // The size stays that of the whole: the receiver was promised more than it gets.
    let size = body.size_hint();
    let step = move |body: Option<ReplyBody>| {
        let end = end.clone();
        async move {
            let Some(mut body) = body else {
                return Some((end(()).await, None));
            };
            let first = body.frame().await?.ok()?.into_data().ok()?;
            Some((Ok(first.slice(..first.len().div_ceil(2))), None))
        }
    };
    let next = Some(Box::pin(step(Some(body))));
    Unfold { step, next, size }.boxed_unsync()
}

/// The body in pieces of at most `piece` bytes, each after `pause`.
pub(crate) fn dripping(body: ReplyBody, piece: usize, pause: Duration) -> ReplyBody {
    let size = body.size_hint();
    let step = move |(mut body, mut rest): (ReplyBody, Bytes)| async move {
        while rest.is_empty() {
            rest = body.frame().await?.ok()?.into_data().ok()?;
        }
        tokio::time::sleep(pause).await;
        let drop = rest.split_to(piece.clamp(1, rest.len()));
        Some((Ok(drop), (body, rest)))
    };
    let next = Some(Box::pin(step((body, Bytes::new()))));
    Unfold { step, next, size }.boxed_unsync()
}

struct Unfold<F, T> {
    step: F,
    next: Option<Pin<Box<T>>>,
    size: SizeHint,
}

impl<S, F, T> Body for Unfold<F, T>
where
    F: Fn(S) -> T + Unpin,
    T: Future<Output = Option<(io::Result<Bytes>, S)>>,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let outcome = ready!(next.as_mut().poll(cx));
        self.next = None;
        Poll::Ready(outcome.map(|(piece, state)| {
            if piece.is_ok() {
                self.next = Some(Box::pin((self.step)(state)));
            }
            piece.map(Frame::data)
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
