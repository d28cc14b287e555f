//! Framing over raw sockets: one request in is at most one request out, whatever the bytes pretend.
//! Behind each request stands another with a good token: if any reader takes a body's bytes for a
//! request, Octopus sees it.

use crate::world::{World, exchange_raw};

const SMUGGLED: &str = "/api/Spaces-1/smuggled";

impl World {
    /// Request line, `Host` and a good token.
    fn head(&self, request_line: &str) -> String {
        format!("{request_line}\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n", self.job())
    }

    fn smuggled(&self) -> String {
        self.head(&format!("GET {SMUGGLED} HTTP/1.1")) + "Connection: close\r\n\r\n"
    }

    /// Sends bytes and behind them the smuggled request; gives the statuses of all answers.
    async fn statuses(&self, bytes: impl AsRef<[u8]>) -> Vec<u16> {
        let bytes = [bytes.as_ref(), self.smuggled().as_bytes()].concat();
        let heard = exchange_raw(self.address(), &bytes).await;
        let answers = heard.split("HTTP/1.").skip(1);
        let statuses = answers.map(|answer| answer.get(2..5).unwrap().parse().unwrap()).collect();
        let requests = self.octopus.api_requests();
        let targets: Vec<_> = requests.iter().map(|request| request.target.as_str()).collect();
        let shown: String = String::from_utf8_lossy(&bytes).chars().take(100).collect();
        assert!(
            targets.len() <= 1 && !targets.contains(&SMUGGLED),
            "{targets:?} {shown:?} {heard}"
        );
        self.octopus.forget_requests();
        statuses
    }

    /// Demands that nothing reached Octopus after it was looked at: what an honest request overtakes has
    /// had its time.
    pub(crate) async fn nothing_more_arrives(&self) {
        self.works().await;
        let mut requests = self.octopus.api_requests();
        // A body that breaks off may have been on its way.
        requests.retain(|request| request.method != "POST" || !request.body_sha256.is_empty());
        let targets: Vec<_> = requests.iter().map(|request| request.target.as_str()).collect();
        assert_eq!(targets, ["/api/users/me"]);
        self.octopus.forget_requests();
    }

    /// Sends each, and demands one refusal with 400 (or 501) and the end of the connection.
    async fn each_is_refused(&self, heads: &[String]) {
        for head in heads {
            let statuses = self.statuses(head).await;
            assert!(matches!(statuses.as_slice(), [400 | 501]), "{head:?}: {statuses:?}");
        }
        self.nothing_more_arrives().await;
    }
}

#[tokio::test]
async fn a_transfer_coding_that_is_not_plainly_chunked_is_refused() {
    let world = World::start().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.1");

    let codings = [
        "chunked, chunked",
        "gzip, chunked",
        "identity, chunked",
        ",chunked",
        "chunked,",
        "xchunked",
        "chunkedx",
        "chunked;q=1",
        "\"chunked\"",
        "identity",
        "gzip",
        "cow",
        "",
        "chunked\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity",
        "identity\r\nTransfer-Encoding: chunked",
        "\u{b}chunked",
        "chunked\u{b}",
        "chunked\u{a0}",
    ];
    let heads = codings
        .map(|coding| format!("{head}Transfer-Encoding: {coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
    world.each_is_refused(&heads).await;
    world.close().await;
}

#[tokio::test]
async fn a_length_that_is_no_number_is_refused() {
    let world = World::start().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.1");

    let lengths = [
        "+5",
        "-5",
        "5,5",
        "5, 5",
        "0x5",
        "5 5",
        "5.0",
        "5\u{b}",
        "",
        "18446744073709551616",
        "99999999999999999999999",
        "\u{665}",
        "five",
        "5\r\nContent-Length: 6",
    ];
    let heads = lengths.map(|length| format!("{head}Content-Length: {length}\r\n\r\nhello"));
    world.each_is_refused(&heads).await;
    world.close().await;
}

#[tokio::test]
async fn a_malformed_head_is_refused() {
    let world = World::start().await;
    let good = world.head("GET /api/Spaces-1/tasks HTTP/1.1");

    let lines = [
        "Content-Length : 5",
        "Content-Length\t: 5",
        "Content Length: 5",
        " Content-Length: 5",
        "X-A: b\r\n folded",
        "X-A: b\r\n\tfolded",
        "X-\u{0}A: b",
        "X-A: b\u{0}c",
        "X\rA: b",
        "X-A: b\rc",
        "\u{85}X-A: b",
        ": b",
        "X-A: caf\u{e9}",
        "X-\u{e9}: b",
        "Transfer_Encoding: chunked",
        "content--length: 5",
        "no colon",
        "X[A]: b",
    ];
    let mut heads = lines.map(|line| format!("{good}{line}\r\n\r\n")).to_vec();
    for line in ["GET /api", "GET /api HTTP/1.2", "GET /api HTTP/2.0", "GET  /api HTTP/1.1"] {
        heads.push(world.head(line) + "\r\n");
    }
    for line in ["GET /a b HTTP/1.1", "GET /api HTTP/1.1 x", "GET\t/a HTTP/1.1"] {
        heads.push(world.head(line) + "\r\n");
    }
    heads.push("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned());
    heads.push("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n".to_owned());
    for head in heads {
        let statuses = world.statuses(&head).await;
        assert!(matches!(statuses.as_slice(), [] | [400 | 505]), "{head:?}: {statuses:?}");
    }
    world.nothing_more_arrives().await;
    world.close().await;
}

#[tokio::test]
async fn a_length_beside_chunks_never_frames_the_body() {
    let world = World::start().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.1");
    let chunks = "5\r\nhello\r\n0\r\n\r\n";

    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "transfer-encoding: Chunked\r\nCONTENT-LENGTH: 500",
    ] {
        let statuses = world.statuses(format!("{head}{lines}\r\n\r\n{chunks}")).await;
        assert!(matches!(statuses.as_slice(), [200 | 400]), "{lines}: {statuses:?}");
    }
    world.nothing_more_arrives().await;
    world.close().await;
}

/// hyper makes one of equal lengths before anybody sees them, as RFC 9112 6.3 allows, and reads a
/// chunk's size with any number of zeros: each is one framing, read alike by all.
#[tokio::test]
async fn what_has_one_reading_in_an_odd_spelling_is_one_request() {
    let world = World::start().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.1") + "Connection: close\r\n";

    for body in [
        "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n",
    ] {
        let statuses = world.statuses(format!("{head}{body}")).await;
        assert!(matches!(statuses.as_slice(), [200 | 400]), "{body}: {statuses:?}");
    }
    world.nothing_more_arrives().await;
    world.close().await;
}

#[tokio::test]
async fn broken_chunks_end_the_request_and_never_complete_it() {
    let world = World::start().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.1");
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
    let many = "1;x=0123456789abcdef0123456789abcdef\r\na\r\n".repeat(5_000) + "0\r\n\r\n";
    let trailers = format!("5\r\nhello\r\n0\r\n{}\r\n", "X-Trailer: 0123456789\r\n".repeat(6_000));

    for chunks in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "_5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\r\rhello\r\n0\r\n\r\n",
        "5\r\nhello world\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        &long,
        &many,
        &trailers,
    ] {
        let statuses = world.statuses(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}"));
        let statuses = statuses.await;
        let shown: String = chunks.chars().take(40).collect();
        assert!(matches!(statuses.as_slice(), [400 | 431]), "{shown:?}: {statuses:?}");
    }
    world.nothing_more_arrives().await;
    world.close().await;
}

#[tokio::test]
async fn trailers_are_dropped() {
    let world = World::start().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.1");
    let mut wire = world.wire().await;

    wire.write(format!(
        "{head}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\
         Content-Length: 500\r\nAuthorization: Bearer canary\r\nX-Octopus-ApiKey: API-CANARY\r\n\r\n"
    ))
    .await;
    let reply = wire.answer().await;

    assert_eq!(reply.status, 200, "{reply:?}");
    let request = world.one_request();
    assert_eq!((request.body_bytes, request.header("x-sum")), (5, None));
    assert!(!format!("{:?}", request.headers).to_lowercase().contains("canary"));
    world.close().await;
}

#[tokio::test]
async fn http_1_0_has_no_chunks_and_no_body_without_a_length() {
    let world = World::start().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.0");

    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let statuses = world.statuses(chunked).await;
    assert!(matches!(statuses.as_slice(), [400]), "{statuses:?}");
    let statuses = world.statuses(format!("{head}\r\n")).await;
    assert_eq!(statuses, [200], "the bytes behind are no body and no request");
    world.nothing_more_arrives().await;
    let raw = exchange_raw(world.address(), "GET /api HTTP/1.0\r\n\r\n").await;
    assert!(raw.starts_with("HTTP/1.") && raw.contains(" 200 OK\r\n"), "{raw}");
    world.close().await;
}

#[tokio::test]
async fn bare_line_feeds_are_refused_or_mended() {
    let world = World::start().await;
    let head = world.head("GET /api/Spaces-1/tasks HTTP/1.1").replace("\r\n", "\n");

    let statuses = world.statuses(format!("{head}Connection: close\n\n")).await;

    assert!(matches!(statuses.as_slice(), [200 | 400]), "{statuses:?}");
    world.nothing_more_arrives().await;
    world.close().await;
}

#[tokio::test]
async fn an_upgrade_is_not_passed_on_and_what_follows_is_the_next_request() {
    let world = World::start().await;
    let mut wire = world.wire().await;

    for upgrade in ["websocket", "h2c", "TLS/1.0"] {
        let first = world.head("GET /api/Spaces-1/tasks HTTP/1.1");
        let more = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
        let second = "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\n\r\n";
        wire.write(format!("{first}{more}Upgrade: {upgrade}\r\n\r\n{second}")).await;

        assert_eq!(wire.answer().await.status, 200, "{upgrade}");
        assert_eq!(wire.answer().await.status, 401, "{upgrade}");
        let request = world.one_request();
        assert_eq!((request.header("upgrade"), request.header("http2-settings")), (None, None));
    }
    world.close().await;
}

#[tokio::test]
async fn a_pipelined_request_needs_a_token_of_its_own() {
    let world = World::start().await;
    let mut wire = world.wire().await;

    let first = world.head("GET /api/users/me HTTP/1.1");
    let third = world.head("GET /api/Spaces-1/tasks HTTP/1.1");
    let second = "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\n\r\n";
    wire.write(format!("{first}\r\n{second}{third}\r\n")).await;

    let statuses = [wire.answer().await.status, wire.answer().await.status];
    assert_eq!(statuses, [200, 401]);
    assert_eq!(wire.answer().await.status, 200);
    let targets: Vec<_> = world.octopus.api_requests().into_iter().map(|it| it.target).collect();
    assert_eq!(targets, ["/api/users/me", "/api/Spaces-1/tasks"]);
    world.close().await;
}

#[tokio::test]
async fn the_body_of_a_refused_request_is_never_a_request() {
    let world = World::start().await;
    let body = world.smuggled();
    let size = body.len();

    for head in [
        // Refused for its credential, its path, its route, its method.
        "POST /api/users/me HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
        world.head("POST /api/../users HTTP/1.1"),
        world.head("POST /api/users/Users-1/apikeys HTTP/1.1"),
        world.head("BREW /api/users HTTP/1.1"),
    ] {
        let plain = format!("{head}Content-Length: {size}\r\n\r\n{body}");
        let chunked =
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n");
        for bytes in [plain, chunked] {
            let statuses = world.statuses(bytes).await;
            assert!(matches!(statuses.as_slice(), [400..=405]), "{head}: {statuses:?}");
        }
    }
    world.nothing_more_arrives().await;
    world.close().await;
}

#[tokio::test]
async fn a_body_is_asked_for_only_after_the_token_held() {
    let world = World::start().await;
    let more = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";

    let mut wire = world.wire().await;
    wire.write(format!("POST /api/Spaces-1/channels HTTP/1.1\r\nHost: localhost\r\n{more}")).await;
    let refused = wire.answer().await;
    assert_eq!(refused.status, 401, "no 100 comes first");
    assert!(wire.closes().await);

    let mut wire = world.wire().await;
    wire.write(world.head("POST /api/Spaces-1/channels HTTP/1.1") + more).await;
    assert_eq!(wire.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    wire.write("hello").await;
    assert_eq!(wire.answer().await.status, 200);
    assert_eq!(world.one_request().header("expect"), None);

    let mut wire = world.wire().await;
    let head = world.head("POST /api/Spaces-1/channels HTTP/1.1");
    wire.write(format!("{head}Expect: a-miracle\r\nContent-Length: 5\r\n\r\n")).await;
    let refused = wire.answer().await;
    assert_eq!((refused.status, refused.header("octobroker-error")), (417, Some("bad_request")));
    assert!(wire.closes().await);
    world.close().await;
}

#[tokio::test]
async fn behind_a_read_with_a_body_both_connections_close() {
    let world = World::start().await;

    for request_line in ["GET /api/users/me HTTP/1.1", "HEAD /api/users/me HTTP/1.1"] {
        for body in [
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            let statuses = world.statuses(world.head(request_line) + body).await;
            assert_eq!(statuses, [200], "{request_line} {body}");
        }
    }
    world.nothing_more_arrives().await;
    for _ in 0..2 {
        let job = world.job();
        world.get("/api/users/me").bearer(&job).body("hello").ok().await;
    }
    let used: Vec<_> = world.octopus.api_requests().iter().map(|it| it.connection).collect();
    assert_ne!(used[0], used[1], "Octopus could take what it did not read for a request");
    world.close().await;
}
