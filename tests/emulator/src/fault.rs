//! The ways in which a server can be sick, as data.
//!
//! Some faults replace the answer, some damage the real one on its way out, and some end the
//! connection below HTTP. Each is set per endpoint and stays until it is taken away.

use std::future::pending;
use std::time::Duration;

use crate::answer::{self, Reply};
use crate::body;

/// What goes wrong with an answer. The request has been read up to the end of its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed without a byte.
    Refuse,
    /// The connection is reset (TCP RST).
    Reset,
    /// No answer comes, ever; the connection stays open.
    Hang,
    /// This status with a small JSON body.
    Status(u16),
    /// This status with an HTML page, as a load balancer or a maintenance page answers.
    Html(u16),
    /// Bytes that are not HTTP.
    Garbage,
    /// The head and half of the body of the real answer, then the connection is closed.
    Truncate,
    /// The head and half of the body of the real answer, then silence on an open connection.
    Stall,
    /// A redirect to this `Location` with this status.
    Redirect(String, u16),
    /// The real answer in pieces of `bytes`, each after `pause`.
    Drip {
        /// Size of a piece.
        bytes: usize,
        /// How long each piece waits.
        pause: Duration,
    },
}

/// An end of the connection that HTTP cannot express; see `connection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Close,
    Reset,
    Garbage,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

impl Fault {
    /// The answer as this fault leaves it. `real` runs only when the fault needs the real answer.
    pub(crate) async fn apply(self, real: impl Future<Output = Reply>) -> Result<Reply, Cut> {
        match self {
            Self::Refuse => Err(Cut::Close),
            Self::Reset => Err(Cut::Reset),
            Self::Garbage => Err(Cut::Garbage),
            Self::Hang => pending().await,
            Self::Status(status) => Ok(answer::octopus_error(status, "a fault of the emulator")),
            Self::Html(status) => Ok(answer::maintenance_page(status)),
            Self::Redirect(location, status) => Ok(answer::redirect(status, &location)),
            Self::Truncate => Ok(real.await.map(body::truncated)),
            Self::Stall => Ok(real.await.map(body::stalled)),
            Self::Drip { bytes, pause } => Ok(real.await.map(|b| body::dripping(b, bytes, pause))),
        }
    }
}
