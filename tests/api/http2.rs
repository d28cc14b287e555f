//! HTTP/2 frame by frame: a request that breaks RFC 9113 gets an error of its stream or of the
//! connection, or a refusal, and nothing of it goes to Octopus.

use crate::encrypted::Encrypted;
use crate::world::raw_http2::{
    DATA, END_HEADERS, END_STREAM, HEADERS, RawHttp2, Said, block, frame,
};

/// A field of a header block.
type Field<'a> = (&'a [u8], &'a [u8]);

impl Encrypted {
    pub(crate) async fn raw_http2(&self, settings: &[(u16, u32)]) -> RawHttp2 {
        RawHttp2::begin(self.connect(&["h2"], None).await, settings).await
    }

    /// A header block with a good token and these fields beside it, pseudo-header fields first.
    pub(crate) fn block(&self, fields: &[Field<'_>]) -> Vec<u8> {
        let token = format!("Bearer {}", self.world.job());
        let token: Field<'_> = (b"authorization", token.as_bytes());
        block(fields.iter().copied().chain([token]))
    }

    /// What is said to one request without a body; nothing of it may go to Octopus.
    async fn said_to(&self, fields: &[Field<'_>]) -> Said {
        let mut connection = self.raw_http2(&[]).await;
        let block = self.block(fields);
        connection.write(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)).await;
        connection.said().await
    }

    fn assert_nothing_went_on(&self, what: &str) {
        let requests = self.world.octopus.api_requests();
        assert!(requests.is_empty(), "{what}: {requests:?}");
    }
}

pub(crate) const METHOD: &[u8] = b":method";
pub(crate) const SCHEME: Field<'_> = (b":scheme", b"https");
pub(crate) const AUTHORITY: Field<'_> = (b":authority", b"localhost");
pub(crate) const PATH: &[u8] = b":path";
pub(crate) const ME: Field<'_> = (PATH, b"/api/users/me");
pub(crate) const GET: Field<'_> = (METHOD, b"GET");
pub(crate) const POST: Field<'_> = (METHOD, b"POST");
const RELEASES: Field<'_> = (PATH, b"/api/Spaces-1/channels");

#[tokio::test]
async fn a_whole_request_is_forwarded() {
    let encrypted = Encrypted::start().await;

    let said = encrypted.said_to(&[GET, SCHEME, AUTHORITY, ME]).await;

    assert_eq!(said, Said::Status(200));
    assert_eq!(encrypted.world.octopus.api_requests().len(), 1);
    encrypted.world.close().await;
}

/// Fields beside a whole request.
fn odd_fields() -> Vec<(&'static str, Vec<Field<'static>>)> {
    let with = |more: &[Field<'static>]| [&[GET, SCHEME, AUTHORITY, ME], more].concat();
    vec![
        ("CR in a value", with(&[(b"x-a", b"b\rc")])),
        ("LF in a value", with(&[(b"x-a", b"b\nc")])),
        ("a line in a value", with(&[(b"x-a", b"b\r\nx-octopus-apikey: API-1")])),
        ("NUL in a value", with(&[(b"x-a", b"b\0c")])),
        ("8 bits in a value", with(&[(b"x-a", b"caf\xe9")])),
        ("NUL in a name", with(&[(b"x-\0a", b"b")])),
        ("a line in a name", with(&[(b"x-a: b\r\nx-b", b"c")])),
        ("upper case", with(&[(b"X-A", b"b")])),
        ("a colon in a name", with(&[(b"x:a", b"b")])),
        ("a space in a name", with(&[(b"x a", b"b")])),
        ("an empty name", with(&[(b"", b"b")])),
        ("a framing name in disguise", with(&[(b"transfer_encoding", b"chunked")])),
        ("connection", with(&[(b"connection", b"close")])),
        ("connection that names", with(&[(b"connection", b"authorization")])),
        ("keep-alive", with(&[(b"keep-alive", b"timeout=5")])),
        ("proxy-connection", with(&[(b"proxy-connection", b"close")])),
        ("transfer-encoding", with(&[(b"transfer-encoding", b"chunked")])),
        ("upgrade", with(&[(b"upgrade", b"websocket")])),
        ("te", with(&[(b"te", b"gzip")])),
        ("an unknown pseudo-header", with(&[(b":evil", b"1")])),
        ("a status", with(&[(b":status", b"200")])),
        ("a second method", with(&[POST])),
        ("a second path", with(&[(PATH, b"/api")])),
        ("a second authority", with(&[(b":authority", b"other")])),
        ("another host", with(&[(b"host", b"other.example")])),
        ("two hosts", with(&[(b"host", b"localhost"), (b"host", b"localhost")])),
        ("two lengths", with(&[(b"content-length", b"0"), (b"content-length", b"5")])),
        ("a length that is no number", with(&[(b"content-length", b"+5")])),
        ("a length without a body", with(&[(b"content-length", b"5")])),
    ]
}

/// Pseudo-header fields that are no whole request.
fn odd_pseudo_fields() -> Vec<(&'static str, Vec<Field<'static>>)> {
    vec![
        ("a pseudo-header behind a header", vec![GET, SCHEME, AUTHORITY, (b"x-a", b"b"), ME]),
        ("no method", vec![SCHEME, AUTHORITY, ME]),
        ("no path", vec![GET, SCHEME, AUTHORITY]),
        ("no scheme", vec![GET, AUTHORITY, ME]),
        ("no authority and no host", vec![GET, SCHEME, ME]),
        ("another authority", vec![GET, SCHEME, (b":authority", b"other.example"), ME]),
        ("userinfo", vec![GET, SCHEME, (b":authority", b"u@localhost"), ME]),
        ("an empty path", vec![GET, SCHEME, AUTHORITY, (PATH, b"")]),
        ("a path of a line", vec![GET, SCHEME, AUTHORITY, (PATH, b"/api HTTP/1.1\r\nX: y")]),
        ("a path with NUL", vec![GET, SCHEME, AUTHORITY, (PATH, b"/api\0")]),
        ("a path with a space", vec![GET, SCHEME, AUTHORITY, (PATH, b"/api users")]),
        ("a path that is none", vec![GET, SCHEME, AUTHORITY, (PATH, b"api")]),
        ("a path of dots", vec![GET, SCHEME, AUTHORITY, (PATH, b"/api/../users")]),
        ("an asterisk", vec![GET, SCHEME, AUTHORITY, (PATH, b"*")]),
        ("a method of two words", vec![(METHOD, b"GET /x HTTP/1.1\r\n"), SCHEME, AUTHORITY, ME]),
        ("an empty method", vec![(METHOD, b""), SCHEME, AUTHORITY, ME]),
        ("a method in lower case", vec![(METHOD, b"get"), SCHEME, AUTHORITY, ME]),
        ("CONNECT", vec![(METHOD, b"CONNECT"), (b":authority", b"localhost:443")]),
        (
            "extended CONNECT",
            vec![(METHOD, b"CONNECT"), (b":protocol", b"websocket"), SCHEME, AUTHORITY, ME],
        ),
        ("TRACE", vec![(METHOD, b"TRACE"), SCHEME, AUTHORITY, ME]),
    ]
}

#[tokio::test]
async fn a_malformed_header_block_reaches_nobody() {
    let encrypted = Encrypted::start().await;
    for (what, fields) in odd_fields().into_iter().chain(odd_pseudo_fields()) {
        let said = encrypted.said_to(&fields).await;
        let is_refused = match said {
            Said::Status(status) => (400..=431).contains(&status),
            Said::Reset(_) | Said::GoAway(_) | Said::Closed => true,
        };
        assert!(is_refused, "{what}: {said:?}");
        encrypted.assert_nothing_went_on(what);
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_its_length_is_never_whole() {
    let encrypted = Encrypted::start().await;
    for (what, length, data) in [
        ("too short", &b"10"[..], &b"hello"[..]),
        ("too long", b"3", b"hello"),
        ("none", b"0", b"hello"),
    ] {
        let mut connection = encrypted.raw_http2(&[]).await;
        let fields = [POST, SCHEME, AUTHORITY, RELEASES, (b"content-length", length)];
        let block = encrypted.block(&fields);
        connection.write(&frame(HEADERS, END_HEADERS, 1, &block)).await;
        connection.write(&frame(DATA, END_STREAM, 1, data)).await;

        let said = connection.said().await;

        assert!(
            matches!(said, Said::Reset(_) | Said::GoAway(_) | Said::Status(400)),
            "{what}: {said:?}"
        );
        let whole = |request: &emulator::Recorded| request.status == 200;
        assert!(!encrypted.world.octopus.api_requests().iter().any(whole), "{what}");
        encrypted.world.octopus.forget_requests();
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn trailers_of_http_2_are_dropped_or_an_error() {
    let encrypted = Encrypted::start().await;
    for trailers in [
        vec![(&b"x-sum"[..], &b"1"[..])],
        vec![(b"authorization", b"Bearer canary"), (b"x-octopus-apikey", b"API-CANARY")],
        vec![(b"content-length", b"500"), (b"transfer-encoding", b"chunked")],
        vec![(b":path", b"/api/canary"), (b":method", b"DELETE")],
    ] {
        let mut connection = encrypted.raw_http2(&[]).await;
        let head = encrypted.block(&[POST, SCHEME, AUTHORITY, RELEASES]);
        connection.write(&frame(HEADERS, END_HEADERS, 1, &head)).await;
        connection.write(&frame(DATA, 0, 1, b"hello")).await;
        let trailing = block(trailers.iter().copied());
        connection.write(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &trailing)).await;

        let said = connection.said().await;

        assert!(
            matches!(said, Said::Status(200 | 400) | Said::Reset(_) | Said::GoAway(_)),
            "{trailers:?}: {said:?}"
        );
        for request in encrypted.world.octopus.api_requests() {
            let text = format!("{request:?}").to_lowercase();
            assert!(!text.contains("canary") && !text.contains("x-sum"), "{text}");
            assert_eq!(request.target, "/api/Spaces-1/channels");
            assert!(request.body_bytes <= 5);
        }
        encrypted.world.octopus.forget_requests();
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn frames_out_of_place_end_the_connection() {
    let encrypted = Encrypted::start().await;
    let head = encrypted.block(&[GET, SCHEME, AUTHORITY, ME]);
    let rows = [
        ("DATA on stream 0", frame(DATA, 0, 0, b"x")),
        ("DATA on a stream that is idle", frame(DATA, 0, 1, b"x")),
        ("HEADERS on stream 0", frame(HEADERS, END_STREAM | END_HEADERS, 0, &head)),
        ("HEADERS on an even stream", frame(HEADERS, END_STREAM | END_HEADERS, 2, &head)),
        ("a frame larger than allowed", frame(DATA, 0, 1, &vec![0; 16_385])),
        ("a block that is no HPACK", frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 64])),
        ("more padding than payload", frame(DATA, 8, 1, &[200, 1, 2])),
        ("SETTINGS of five bytes", frame(4, 0, 0, &[0; 5])),
        ("PUSH_PROMISE", frame(5, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
        ("CONTINUATION of nothing", frame(9, END_HEADERS, 1, &head)),
        ("PING on a stream", frame(6, 0, 1, &[0; 8])),
        ("a window of 0", frame(8, 0, 0, &[0; 4])),
        ("HTTP/1.1", b"GET /api/users/me HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
    ];
    for (what, bytes) in rows {
        let mut connection = encrypted.raw_http2(&[]).await;
        connection.write(&bytes).await;

        let said = connection.end().await;

        let is_error = |said: &Said| matches!(said, Said::GoAway(error) if *error != 0);
        assert!(said.is_empty() || said.iter().any(is_error), "{what}: {said:?}");
        encrypted.assert_nothing_went_on(what);
    }
    encrypted.world.close().await;
}

#[tokio::test]
async fn a_connection_has_a_hundred_streams_at_once_and_no_more() {
    const REFUSED_STREAM: u32 = 7;
    let encrypted = Encrypted::start().await;
    let head = encrypted.block(&[POST, SCHEME, AUTHORITY, RELEASES]);
    let mut connection = encrypted.raw_http2(&[]).await;
    for number in 0..=100 {
        connection.write(&frame(HEADERS, END_HEADERS, number * 2 + 1, &head)).await;
    }
    assert_eq!(connection.said().await, Said::Reset(REFUSED_STREAM), "one over");

    connection.write(&frame(DATA, END_STREAM, 199, b"{}")).await;

    assert_eq!(connection.said().await, Said::Status(200), "at the limit");
    drop(connection);
    encrypted.world.close().await;
}
