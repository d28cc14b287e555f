//! Large bodies: they arrive whole, and the program does not grow with them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_lc_rs::digest;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::world::{World, send};

const SIZE: u64 = 256 << 20;
const PIECE: usize = 64 << 10;
const GROWTH_KIB: u64 = 16 << 10;

/// A body that is made as it is sent.
struct Made {
    left: u64,
    piece: Bytes,
    has_length: bool,
}

impl Made {
    fn new(has_length: bool) -> Self {
        Self { left: SIZE, piece: pattern(), has_length }
    }
}

impl Body for Made {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= PIECE as u64;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        if self.has_length { SizeHint::with_exact(self.left) } else { SizeHint::default() }
    }
}

fn pattern() -> Bytes {
    (0..=u8::MAX).cycle().take(PIECE).collect()
}

fn hex(digest: &digest::Digest) -> String {
    use std::fmt::Write as _;
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn expected() -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    let piece = pattern();
    for _ in 0..SIZE / PIECE as u64 {
        hash.update(&piece);
    }
    hex(&hash.finish())
}

impl World {
    /// Peak memory of the program so far, in KiB.
    fn peak(&self) -> u64 {
        self.process.memory("VmHWM")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_pass_whole_in_constant_memory() {
    let world = World::start("uploads", "").await;
    world.asked().await;
    let (before, expected) = (world.peak(), expected());

    for has_length in [true, false] {
        world.octopus.forget_requests();
        let target = "/api/Spaces-1/packages/raw";
        let request = world.request("POST", target, Made::new(has_length));

        let answer = send(world.address, request).await.unwrap();

        assert_eq!(answer.status(), 201);
        let request = world.octopus.api_requests().remove(0);
        assert_eq!((request.body_bytes, request.body_sha256.as_str()), (SIZE, expected.as_str()));
        let length = request.header("content-length").map(str::to_owned);
        assert_eq!(length, has_length.then(|| SIZE.to_string()));
        assert_eq!(request.header("transfer-encoding").is_some(), !has_length);
    }
    let growth = world.peak() - before;
    assert!(growth < GROWTH_KIB, "it grew by {growth} KiB");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_pass_whole_in_constant_memory() {
    let world = World::start("downloads", "").await;
    world.asked().await;
    let before = world.peak();

    let target = format!("/api/Spaces-1/packages/Acme.1/raw?bytes={SIZE}");
    let request = world.request("GET", &target, http_body_util::Empty::new());
    let answer = send(world.address, request).await.unwrap();

    assert_eq!(answer.headers()["content-length"], SIZE.to_string());
    let (mut hash, mut size) = (digest::Context::new(&digest::SHA256), 0);
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        size += data.len() as u64;
        hash.update(&data);
    }
    assert_eq!((size, hex(&hash.finish())), (SIZE, expected()));
    let growth = world.peak() - before;
    assert!(growth < GROWTH_KIB, "it grew by {growth} KiB");
    world.close().await;
}
