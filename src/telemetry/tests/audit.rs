//! The line per request: one line, whatever a caller sends.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::ManualClock;
use crate::telemetry::{
    AccessTokenResult, AuditLog, AuditRecord, Code, Door, Format, Missed, Sink,
};

const PRETTY: Format = Format::Pretty { colour: false };

/// Every character that ends a line or steers a terminal somewhere.
const HOSTILE: &str = "a\r\n\0\u{b}\u{c}\u{1b}[2J\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\"\\b";

fn written(format: Format, record: &AuditRecord<'_>) -> String {
    let (sink, captured) = Sink::memory();
    AuditLog::new(sink, format, Arc::new(ManualClock::at(1_763_989_501))).write(record);

    captured.text()
}

/// For as long as the tests run: records borrow.
fn one_missed(missed: Missed) -> &'static [Missed] {
    vec![missed].leak()
}

fn forwarded() -> AuditRecord<'static> {
    AuditRecord {
        request_id: "01JC",
        door: Door::Bearer,
        listener: "main",
        peer: "10.0.0.7:40112",
        issuer: Some("github"),
        subject: Some("repo:acme/web:ref:refs/heads/main"),
        rule: Some("web-production"),
        service_account: Some("release-bot"),
        method: "POST",
        path: "/api/Spaces-1/releases/create/v1",
        status: 200,
        upstream_status: Some(200),
        cache: Some(AccessTokenResult::Hit),
        duration: Duration::from_nanos(12_345_678),
        upstream: Some(Duration::from_millis(12)),
        bytes_in: 310,
        bytes_out: 42,
        ..AuditRecord::default()
    }
}

fn refused() -> AuditRecord<'static> {
    AuditRecord {
        rule: None,
        service_account: None,
        status: 403,
        upstream_status: None,
        code: Some(Code::NoRuleMatched),
        cache: None,
        missed: one_missed(Missed {
            rule: "web-production".into(),
            claim: "repository".into(),
            expected: "acme/web".into(),
            actual: "evil/x".into(),
        }),
        ..forwarded()
    }
}

/// A record whose every text is `text`, but for the words of the program itself.
fn filled(text: &str) -> AuditRecord<'_> {
    let some = || Some(text);
    AuditRecord {
        request_id: text,
        traceparent: some(),
        listener: text,
        peer: text,
        issuer: some(),
        subject: some(),
        audience: some(),
        token: some(),
        jti: some(),
        rule: some(),
        service_account: some(),
        method: text,
        path: text,
        missed: one_missed(Missed {
            rule: text.into(),
            claim: text.into(),
            expected: text.into(),
            actual: text.into(),
        }),
        detail: some(),
        ..refused()
    }
}

#[test]
fn a_forwarded_request_is_one_flat_object() {
    let text = written(Format::Json, &forwarded());

    assert_eq!(
        text,
        concat!(
            r#"{"time":"2025-11-24T13:05:01.000Z","level":"info","target":"octobroker::audit","#,
            r#""message":"request","request_id":"01JC","door":"bearer","listener":"main","#,
            r#""peer":"10.0.0.7:40112","issuer":"github","#,
            r#""subject":"repo:acme/web:ref:refs/heads/main","rule":"web-production","#,
            r#""service_account":"release-bot","agent":false,"method":"POST","#,
            r#""path":"/api/Spaces-1/releases/create/v1","status":200,"upstream_status":200,"#,
            r#""code":"ok","cache":"hit","duration_ms":12.345,"upstream_ms":12.000,"#,
            r#""bytes_in":310,"bytes_out":42,"aborted":false}"#,
            "\n"
        )
    );
}

#[test]
fn a_refused_request_warns_and_tells_what_missed() {
    let line: Value = serde_json::from_str(&written(Format::Json, &refused())).unwrap();

    assert_eq!(line["level"], "warn");
    assert_eq!(line["code"], "no_rule_matched");
    assert_eq!(line["cache"], "none");
    assert_eq!(
        line["missed"],
        json!([{
            "rule": "web-production",
            "claim": "repository",
            "expected": "acme/web",
            "actual": "evil/x",
        }])
    );
}

#[test]
fn the_line_stays_one_line_whatever_the_values_hold() {
    let text = written(Format::Json, &filled(HOSTILE));

    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)));
    let read: Value = serde_json::from_str(line).unwrap();
    assert_eq!(read["subject"], HOSTILE);
    assert_eq!(read["missed"][0]["actual"], HOSTILE);
}

#[test]
fn the_pretty_form_has_no_lines_but_its_own() {
    let text = written(PRETTY, &filled(HOSTILE));

    assert_eq!(text.lines().count(), 2);
    assert!(!text.contains(|c: char| c != '\n' && c.is_control()), "{text}");
    assert!(!text.contains(['\u{2028}', '\u{2029}', '\u{202e}']), "{text}");
}

#[test]
fn values_are_cut_at_256_characters() {
    let long = "é".repeat(10_000);
    let record = filled(&long);
    let most = "é".repeat(256);

    let text = written(Format::Json, &record);

    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["subject"], json!(format!("{most}…")));
    assert_eq!(line["path"], json!(format!("{most}…")));
    assert_eq!(line["missed"][0]["rule"], json!(format!("{most}…")));
    for format in [Format::Json, PRETTY] {
        assert!(!written(format, &record).contains(&"é".repeat(257)));
    }
}

#[test]
fn the_query_is_never_written() {
    for path in ["/api/x?apikey=API-CANARY", "/api/x#API-CANARY", "/api/x?a?b#API-CANARY"] {
        for format in [Format::Json, PRETTY] {
            let text = written(format, &AuditRecord { path, ..forwarded() });

            assert!(text.contains("/api/x"), "{text}");
            assert!(!text.contains("CANARY"), "{text}");
        }
    }
}

#[test]
fn the_pretty_form_reads_like_a_sentence() {
    assert_eq!(
        written(PRETTY, &forwarded()),
        "13:05:01.000 INFO  200 POST /api/Spaces-1/releases/create/v1 rule=web-production \
         account=release-bot cache=hit 12.3ms\n"
    );
}

#[test]
fn the_pretty_form_of_a_refusal_tells_who_and_what_missed() {
    assert_eq!(
        written(PRETTY, &refused()),
        "13:05:01.000 WARN  403 POST /api/Spaces-1/releases/create/v1 code=no_rule_matched \
         issuer=github subject=repo:acme/web:ref:refs/heads/main request=01JC 12.3ms\n    \
         rule web-production: claim repository is \"evil/x\", expected \"acme/web\"\n"
    );
}

#[test]
fn the_log_and_the_metrics_say_the_same_words() {
    for door in Door::ALL {
        let line = written(Format::Json, &AuditRecord { door, ..forwarded() });
        assert!(line.contains(&format!(r#""door":"{}""#, door.as_str())), "{line}");
    }
    for cache in AccessTokenResult::ALL {
        let line = written(Format::Json, &AuditRecord { cache: Some(cache), ..forwarded() });
        assert!(line.contains(&format!(r#""cache":"{}""#, cache.as_str())), "{line}");
    }
}
