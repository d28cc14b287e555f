//! Why there is no ID token of our own, and what to do about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use std::{fmt, io};

use http::StatusCode;

use crate::http_client::HttpError;

/// Why there is no ID token of our own. The sentences hold no token and no request token; they can
/// be cloned, because all who wait for one fetch get its outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AmbientError {
    /// Nothing was named, and nothing was recognised.
    #[error("no identity was found: {looked_for}; {advice}")]
    NotFound {
        /// Where a token was looked for.
        looked_for: String,
        /// What to do.
        advice: &'static str,
    },
    /// The platform is there, but hands out no token.
    #[error("{platform}: {sentence}")]
    Misconfigured {
        /// The platform or kind of source.
        platform: &'static str,
        /// What is missing, and what to switch on.
        sentence: String,
    },
    /// Several platforms were recognised. Choosing one of them could act as the wrong identity.
    #[error("several platforms were recognised ({}): name one as the token's source", .platforms.join(", "))]
    SeveralPlatforms {
        /// Their names.
        platforms: Vec<&'static str>,
    },
    /// The platform can't be reached, or does not answer as HTTP servers do.
    #[error("{platform}: the ID token can't be asked for")]
    Unreachable {
        /// The platform.
        platform: &'static str,
        /// What the client says.
        #[source]
        source: Arc<HttpError>,
    },
    /// The platform is sick or busy.
    #[error("{platform}: asked for an ID token, the platform answered {status}; try again later")]
    Sick {
        /// The platform.
        platform: &'static str,
        /// Its answer.
        status: StatusCode,
    },
    /// The platform refuses.
    #[error("{platform}: asked for an ID token, the platform answered {status}; {advice}")]
    Refused {
        /// The platform.
        platform: &'static str,
        /// Its answer.
        status: StatusCode,
        /// What to switch on.
        advice: String,
    },
    /// The platform's answer holds no token.
    #[error("{platform}: the platform's answer {fault}")]
    BadAnswer {
        /// The platform.
        platform: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// What lies where the token should be is no ID token.
    #[error("{platform}: {place} holds no usable ID token: {fault}")]
    Malformed {
        /// The platform or kind of source.
        platform: &'static str,
        /// Where it was read.
        place: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The token's file can't be read.
    #[error("{platform}: the token's file {} can't be read; {advice}", .path.display())]
    Unreadable {
        /// The platform or kind of source.
        platform: &'static str,
        /// The file.
        path: PathBuf,
        /// What to do.
        advice: String,
        /// What the system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// The command printed no token. What it wrote to stderr is in the log.
    #[error("the command `{program}` gave no ID token: {fault}")]
    Command {
        /// The command without its arguments, which may be secret.
        program: String,
        /// What happened.
        fault: String,
    },
    /// The token is for somebody else.
    #[error(
        "{platform}: the ID token is for {}, but {wanted} is needed; {advice}",
        Listed(.found)
    )]
    AudienceMismatch {
        /// The platform or kind of source.
        platform: &'static str,
        /// The audience that is needed.
        wanted: String,
        /// Those that the token has.
        found: Vec<String>,
        /// How to get the right one here.
        advice: String,
    },
    /// The token has expired, and there is no newer one.
    #[error("{platform}: the ID token expired at {}; {advice}", Moment(*.expired))]
    Expired {
        /// The platform or kind of source.
        platform: &'static str,
        /// When, in seconds since 1970.
        expired: f64,
        /// What to do.
        advice: &'static str,
    },
    /// A fault of the broker's own.
    #[error("{platform}: the ID token could not be fetched because of a fault of the broker")]
    Internal {
        /// The platform or kind of source.
        platform: &'static str,
    },
}

impl AmbientError {
    /// True if there is no usable identity here (exit code 6); false if the platform can't be
    /// reached or is broken, and may be well again later (exit code 5).
    pub fn is_missing_identity(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::Misconfigured { .. }
            | Self::SeveralPlatforms { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Unreadable { .. }
            | Self::Command { .. }
            | Self::AudienceMismatch { .. }
            | Self::Expired { .. } => true,
            Self::Unreachable { .. }
            | Self::Sick { .. }
            | Self::BadAnswer { .. }
            | Self::Internal { .. } => false,
        }
    }
}

/// A time, as RFC 3339 has it.
pub(super) struct Moment(pub(super) f64);

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// RFC 3339 ends with the year 9999, and the formatter fails beyond it.
        const LAST: f64 = 253_402_300_799.0;
        let seconds = Duration::from_secs_f64(self.0.clamp(0.0, LAST));
        write!(formatter, "{}", humantime::format_rfc3339_seconds(UNIX_EPOCH + seconds))
    }
}

/// Audiences for people.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("nobody (it has no `aud`)");
        }
        for (at, audience) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(formatter, "{separator}{}", audience.escape_debug())?;
        }
        Ok(())
    }
}
