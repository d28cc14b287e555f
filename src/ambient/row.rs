//! What the table says of a platform.

use super::platform::Platform;

/// A platform.
pub(super) struct Row {
    pub(super) platform: Platform,
    /// Its word in configuration, log and messages.
    pub(super) name: &'static str,
    /// Any of these gives it away. None: it is never detected, only named.
    pub(super) signs: &'static [Sign],
    /// Unless one of these is set: another platform that pretends to be this one.
    pub(super) unless: &'static [&'static str],
    pub(super) recipe: Recipe,
    /// Said when something is missing: what to switch on.
    pub(super) switch_on: &'static str,
    /// Said when the token is for another audience: how to get the right one.
    pub(super) audience: &'static str,
}

/// A trace of a platform in the environment.
pub(super) enum Sign {
    /// The variable says `true` (in any case) or `1`.
    True(&'static str),
    /// The variable holds something.
    Set(&'static str),
}

/// How a platform hands out its token.
pub(super) enum Recipe {
    /// It lies in one of these places. The first file that is there is taken, else the variable
    /// whose token has the wanted audience.
    Read(&'static [Place]),
    /// It is asked for. The first request whose variables are all set is taken.
    Ask(&'static [Ask]),
}

/// Where a token lies.
pub(super) enum Place {
    /// In a variable.
    Variable(&'static str),
    /// In a file that a variable names.
    FileNamedBy(&'static str),
    /// In a file.
    File(&'static str),
}

/// A request for a token. All texts may hold placeholders, see `template`.
pub(super) struct Ask {
    pub(super) verb: Verb,
    pub(super) url: &'static str,
    pub(super) query: &'static [Pair],
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// The body, made from the audience.
    pub(super) body: Option<fn(&str) -> serde_json::Value>,
    pub(super) answer: Answer,
}

/// Its method.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Get,
    Post,
}

/// A pair of the query.
pub(super) enum Pair {
    /// Always there.
    Always(&'static str, &'static str),
    /// Left out when its variable is not set.
    Perhaps(&'static str, &'static str),
}

/// What comes back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// A JSON object; the token is this member.
    Member(&'static str),
    /// The token itself.
    Text,
}
