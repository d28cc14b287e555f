//! What must stand in Octopus, under a service account's *OpenID Connect*, for the tokens of a rule.
//!
//! In: a rule, and the claims of a token that shows what its platform's subjects look like. Out: a
//! text to enter there. Octopus compares `iss` and `aud` exactly and sees nothing of the other
//! claims but what the subject says; in a subject, `*` is any run of characters and `?` is one, and
//! both cross every separator. So a rule often says more than Octopus can: what is lost is told.

mod saying;
mod subject;

use std::collections::BTreeSet;

use subject::Subject;

use crate::identity::Claims;
use crate::trust::Rule;

/// An OIDC identity, as narrow as Octopus's wildcards allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcIdentity {
    /// `iss`, byte for byte.
    pub issuer: String,
    /// The subject of this very token: lets it in, and others that have the same.
    pub exact_subject: String,
    /// Subjects that together cover every token of the rule that is like this one: one identity for
    /// each. None if the subject says nothing of whom the rule means.
    pub subjects: Vec<String>,
    /// The claims of which the subjects allow more than the rule does.
    pub widened: Vec<String>,
    /// The claims on which the rule insists and which the subjects do not show.
    pub unseen: Vec<String>,
    /// The claims that stay as in this token although the rule lets some others in.
    pub kept: Vec<String>,
    /// The form of the subject, which says nothing of other platforms that write `repo:` as well.
    pub form: SubjectForm,
}

/// GitHub writes the subjects of repositories in one of two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectForm {
    /// `repo:acme@70412345/web@812345678:…`, with the ids of owner and repository.
    GithubImmutable,
    /// `repo:acme/web:…`, with names alone.
    GithubClassic,
    /// Surely another platform's.
    Other,
}

impl OidcIdentity {
    /// The identity for the tokens of a rule that this token satisfies.
    pub fn of<G>(rule: &Rule<G>, claims: &Claims) -> Self {
        let subject = Subject::of(rule, claims);
        let mut subjects = subject.texts();
        let seen = seen(rule, &subject, &subjects);
        let mut unseen: Vec<String> = Vec::new();
        for condition in &rule.conditions {
            let claim = condition.claim.to_string();
            if !seen.contains(&claim) && !unseen.contains(&claim) {
                unseen.push(claim);
            }
        }
        // Whom such a subject lets in, nobody knows.
        subjects.retain(|text| text.contains(|character| !"*?:/".contains(character)));
        Self {
            issuer: claims.issuer().to_owned(),
            exact_subject: claims.subject().to_owned(),
            form: form(claims.subject()),
            widened: subject.widened,
            kept: subject.kept,
            subjects,
            unseen,
        }
    }

    /// Whether Octopus would take tokens that the rule does not.
    pub fn is_broader(&self) -> bool {
        !self.widened.is_empty() || !self.unseen.is_empty()
    }
}

/// The claims whose conditions the subjects show. A claim of which one condition is shown exactly
/// needs no other: it has that value.
fn seen<G>(rule: &Rule<G>, subject: &Subject, subjects: &[String]) -> BTreeSet<String> {
    let mut seen = subject.shown.clone();
    seen.extend(subject.kept.iter().cloned());
    for condition in &rule.conditions {
        if let [value] = condition.test.values()
            && subjects.iter().all(|text| subject::shows(text, value))
        {
            seen.insert(condition.claim.to_string());
        }
    }
    if seen.contains("ref") || seen.contains("ref_path") {
        seen.insert("ref_type".to_owned());
    }
    seen
}

/// Which form a subject has.
fn form(subject: &str) -> SubjectForm {
    let Some(rest) = subject.strip_prefix("repo:") else {
        return SubjectForm::Other;
    };
    let repository = rest.split(':').next().unwrap_or_default();
    let has_id = |part: &str| {
        part.rsplit_once('@')
            .is_some_and(|(_, id)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match repository.split_once('/') {
        Some((owner, name)) if has_id(owner) && has_id(name) => SubjectForm::GithubImmutable,
        Some((owner, _)) if !owner.is_empty() => SubjectForm::GithubClassic,
        _ => SubjectForm::Other,
    }
}

#[cfg(test)]
mod tests;
