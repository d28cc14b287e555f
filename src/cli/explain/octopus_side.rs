//! What must stand in Octopus for the token; and what does, where Octopus is asked.

use serde::Serialize;

use crate::cli::administration::IdentityFit;
use crate::identity::{Claims, Issuer, KeySource};
use crate::octopus::{OidcIdentity, ServiceAccount, SubjectForm};
use crate::trust::Rule;

/// The OIDC identity that the service account needs.
#[derive(Debug, Serialize)]
pub(super) struct OctopusSide {
    pub(super) service_account: String,
    /// The GUID on the account's page.
    pub(super) id: Option<String>,
    /// The rule whose tokens it is for.
    pub(super) rule: String,
    /// False for an account with an API key, for which nothing is exchanged.
    pub(super) needs_identity: bool,
    pub(super) issuer: String,
    /// The token's own subject.
    pub(super) exact_subject: String,
    /// For all tokens of the rule: one identity for each. Empty if the rule does not accept this
    /// token: what it says of its subject is then no guide.
    pub(super) subjects: Vec<String>,
    pub(super) audience: String,
    /// True if the field must stay empty: the audience is the GUID.
    pub(super) audience_is_id: bool,
    /// Unknown where there are no subjects.
    pub(super) is_broader_than_the_rule: Option<bool>,
    /// Claims of which Octopus's wildcards allow more.
    pub(super) widened_claims: Vec<String>,
    /// Claims that stand as in this token, although the rule lets other values in.
    pub(super) kept_claims: Vec<String>,
    /// Claims that the broker alone checks.
    pub(super) unseen_claims: Vec<String>,
    /// Sentences for whoever enters it.
    pub(super) notes: Vec<String>,
    /// What is there, if Octopus was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<IdentityFit>,
}

impl OctopusSide {
    pub(super) fn of<G>(
        rule: &Rule<G>,
        account: &ServiceAccount,
        issuer: &Issuer,
        claims: &Claims,
    ) -> Self {
        let is_match = rule.first_miss(|address| claims.at(address)).is_none();
        let mut identity = OidcIdentity::of(rule, claims);
        if !is_match {
            identity.subjects.clear();
            identity.widened.clear();
            identity.unseen.clear();
            identity.kept.clear();
        }
        let needs_identity = account.api_key.is_none();
        let audience_is_id = account.id.as_ref() == Some(&rule.audience);
        let mut notes = if needs_identity { notes(&identity, issuer) } else { Vec::new() };
        if needs_identity && !claims.all().any(|(name, _)| name == "iss") {
            let sentence = "The token has no `iss`, and Octopus refuses such: have the platform \
                            write one that Octopus can reach, or give the account an API key.";
            notes = vec![sentence.to_owned()];
        }
        if is_match && identity.subjects.is_empty() {
            let sentence = "The subject says nothing of whom the rule means, so no identity in \
                            Octopus could be as narrow: have the platform write another subject.";
            notes.insert(0, sentence.to_owned());
        }
        Self {
            service_account: account.name.clone(),
            id: account.id.clone(),
            rule: rule.name.clone(),
            needs_identity,
            audience: rule.audience.clone(),
            audience_is_id,
            is_broader_than_the_rule: is_match.then(|| identity.is_broader()),
            issuer: identity.issuer,
            exact_subject: identity.exact_subject,
            subjects: identity.subjects,
            widened_claims: identity.widened,
            kept_claims: identity.kept,
            unseen_claims: identity.unseen,
            notes,
            found: None,
        }
    }
}

fn notes(identity: &OidcIdentity, issuer: &Issuer) -> Vec<String> {
    let mut notes = Vec::new();
    if !identity.widened.is_empty() {
        notes.push(format!(
            "Octopus's * and ? cross every separator, so the subject allows more than the rule \
             does of {}.",
            identity.widened.join(", ")
        ));
    }
    if !identity.unseen.is_empty() {
        notes.push(format!(
            "The broker alone checks {}: Octopus can't see it in the subject.",
            identity.unseen.join(", ")
        ));
    }
    if identity.is_broader() {
        notes.push(
            "Whoever has a token with such a subject could present it to Octopus directly and act \
             as the account, past the broker and its rules. Put what matters into the subject, \
             where the platform lets you."
                .to_owned(),
        );
    }
    if !identity.kept.is_empty() {
        notes.push(format!(
            "The rule lets other values of {} in, and forbids some: enter one identity for each \
             that is meant, for a wildcard would let those in too.",
            identity.kept.join(", ")
        ));
    }
    notes.extend(form_note(identity.form, issuer));
    let url = &issuer.url;
    let host = url.split('/').nth(2).unwrap_or_default();
    let is_private = !url.starts_with("https://")
        || [".local", ".internal", ".svc", "localhost"].iter().any(|end| host.ends_with(end));
    if is_private || matches!(issuer.key_source, KeySource::File(_)) {
        notes.push(format!(
            "Octopus reads {url}/.well-known/openid-configuration and the keys itself, over https \
             and without login: if it can't reach the issuer, it refuses every exchange."
        ));
    }
    notes
}

/// GitHub changed the subjects of repositories that are created, renamed or transferred after
/// 2026-07-15.
fn form_note(form: SubjectForm, issuer: &Issuer) -> Option<String> {
    // Other forges write subjects that look like GitHub's, and have nothing to do with its ids.
    if issuer.provider != "github-actions" {
        return None;
    }
    let note = match form {
        SubjectForm::GithubImmutable => {
            "The subject has GitHub's immutable form, with the ids of owner and repository behind \
             an @. An identity in Octopus with the names alone does not match it: enter it as it \
             stands here."
        }
        SubjectForm::GithubClassic => {
            "The subject has GitHub's classic form. When the repository is renamed or transferred, \
             GitHub changes it to repo:OWNER@ID/NAME@ID:…, and the identity in Octopus must be \
             changed with it."
        }
        SubjectForm::Other => return None,
    };
    Some(note.to_owned())
}
