//! What is known of a claim.

/// A claim that a provider's tokens have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its address, as in `claims:` of a rule: a name, or a JSON Pointer.
    pub name: &'static str,
    /// What stands in it.
    pub kind: Kind,
    /// What it proves.
    pub nature: Nature,
    /// The only values that are known, if there are few.
    pub values: &'static [&'static str],
}

/// What stands in a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number, written as a text.
    TextNumber,
    /// `true` or `false`, written as a text.
    TextBoolean,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// An array.
    List,
    /// An object: address what is in it.
    Object,
}

/// What a claim proves about whoever has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// An id that is given once and never again.
    Id,
    /// A name that somebody else may have tomorrow.
    Name,
    /// A person. Who started something says little about what runs.
    Human,
    /// What runs, where and why.
    Context,
    /// Text that whoever starts the job chooses.
    Chosen,
}

impl Claim {
    /// An id, in a text.
    pub(super) const fn id(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, nature: Nature::Id, values: &[] }
    }

    /// An id that is a number, in a text.
    pub(super) const fn number_id(name: &'static str) -> Self {
        Self { name, kind: Kind::TextNumber, nature: Nature::Id, values: &[] }
    }

    /// A name.
    pub(super) const fn name(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, nature: Nature::Name, values: &[] }
    }

    /// A person.
    pub(super) const fn human(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, nature: Nature::Human, values: &[] }
    }

    /// What runs, where and why: a text.
    pub(super) const fn context(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, nature: Nature::Context, values: &[] }
    }

    /// Text that whoever starts the job chooses.
    pub(super) const fn chosen(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, nature: Nature::Chosen, values: &[] }
    }

    /// The same, which has one of these values.
    pub(super) const fn among(self, values: &'static [&'static str]) -> Self {
        Self { values, ..self }
    }

    /// The same, of another kind.
    pub(super) const fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}
