//! What the operator sees: the log, the line per request, the metrics, the closed list of codes.
//!
//! In: events that the other rooms report (`metrics.exchanged(..)`, `tracing::warn!(..)`, an
//! [`AuditRecord`] when a request has ended). Out: lines on a [`Sink`], text for `GET /metrics`.
//!
//! It never sees a token, a key or a stand-in: it takes names, words, numbers and claim values.
//! Claim values are data: they are escaped and cut, and they are never a label, so that neither a
//! line can be forged nor the number of series grow under hostile traffic. It never stops the
//! service: a line that can't be written is lost. It keeps no global state, so that tests run side
//! by side. It decides nothing; no room asks it for anything.

mod audit;
mod code;
mod decisions;
mod escape;
mod line;
mod log_queue;
mod logging;
mod metrics;
mod names;
mod outcomes;
mod process;
mod series;
mod sink;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::iter;

pub use audit::{AuditLog, AuditRecord, Audited, Missed};
pub use code::Code;
pub use decisions::Decisions;
pub use escape::{escaped, is_hostile};
pub use logging::{Format, Level, UnknownLevel, subscriber};
pub use metrics::{InFlight, Labels, Metrics, OpenConnection};
pub use outcomes::{
    AccessTokenResult, Door, ExchangeOutcome, HandshakeFailure, RefreshOutcome, RequestOutcome,
    Verification,
};
pub use sink::{Captured, Sink};

/// An error and its sources in one line, joined with `": "`.
///
/// The one way in which errors are printed: no error of this program prints its own source.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for source in iter::successors(error.source(), |&error| error.source()) {
        text.push_str(": ");
        text.push_str(&source.to_string());
    }

    text
}
