//! Floods over HTTP/2: each ends in an error or is survived, and meanwhile others are served. Every
//! flood is some thousand frames: enough to pass every guard's number, and over in a second.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::encrypted::Encrypted;
use crate::http2::{AUTHORITY, GET, ME, PATH, POST, SCHEME};
use crate::world::Settings;
use crate::world::raw_http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, RawHttp2,
    SETTINGS, Said, WINDOW_UPDATE, block, frame,
};

/// Frames of one flood.
const FLOOD: u32 = 10_000;

/// What a request may wait for beside an answer is short.
const NO_WAIT: &str = "exchange_timeout: 5s, rate_limit_wait: 0s";

impl Encrypted {
    /// Writes a flood on a connection of its own, and asks as somebody else meanwhile and after. Gives
    /// the connection, and whether it took everything.
    async fn flooded(&self, what: &str, pieces: Vec<Vec<u8>>) -> (RawHttp2, bool) {
        let mut flooding = self.raw_http2(&[]).await;
        let flood = async {
            for piece in pieces {
                if !flooding.write(&piece).await {
                    return false;
                }
            }
            true
        };
        let others = async {
            let mut slowest = Duration::ZERO;
            for _ in 0..5 {
                let start = Instant::now();
                self.asks_as_another().await;
                slowest = slowest.max(start.elapsed());
            }
            slowest
        };
        let (is_taken, slowest) = tokio::join!(flood, others);
        assert!(slowest < Duration::from_secs(20), "{what}: another caller waited {slowest:?}");
        self.asks_as_another().await;
        (flooding, is_taken)
    }

    /// Demands that a flood ends its connection by an error.
    async fn is_ended_by(&self, what: &str, pieces: Vec<Vec<u8>>) {
        let (flooding, _) = self.flooded(what, pieces).await;
        ends_by_an_error(what, flooding).await;
    }

    /// Demands that a flood is taken to its end, or ends its connection by an error.
    async fn bears(&self, what: &str, pieces: Vec<Vec<u8>>) {
        let (flooding, is_taken) = self.flooded(what, pieces).await;
        if !is_taken {
            ends_by_an_error(what, flooding).await;
        }
    }

    async fn asks_as_another(&self) {
        let mut connection = self.raw_http2(&[]).await;
        let head = self.block(&[GET, SCHEME, AUTHORITY, ME]);
        connection.write(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &head)).await;
        assert_eq!(connection.said().await, Said::Status(200));
    }
}

fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| number * 2 + 1)
}

async fn ends_by_an_error(what: &str, mut connection: RawHttp2) {
    let mut said = Vec::new();
    while !matches!(said.last(), Some(Said::GoAway(1..) | Said::Closed)) {
        said.push(connection.said().await);
    }
    assert!(matches!(said.last(), Some(Said::GoAway(1..))), "{what}: {said:?}");
}

#[tokio::test]
async fn streams_that_are_reset_at_once_end_the_connection() {
    let encrypted = Encrypted::start().await;
    let head = encrypted.block(&[GET, SCHEME, AUTHORITY, ME]);
    let opened = |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, &head);
    let post = encrypted.block(&[POST, SCHEME, AUTHORITY, ME]);
    let open_post = |stream| frame(HEADERS, END_HEADERS, stream, &post);
    let rows: [(&str, Vec<Vec<u8>>); 4] = [
        (
            "reset by the caller",
            streams(FLOOD / 4)
                .map(|id| [opened(id), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])].concat())
                .collect(),
        ),
        (
            "reset by us for a window of 0",
            streams(FLOOD / 4)
                .map(|id| [open_post(id), frame(WINDOW_UPDATE, 0, id, &[0; 4])].concat())
                .collect(),
        ),
        (
            "reset by us for a window beyond bounds",
            streams(FLOOD / 4)
                .map(|id| {
                    [open_post(id), frame(WINDOW_UPDATE, 0, id, &[0x7f, 0xff, 0xff, 0xff])].concat()
                })
                .collect(),
        ),
        (
            "reset by us for data behind the end",
            streams(FLOOD / 4)
                .map(|id| [opened(id), frame(DATA, END_STREAM, id, b"x")].concat())
                .collect(),
        ),
    ];
    for (what, pieces) in rows {
        encrypted.world.octopus.forget_requests();
        let sent = pieces.len();

        encrypted.is_ended_by(what, pieces).await;

        let reached = encrypted.world.octopus.api_requests().len();
        assert!(reached < sent / 2, "{what}: {reached} requests reached Octopus");
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_header_block_without_end_ends_the_connection() {
    let encrypted = Encrypted::start().await;
    let piece = block([("x-padding", &[b'x'; 16_000][..])]);
    let begun = frame(HEADERS, END_STREAM, 1, &encrypted.block(&[GET, SCHEME, AUTHORITY, ME]));
    let rows = [
        ("large", std::iter::repeat_n(frame(CONTINUATION, 0, 1, &piece), 1_000).collect()),
        ("empty", std::iter::repeat_n(frame(CONTINUATION, 0, 1, &[]), 10_000).collect::<Vec<_>>()),
    ];
    for (what, pieces) in rows {
        let pieces = [vec![begun.clone()], pieces].concat();

        encrypted.is_ended_by(what, pieces).await;
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn frames_that_ask_for_nothing_slow_nobody() {
    let encrypted = Encrypted::start().await;
    let open = frame(HEADERS, END_HEADERS, 1, &encrypted.block(&[POST, SCHEME, AUTHORITY, ME]));
    let rows = [
        ("PING", frame(PING, 0, 0, &[0; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("SETTINGS that change the table", frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 16, 0])),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 16])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("an unknown frame", frame(77, 0, 0, b"x")),
        ("DATA without data", frame(DATA, 0, 1, &[])),
        ("DATA of one byte", frame(DATA, 0, 1, b"x")),
        ("DATA of padding", frame(DATA, 8, 1, &[3, 0, 0, 0])),
    ];
    for (what, one) in rows {
        let pieces = std::iter::repeat_n(one.repeat(100), 100);
        let pieces = std::iter::once(open.clone()).chain(pieces).collect();
        encrypted.bears(what, pieces).await;
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_small_block_that_unpacks_to_a_large_one_is_refused() {
    let encrypted = Encrypted::start().await;
    let whole = encrypted.block(&[GET, SCHEME, AUTHORITY, ME]);
    // Indexed into the table once (RFC 7541 6.2.1), named by one byte 4,000 times.
    let long = [b'x'; 3_900];
    let mut bomb = vec![0x40, 1, b'a', 127, 0xbd, 0x1d];
    bomb.extend(long);
    bomb.extend([0xbe; 4_000]);
    let many = block((0..2_000).map(|number| (format!("x-{number}"), &b"1"[..])));
    for (what, more) in [("a bomb", bomb), ("2,000 fields", many)] {
        let mut bytes = Vec::new();
        let fields = [&whole[..], &more].concat();
        let mut parts = fields.chunks(16_000).peekable();
        let mut kind = HEADERS;
        while let Some(part) = parts.next() {
            let flags = if parts.peek().is_none() { END_HEADERS } else { 0 };
            let flags = if kind == HEADERS { flags | END_STREAM } else { flags };
            bytes.extend(frame(kind, flags, 1, part));
            kind = CONTINUATION;
        }
        let mut connection = encrypted.raw_http2(&[]).await;
        connection.write(&bytes).await;

        let said = connection.said().await;

        assert!(
            matches!(said, Said::Status(431) | Said::Reset(_) | Said::GoAway(1..)),
            "{what}: {said:?}"
        );
        assert_eq!(encrypted.world.octopus.api_requests(), [], "{what}");
    }
    encrypted.asks_as_another().await;
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_caller_that_opens_no_window_is_cut_and_frees_its_places() {
    let quick = |settings: &mut Settings| {
        settings.octopus.push_str("\nidle_timeout: 2s");
        settings.more = format!("limits: {{ keep_alive_timeout: 2s, {NO_WAIT} }}");
    };
    let encrypted = Encrypted::start_with(|_| String::new(), quick).await;
    let world = &encrypted.world;
    // Answers that fit into what may wait to be sent, and those that do not.
    for target in [ME, (PATH, b"/api/Spaces-1/packages/Acme.1/raw?bytes=4000000")] {
        // SETTINGS_INITIAL_WINDOW_SIZE
        let mut connection = encrypted.raw_http2(&[(4, 0)]).await;
        let head = encrypted.block(&[GET, SCHEME, AUTHORITY, target]);
        for stream in streams(50) {
            connection.write(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &head)).await;
        }

        let said = connection.end().await;

        let answered = said.iter().filter(|said| **said == Said::Status(200)).count();
        assert!(answered > 0, "{said:?}");
        world
            .until("their places are free", async || {
                world.metric("octobroker_requests_in_flight").await == Some(0.0)
            })
            .await;
        encrypted.asks_as_another().await;
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn pings_keep_no_place() {
    let quick = |settings: &mut Settings| {
        settings.octopus.push_str("\nidle_timeout: 2s");
        settings.more = format!("limits: {{ {NO_WAIT} }}");
    };
    let encrypted = Encrypted::start_with(|_| String::new(), quick).await;
    let connection = Mutex::new(encrypted.raw_http2(&[(4, 0)]).await);
    let target = (PATH, &b"/api/Spaces-1/packages/Acme.1/raw?bytes=4000000"[..]);
    let head = encrypted.block(&[GET, SCHEME, AUTHORITY, target]);
    for stream in streams(50) {
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head);
        connection.lock().await.write(&begin).await;
    }
    let in_flight = async || encrypted.world.metric("octobroker_requests_in_flight").await;
    encrypted.world.until("all are served", async || in_flight().await == Some(50.0)).await;

    let ping_until_freed = async || {
        connection.lock().await.write(&frame(PING, 0, 0, &[0; 8]).repeat(10)).await;
        in_flight().await == Some(0.0)
    };
    encrypted.world.until("their places are free", ping_until_freed).await;

    encrypted.world.close().await;
}

#[tokio::test]
async fn a_connection_of_a_preface_and_silence_is_closed() {
    let quick = |settings: &mut Settings| {
        settings.more = "limits: { head_timeout: 1s }".to_owned();
    };
    let encrypted = Encrypted::start_with(|_| String::new(), quick).await;
    let mut connection = encrypted.raw_http2(&[]).await;
    let start = Instant::now();

    connection.end().await;

    // By default it would have ten.
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    encrypted.world.close().await;
}
