//! The log of the program itself: every event of `tracing` becomes one line on a [`Sink`].
//!
//! It is not the line per request (`audit`), which no filter may drop. Spans are not written.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::error_chain;
use super::escape::{json_line, plain, timestamp, word};
use super::sink::Sink;
use crate::clock::Clock;

/// The beginning of the targets of this crate's own events.
const OWN_TARGET: &str = "octobroker";

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One flat JSON object: for machines.
    Json,
    /// One readable line: for people at a terminal.
    Pretty {
        /// Whether the level is coloured with ANSI sequences.
        colour: bool,
    },
}

/// The least grave events that are logged. Other crates' events are logged from `warn` on at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Needs a person.
    Error,
    /// The program went on; somebody should look.
    Warn,
    /// What an operator asked for; starts and stops.
    Info,
    /// What a developer asks for.
    Debug,
    /// Everything.
    Trace,
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(UnknownLevel),
        }
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// The word is no [`Level`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of error, warn, info, debug, trace")]
pub struct UnknownLevel;

/// What writes the events: this crate's from `level` on, other crates' warnings and errors.
pub fn subscriber(
    format: Format,
    level: Level,
    sink: Sink,
    clock: Arc<dyn Clock>,
) -> impl Subscriber + Send + Sync {
    let level = LevelFilter::from(level);
    let filter =
        Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(OWN_TARGET, level);

    tracing_subscriber::registry().with(Lines { format, sink, clock }.with_filter(filter))
}

struct Lines {
    format: Format,
    sink: Sink,
    clock: Arc<dyn Clock>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = timestamp(self.clock.now());

        self.sink.line(&match self.format {
            Format::Json => json_line(&JsonEvent { time, metadata: event.metadata(), fields }),
            Format::Pretty { colour } => {
                let mut line = pretty_start(&time, *event.metadata().level(), colour);
                line.push_str(&plain(&fields.message));
                for (name, value) in &fields.others {
                    let _ = match value {
                        Value::String(text) => write!(line, " {name}={}", word(text)),
                        other => write!(line, " {name}={other}"),
                    };
                }
                line
            }
        });
    }
}

/// `13:05:01.123 INFO  `: how a readable line begins.
pub(super) fn pretty_start(time: &str, level: tracing::Level, colour: bool) -> String {
    let time_of_day = time.split_once('T').map_or(time, |(_, rest)| rest.trim_end_matches('Z'));
    if !colour {
        return format!("{time_of_day} {level:<5} ");
    }

    let paint = match level {
        tracing::Level::ERROR => 31,
        tracing::Level::WARN => 33,
        tracing::Level::INFO => 32,
        tracing::Level::DEBUG => 34,
        tracing::Level::TRACE => 35,
    };
    format!("\u{1b}[2m{time_of_day}\u{1b}[0m \u{1b}[{paint}m{level:<5}\u{1b}[0m ")
}

struct JsonEvent<'a> {
    time: String,
    metadata: &'a Metadata<'a>,
    fields: Fields,
}

impl Serialize for JsonEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("time", &self.time)?;
        line.serialize_entry("level", &self.metadata.level().as_str().to_ascii_lowercase())?;
        line.serialize_entry("target", self.metadata.target())?;
        line.serialize_entry("message", &self.fields.message)?;
        for (name, value) in &self.fields.others {
            // A field of such a name would stand twice in the object.
            if matches!(*name, "time" | "level" | "target" | "message") {
                line.serialize_entry(&format!("{name}_"), value)?;
            } else {
                line.serialize_entry(name, value)?;
            }
        }

        line.end()
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.others.push((name.trim_start_matches("r#"), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field, error_chain(value).into());
    }
}
