//! What a key is for and what may stand behind it.

use serde_json::Value;

/// One key of a section.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Key {
    pub(in crate::config) name: &'static str,
    /// A sentence on what it is for, as editors show it.
    pub(in crate::config) says: &'static str,
    pub(in crate::config) shape: Shape,
    /// What holds without it, as written in YAML.
    pub(in crate::config) default: Option<&'static str>,
    /// Something that may stand there, as written in YAML.
    pub(in crate::config) example: Option<&'static str>,
    pub(in crate::config) is_required: bool,
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum Shape {
    Text,
    /// A label of logs and metrics.
    Name,
    Flag,
    /// A whole number between these.
    Number(u64, u64),
    /// Bytes, such as `64KiB`.
    Size,
    /// Such as `30s`.
    Duration,
    /// https, or http to this machine.
    Url,
    Guid,
    /// Permission bits, such as `"0660"`.
    Mode,
    /// One word of these.
    Word(&'static [&'static str]),
    /// One word of these.
    Words(fn() -> Vec<&'static str>),
    /// At least one of these.
    List(&'static Self),
    /// Things by names of the operator's.
    Named(&'static Self),
    Form(&'static Form),
    /// One of these.
    AnyOf(&'static [Self]),
    /// Conditions on claims.
    Claims,
}

/// A map with known keys.
#[derive(Debug)]
pub(in crate::config) struct Form {
    pub(in crate::config) keys: &'static [Key],
    /// What JSON Schema has to say beside the keys.
    pub(in crate::config) also: Option<fn() -> Value>,
}

impl Form {
    pub(in crate::config) const fn of(keys: &'static [Key]) -> Self {
        Self { keys, also: None }
    }

    pub(in crate::config) const fn with(keys: &'static [Key], also: fn() -> Value) -> Self {
        Self { keys, also: Some(also) }
    }
}

impl Key {
    pub(in crate::config) const fn new(
        name: &'static str,
        shape: Shape,
        says: &'static str,
    ) -> Self {
        Self { name, says, shape, default: None, example: None, is_required: false }
    }

    pub(in crate::config) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    pub(in crate::config) const fn default(self, written: &'static str) -> Self {
        Self { default: Some(written), ..self }
    }

    pub(in crate::config) const fn example(self, written: &'static str) -> Self {
        Self { example: Some(written), ..self }
    }
}

/// The names of these keys.
#[expect(
    clippy::indexing_slicing,
    reason = "runs at compile time: an end too far does not compile"
)]
pub(in crate::config) const fn names<const N: usize>(keys: &[Key]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = keys[at].name;
        at += 1;
    }
    names
}

/// The words of a table.
#[expect(
    clippy::indexing_slicing,
    reason = "runs at compile time: an end too far does not compile"
)]
pub(in crate::config) const fn words<T, const N: usize>(
    table: &[(&'static str, T); N],
) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = table[at].0;
        at += 1;
    }
    words
}
