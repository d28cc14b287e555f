//! What is known of each provider of ID tokens: data, and small named checks.
//!
//! A [`Preset`] says where a provider's tokens come from, how long they live, which claims they
//! have, which of these a rule must pin, and what a rule refuses unless it asks for it. `config`
//! turns it into an issuer and into conditions; nothing here looks at a token.
//!
//! A provider is one file, and one line in [`ALL`].

mod aws;
mod azure_devops;
mod bitbucket;
mod buildkite;
mod circleci;
mod claim;
mod codefresh;
mod custom;
mod denial;
mod entra;
mod env0;
mod field;
mod fly;
mod forgejo;
mod github_actions;
mod gitlab;
mod google;
mod harness;
mod hcp_terraform;
mod issuers;
mod jenkins;
mod kubernetes;
mod octopus;
mod pin;
mod scalr;
mod semaphore;
mod spacelift;
mod spiffe;
mod teamcity;
mod template;
mod vercel;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use claim::{Claim, Kind, Nature};
pub use denial::{Denial, Lift, Requirement, When};
pub use field::{Field, Form, Reading};
pub use issuers::{IssuerUrls, Shape, Tenancy};
pub use pin::{Basis, Pin, Pins};
pub use template::{Asked, Part, SubjectTemplate};

use crate::identity::{Algorithm, TokenKind};

/// A provider, as far as its tokens are concerned.
#[derive(Debug)]
pub struct Preset {
    /// As written in `provider:`.
    pub name: &'static str,
    /// As its vendor writes it.
    pub title: &'static str,
    /// The `iss` of its tokens.
    pub urls: IssuerUrls,
    /// What kind of token it signs.
    pub kind: TokenKind,
    /// How it signs; empty if the operator has to say.
    pub algorithms: &'static [Algorithm],
    /// Longest accepted `exp - iat`, unless the operator says otherwise.
    pub max_token_lifetime: Duration,
    /// Longest accepted `now - iat`, unless the operator says otherwise.
    pub max_token_age: Option<Duration>,
    /// The claims that rules are written on. Others may stand in a token.
    pub claims: &'static [Claim],
    /// Parts of `sub` are joined with `:`, so a pattern's `*` stops there, too.
    pub has_composite_subject: bool,
    /// What may stand on a rule beside `claims:`.
    pub fields: &'static [Field],
    /// What a rule must pin: one of these, whole. None if anything will do.
    pub pins: &'static [Pins],
    /// What every rule refuses, unless it asks for it.
    pub denials: &'static [Denial],
    /// Claims that no condition may be on, unless the rule says so.
    pub refused_claims: &'static [RefusedClaim],
    /// What its subjects look like: of each list the first form that fits. Empty if that is anybody's
    /// to choose, or if rules are on `sub` itself.
    pub subjects: &'static [&'static [SubjectTemplate]],
    /// Why an audience may not be a rule's, given the issuer's URL; `None` if it may.
    pub audience_fault: fn(audience: &str, issuer: &str) -> Option<&'static str>,
    /// Audiences that many relying parties share, or that a job gets without asking: the beginning
    /// of each.
    pub shared_audiences: &'static [&'static str],
}

/// A claim that says what whoever asks for a token wants it to say.
#[derive(Debug, Clone, Copy)]
pub struct RefusedClaim {
    /// The claim, and all that is in it.
    pub claim: &'static str,
    /// The switch that allows conditions on it.
    pub switch: &'static str,
    /// Why it is refused: a clause for the operator.
    pub why: &'static str,
}

/// What most providers have in common.
const BASE: Preset = Preset {
    name: "",
    title: "",
    urls: IssuerUrls { fixed: None, shapes: &[], advice: "" },
    kind: TokenKind::IdToken,
    algorithms: &[Algorithm::Rs256],
    max_token_lifetime: hours(1),
    max_token_age: None,
    claims: &[],
    has_composite_subject: true,
    fields: &[],
    pins: &[],
    denials: &[],
    refused_claims: &[],
    subjects: &[],
    audience_fault: |_, _| None,
    shared_audiences: &[],
};

/// Every provider, in the order of the documentation.
pub const ALL: &[&Preset] = &[
    &github_actions::PRESET,
    &gitlab::PRESET,
    &azure_devops::PRESET,
    &bitbucket::PRESET,
    &buildkite::PRESET,
    &circleci::PRESET,
    &hcp_terraform::PRESET,
    &spacelift::PRESET,
    &harness::PRESET,
    &jenkins::PRESET,
    &teamcity::PRESET,
    &codefresh::PRESET,
    &semaphore::PRESET,
    &forgejo::PRESET,
    &octopus::PRESET,
    &kubernetes::PRESET,
    &spiffe::PRESET,
    &google::PRESET,
    &aws::PRESET,
    &entra::PRESET,
    &vercel::PRESET,
    &fly::PRESET,
    &env0::PRESET,
    &scalr::PRESET,
    &custom::PRESET,
];

/// Any issuer that no provider is known for.
pub const CUSTOM: &Preset = &custom::PRESET;

/// A provider by its name.
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().copied().find(|preset| preset.name == name)
}

/// The provider whose own issuer this URL is, if it is one of a vendor's: `custom` must not stand
/// for it, for that would be without what is known of it.
pub fn vendor_of(url: &str) -> Option<&'static Preset> {
    ALL.iter().copied().find(|preset| preset.urls.is_vendors(url))
}

impl Preset {
    /// The characters that end a segment in a pattern for this claim.
    pub fn separators(&self, claim: &str) -> &'static str {
        if claim == "sub" && self.has_composite_subject { "/:" } else { "/" }
    }

    /// A field by its name: one of the fields, or a claim that is pinned, under its own name.
    pub fn field(&self, name: &str) -> Option<Field> {
        let declared = self.fields.iter().find(|field| field.name == name).copied();
        declared.or_else(|| self.pinned_claim(name).map(Field::of_claim))
    }

    /// The field that is a condition on a claim, and nothing else.
    pub fn field_of(&self, claim: &str) -> Option<Field> {
        self.fields.iter().find(|field| field.claim == claim && field.with.is_empty()).copied()
    }

    /// True if this names a field, and no claim that the provider's tokens have.
    pub fn is_only_a_field(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
            && !self.claims.iter().any(|claim| claim.name == name)
    }

    /// The names of all fields.
    pub fn field_names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name)
    }

    fn pinned_claim(&self, name: &str) -> Option<&'static str> {
        let pins = self.pins.iter().flat_map(Pins::all);
        pins.map(|pin| pin.claim).find(|claim| *claim == name)
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn hours(hours: u64) -> Duration {
    minutes(hours * 60)
}
