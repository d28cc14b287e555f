//! What may stand on a rule in the words of the provider.

/// A field of a rule.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As written on the rule.
    pub name: &'static str,
    /// The claim that it is about: a name, or a JSON Pointer.
    pub claim: &'static str,
    /// How its value becomes a condition on that claim.
    pub reading: Reading,
    /// Conditions that come with it: a claim, and its only value.
    pub with: &'static [(&'static str, &'static str)],
    /// Claims that must be absent or empty beside it.
    pub without: &'static [&'static str],
    /// What its values look like, if that can be told.
    pub form: Option<Form>,
    /// What it says: a line for the documentation.
    pub says: &'static str,
}

/// What the values of a field look like.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Whether a value is one.
    pub fits: fn(&str) -> bool,
    /// What to write: ends the sentence "is no …; write …".
    pub advice: &'static str,
}

/// How the value of a field becomes a condition on its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It is the condition.
    Plain,
    /// The same, without regard to case (ASCII): as the provider itself compares.
    AnyCase,
    /// This stands before it in the claim, and may be written or left out: `main` for
    /// `refs/heads/main`.
    Prefixed(&'static str),
    /// The same, but a value that begins with `/` stands for itself.
    PrefixedName(&'static str),
    /// The claim has it in braces, which may be left out.
    Braced,
    /// It stands in the claim at the place of `{}`; the rest is a pattern.
    Within(&'static str),
    /// A file in this folder of any repository, as OWNER/REPO/PATH@REF has it; a value with `@` is
    /// all of that.
    WorkflowIn(&'static str),
    /// A list of values, or a single one.
    Listed,
    /// What an array must hold: a list of values, or a single one.
    Held,
    /// A claim of its own, or, if the token lacks that, the part of `sub` behind this key.
    PartOfSubject(&'static str),
    /// `true` or `false`: it lifts a denial, and is no condition.
    Switch,
}

impl Field {
    /// A claim under its own name.
    pub(super) const fn of_claim(claim: &'static str) -> Self {
        Self::plain(claim, claim, "")
    }

    /// A claim under another name.
    pub(super) const fn plain(name: &'static str, claim: &'static str, says: &'static str) -> Self {
        Self { name, claim, reading: Reading::Plain, with: &[], without: &[], form: None, says }
    }

    /// A switch that lifts a denial.
    pub(super) const fn switch(name: &'static str, says: &'static str) -> Self {
        Self::plain(name, "", says).read(Reading::Switch)
    }

    /// The same, read otherwise.
    pub(super) const fn read(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// The same, as a list of accepted values.
    pub(super) const fn listed(self) -> Self {
        self.read(Reading::Listed)
    }

    /// The same, for values of a form.
    pub(super) const fn form(self, fits: fn(&str) -> bool, advice: &'static str) -> Self {
        Self { form: Some(Form { fits, advice }), ..self }
    }

    /// A path of names such as OWNER/REPO, without a host.
    pub(super) const fn path(self, advice: &'static str) -> Self {
        self.form(is_path, advice)
    }

    /// A whole ref.
    pub(super) const fn whole_ref(name: &'static str, claim: &'static str) -> Self {
        Self::plain(name, claim, "the whole ref, such as `refs/heads/main`")
            .form(is_ref, "the whole ref, such as refs/heads/main, or use `branch:` or `tag:`")
    }

    /// A branch or tag, where the claim holds its bare name.
    pub(super) const fn bare(self) -> Self {
        self.form(is_bare, "the name alone, without refs/heads/ or refs/tags/")
    }

    /// A branch, by its name: the claim holds a whole ref.
    pub(super) const fn branch(claim: &'static str) -> Self {
        Self::plain("branch", claim, "the branch, such as `main` or `{ glob: \"release/*\" }`")
            .read(Reading::Prefixed("refs/heads/"))
    }

    /// A tag, by its name: the claim holds a whole ref.
    pub(super) const fn tag(claim: &'static str) -> Self {
        Self::plain("tag", claim, "the tag, such as `v2.4.0` or `{ glob: \"v*\" }`")
            .read(Reading::Prefixed("refs/tags/"))
    }

    /// The same, with more conditions.
    pub(super) const fn with(self, with: &'static [(&'static str, &'static str)]) -> Self {
        Self { with, ..self }
    }

    /// The same, only where these claims are absent or empty.
    pub(super) const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }
}

/// Names that are joined by slashes. An address of the web is none, nor is what one clones: no platform
/// lets a name end so. That nothing is no pin is said elsewhere.
fn is_path(value: &str) -> bool {
    let is_named = value.contains('/') && value.split('/').all(|part| !part.is_empty());
    value.is_empty() || (is_named && value.strip_suffix(".git").is_none())
}

/// Nothing is what some events have for a ref.
fn is_ref(value: &str) -> bool {
    value.is_empty() || value.starts_with("refs/")
}

fn is_bare(value: &str) -> bool {
    !value.starts_with("refs/")
}
