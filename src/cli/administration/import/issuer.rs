//! An issuer of what stands in Octopus: whose tokens these are, as far as it shows.

use super::words::quoted;
use crate::http_client::is_loopback;
use crate::provision::FoundIdentity;
use crate::trust::presets::{self, Preset};

/// An entry under `issuers:`.
#[derive(Clone)]
pub(super) struct IssuerEntry {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) preset: &'static Preset,
}

impl IssuerEntry {
    /// As it stands in the file.
    pub(super) fn text(&self) -> String {
        let (name, provider) = (&self.name, self.preset.name);
        let url = if self.preset.urls.fixed == Some(self.url.as_str()) {
            String::new()
        } else {
            format!(", url: {}", quoted(&self.url))
        };
        if self.preset.algorithms.is_empty() {
            let note = "# FILL IN: `algorithms` that it signs with";
            return format!(
                "  {name}: {{ provider: {provider}{url}, algorithms: [RS256] }}   {note}\n"
            );
        }
        format!("  {name}: {{ provider: {provider}{url} }}\n")
    }
}

/// Whose tokens an identity is for: by the issuer's host, else by what the subject looks like.
pub(super) fn provider(identity: &FoundIdentity) -> &'static Preset {
    const SUBJECTS: [(&str, &str); 5] = [
        ("repo:", "github-actions"),
        ("project_path:", "gitlab"),
        ("system:serviceaccount:", "kubernetes"),
        ("project:project", "teamcity"),
        ("space:", "octopus"),
    ];
    if let Some(preset) = presets::vendor_of(&identity.issuer) {
        return preset;
    }
    let url = identity.issuer.as_str();
    let by_url = url.ends_with("/_services/token").then_some("github-actions");
    let by_subject = SUBJECTS.iter().filter(|(start, _)| identity.subject.starts_with(start));
    let names = by_url.into_iter().chain(by_subject.map(|(_, name)| *name));
    // The reader lets a provider have its own issuers, and those of this very machine.
    let is_here = url.parse().is_ok_and(|url| is_loopback(&url));
    let fits = |preset: &&Preset| is_here || preset.urls.fits(url);
    names.filter_map(presets::find).find(fits).unwrap_or(presets::CUSTOM)
}
