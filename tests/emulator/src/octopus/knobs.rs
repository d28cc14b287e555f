//! Everything about the pretend server that a test can turn.

use std::collections::VecDeque;

use serde_json::Value;

use crate::answer::RawAnswer;
use crate::fault::Fault;

/// The server's behaviour. The default is a healthy server of today.
#[derive(Clone, Debug, Default)]
pub struct Knobs {
    /// `expires_in` of an exchange's answer. The token itself lives that long, too.
    pub expires_in: ExpiresIn,
    /// How a failed exchange looks, or that every exchange fails.
    pub error_style: ErrorStyle,
    /// What goes wrong with exchanges.
    pub exchange_fault: Option<Fault>,
    /// The whole answer of every exchange, right or wrong.
    pub exchange_answer: Option<RawAnswer>,
    /// What discovery says about the token endpoint.
    pub token_endpoint: TokenEndpoint,
    /// What goes wrong with discovery.
    pub discovery_fault: Option<Fault>,
    /// The whole answer of discovery.
    pub discovery_answer: Option<RawAnswer>,
    /// What goes wrong with every other path.
    pub api_fault: Option<Fault>,
    /// Faults that each hit one request, by path prefix (`""` is every path). Any endpoint.
    pub faults_once: VecDeque<(String, Fault)>,
    /// Answers that are each given once, by path prefix, to requests that get past the door: no
    /// complaint, and authenticated where the path asks for it. Not for discovery and exchange.
    pub api_answers: VecDeque<(String, RawAnswer)>,
    /// What becomes of new connections before a byte is read: `Refuse`, `Reset` or `Hang`.
    pub connect_fault: Option<Fault>,
    /// The rate limiter of 2026.3, per account and for anonymous callers.
    pub rate_limit: Option<RateLimit>,
    /// Closes each connection after that many requests.
    pub close_after: Option<usize>,
    /// The node is draining: ping and health answer 418.
    pub draining: bool,
    /// Only administrators may read and change users, teams, identities and keys.
    pub is_guarded: bool,
    /// The one `X-Forwarded-For` that a request may have.
    pub caller_address: Option<String>,
    /// The change with this number, counted since the start, fails.
    pub fail_write: Option<(usize, FailedWrite)>,
}

/// How a change fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedWrite {
    /// Nothing is changed.
    Before,
    /// It is changed, and its answer is lost.
    After,
}

/// `expires_in` on the wire, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpiresIn {
    /// A number, as the official clients need it.
    Seconds(u64),
    /// A string, as one client's types claim.
    Text(String),
    /// Not there; the token lives an hour.
    Missing,
    /// Anything else; the token lives an hour.
    Raw(Value),
}

impl Default for ExpiresIn {
    fn default() -> Self {
        Self::Seconds(Self::DEFAULT_SECONDS)
    }
}

impl ExpiresIn {
    const DEFAULT_SECONDS: u64 = 3_600;

    /// What goes on the wire.
    pub(super) fn on_the_wire(&self) -> Option<Value> {
        match self {
            Self::Seconds(seconds) => Some((*seconds).into()),
            Self::Text(text) => Some(text.as_str().into()),
            Self::Missing => None,
            Self::Raw(value) => Some(value.clone()),
        }
    }

    /// How long the token really lives.
    pub(super) fn lifetime(&self) -> u64 {
        match self {
            Self::Seconds(seconds) => *seconds,
            Self::Text(text) => text.parse().unwrap_or(Self::DEFAULT_SECONDS),
            Self::Missing | Self::Raw(_) => Self::DEFAULT_SECONDS,
        }
    }
}

/// How the token endpoint says no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ErrorStyle {
    /// Refusals are RFC 6749 error objects.
    #[default]
    Rfc,
    /// Refusals are Octopus's own error objects, as of older servers.
    Octopus,
    /// Every exchange gets the HTML maintenance page with 503.
    Html503,
    /// Every exchange gets 400 and no body.
    Empty,
    /// Every exchange gets 429.
    RateLimited {
        /// Seconds in `Retry-After`, if it is sent.
        retry_after: Option<u64>,
    },
}

/// What discovery says about where tokens are exchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenEndpoint {
    /// Under the URL that clients use.
    #[default]
    Same,
    /// All URLs of the document are under this origin, as with a configured server URI.
    Host(String),
    /// This absolute URL; the rest of the document stays.
    Other(String),
}

/// A token bucket (octopus.md, 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Burst limit.
    pub limit: u32,
    /// Refill per minute.
    pub per_minute: u32,
}
