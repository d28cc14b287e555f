//! Events of `tracing` as lines.

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::ManualClock;
use crate::telemetry::{Format, Level, Sink, UnknownLevel, subscriber};

/// What `events` write from `level` on.
fn logged(format: Format, level: Level, events: impl FnOnce()) -> String {
    let (sink, captured) = Sink::memory();
    let clock = Arc::new(ManualClock::at(1_763_989_501));
    tracing::subscriber::with_default(subscriber(format, level, sink, clock), events);

    captured.text()
}

#[test]
fn an_event_is_one_flat_object() {
    let text = logged(Format::Json, Level::Info, || {
        let error = io::Error::other("no route");
        tracing::warn!(
            issuer = "github",
            keys = 3_u64,
            offset = -1_i64,
            share = 0.5,
            cached = true,
            list = ?[1, 2],
            error = &error as &(dyn std::error::Error + 'static),
            "keys could not be read"
        );
    });

    assert_eq!(
        text,
        concat!(
            r#"{"time":"2025-11-24T13:05:01.000Z","level":"warn","#,
            r#""target":"octobroker::telemetry::tests::logging","#,
            r#""message":"keys could not be read","issuer":"github","keys":3,"offset":-1,"#,
            r#""share":0.5,"cached":true,"list":"[1, 2]","error":"no route"}"#,
            "\n"
        )
    );
}

#[test]
fn no_value_can_begin_a_second_line() {
    for format in [Format::Json, Format::Pretty { colour: false }] {
        let hostile = "a\r\n{\"level\":\"info\"}\u{85}\u{2028}\u{2029}\u{1b}[2J";

        let text = logged(format, Level::Info, || {
            tracing::info!(name = hostile, debugged = %hostile, "{hostile}");
        });

        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{2028}'), "{line}");
    }
}

#[test]
fn long_values_are_cut() {
    let text = logged(Format::Json, Level::Info, || {
        tracing::info!(value = "v".repeat(5_000), "{}", "m".repeat(5_000));
    });

    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["value"], json!("v".repeat(256) + "…"));
    assert_eq!(line["message"], json!("m".repeat(256) + "…"));
}

#[test]
fn a_field_cannot_take_a_members_place() {
    let text = logged(Format::Json, Level::Info, || {
        tracing::info!(level = "none", time = 7, "listening");
    });

    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "info");
    assert_eq!((&line["level_"], &line["time_"]), (&json!("none"), &json!(7)));
}

#[test]
fn the_level_counts_for_this_crate_and_others_only_warn() {
    let text = logged(Format::Json, Level::Debug, || {
        tracing::debug!("own debug");
        tracing::trace!("own trace");
        tracing::info!(target: "hyper::proto", "foreign info");
        tracing::warn!(target: "hyper::proto", "foreign warning");
    });

    assert!(text.contains("own debug") && text.contains("foreign warning"));
    assert!(!text.contains("own trace") && !text.contains("foreign info"));
}

#[test]
fn other_crates_are_not_louder_than_the_level() {
    let text = logged(Format::Json, Level::Error, || {
        tracing::warn!(target: "hyper::proto", "foreign warning");
    });

    assert_eq!(text, "");
}

#[test]
fn a_pretty_line_is_for_people() {
    let text = logged(Format::Pretty { colour: false }, Level::Info, || {
        tracing::info!(address = %"127.0.0.1:8484", note = "two words", "listening");
    });

    assert_eq!(text, "13:05:01.000 INFO  listening address=127.0.0.1:8484 note=\"two words\"\n");
}

#[test]
fn colour_is_there_only_when_asked_for() {
    let text = logged(Format::Pretty { colour: true }, Level::Info, || {
        tracing::warn!("slow");
    });

    assert_eq!(text, "\u{1b}[2m13:05:01.000\u{1b}[0m \u{1b}[33mWARN \u{1b}[0m slow\n");
}

#[test]
fn levels_are_read_by_their_words_alone() {
    assert_eq!("debug".parse(), Ok(Level::Debug));
    assert_eq!("Debug".parse::<Level>(), Err(UnknownLevel));
    assert_eq!("".parse::<Level>(), Err(UnknownLevel));
}
