//! Size, concurrency and rate.

use std::time::Duration;

use emulator::RateLimit;

use crate::World;
use crate::wire::Wire;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_large_upload_is_counted_and_hashed_in_constant_memory() {
    const SIZE: usize = 64 * MIB;
    let world = World::start().await;
    let token = world.access_token().await;
    let address = world.octopus.address();
    let mut wire = Wire::open(address).await;
    let head = format!(
        "POST /api/Spaces-1/packages/raw?overwriteMode=FailIfExists HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {SIZE}\r\n\r\n"
    );
    let before = peak_memory_kib();

    wire.write(head.as_bytes()).await;
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..SIZE / piece.len() {
        wire.write(&piece).await;
    }
    let answer = wire.answer().await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let recorded = world.octopus.requests().pop().unwrap();
    assert_eq!(recorded.body_bytes, SIZE as u64);
    assert_eq!(recorded.body_sha256, sha256_of_x(SIZE));
    let growth = peak_memory_kib() - before;
    assert!(growth < 24 * 1024, "peak memory grew by {growth} KiB");
}

#[tokio::test]
async fn a_large_download_streams_with_its_length() {
    const SIZE: usize = 64 * MIB;
    let world = World::start().await;
    let token = world.access_token().await;
    let address = world.octopus.address();
    let mut wire = Wire::open(address).await;
    let head = format!(
        "GET /api/Spaces-1/packages/shop.1.0.0/raw?bytes={SIZE} HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    wire.write(head.as_bytes()).await;

    let head = wire.until("\r\n\r\n").await;
    assert!(head.contains(&format!("content-length: {SIZE}\r\n")), "{head}");
    let read = wire.count(SIZE).await;

    assert_eq!(read, SIZE);
}

#[tokio::test]
async fn an_unauthorized_upload_is_refused_before_its_body() {
    let world = World::start().await;
    let address = world.octopus.address();
    let mut wire = Wire::open(address).await;
    let head = format!(
        "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer unknown\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"
    );

    wire.write(head.as_bytes()).await;

    assert_eq!(wire.answer().await.status, 401);
}

#[tokio::test]
async fn exchanges_and_requests_wait_at_their_gates() {
    let world = World::start().await;
    let token = world.access_token().await;
    let exchanges = world.octopus.hold_exchanges();
    let requests = world.octopus.hold_requests("/api/slow");
    assert_eq!(world.get("/api/fast", &token).await.status, 200);
    let id_token = world.id_token();

    let (one, two, slow, ()) = tokio::join!(
        world.exchange(&id_token),
        world.exchange(&id_token),
        world.get("/api/slow/1", &token),
        async {
            exchanges.wait_for(2).await;
            requests.wait_for(1).await;
            assert_eq!(world.octopus.exchanges(), 3);
            assert_eq!(world.octopus.successful_exchanges(), 1);
            exchanges.open();
            drop(requests);
        },
    );

    assert_eq!([one.status, two.status, slow.status], [200; 3]);
}

#[tokio::test]
async fn the_rate_limiter_counts_per_account_and_refills_with_the_clock() {
    let world = World::start().await;
    let token = world.access_token().await;
    let limit = RateLimit { limit: 2, per_minute: 60 };
    world.octopus.set(|knobs| knobs.rate_limit = Some(limit));

    let first = world.get("/api/x", &token).await;
    assert_eq!(first.header("octopus-ratelimit-policy"), Some("l=2;rpm=60"));
    assert_eq!(first.header("octopus-ratelimit"), Some("r=1;t=1"));
    world.get("/api/x", &token).await;
    let refused = world.get("/api/x", &token).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(world.send("GET /api HTTP/1.1", b"").await.status, 200);

    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.get("/api/x", &token).await.status, 200);
}

#[tokio::test]
async fn a_connection_closes_after_its_share_and_a_draining_node_says_418() {
    let world = World::start().await;
    world.octopus.set(|knobs| {
        knobs.close_after = Some(2);
        knobs.draining = true;
    });
    let address = world.octopus.address();
    let mut wire = Wire::open(address).await;
    let ping = format!("GET /api/octopusservernodes/ping HTTP/1.1\r\nHost: {address}\r\n\r\n");

    wire.write(ping.as_bytes()).await;
    let first = wire.answer().await;
    wire.write(ping.as_bytes()).await;
    let second = wire.answer().await;

    assert_eq!((first.status, first.header("connection")), (418, None));
    assert_eq!(second.header("connection"), Some("close"));
    assert_eq!(wire.rest().await.unwrap(), b"");
}

impl Wire {
    /// Reads and forgets this many bytes.
    async fn count(&mut self, bytes: usize) -> usize {
        let mut read = 0;
        while read < bytes {
            read += self.take_unread();
            if read < bytes && !self.more().await.unwrap() {
                break;
            }
        }
        read
    }
}

/// The most memory that this process ever had.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn sha256_of_x(size: usize) -> String {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for _ in 0..size / 1024 {
        hash.update(&[b'x'; 1024]);
    }
    let digest = hash.finish();
    let bytes = digest.as_ref().iter();
    bytes.fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
