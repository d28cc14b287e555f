//! GitHub's subjects with ids behind the names, as it writes them for repositories that were made,
//! renamed or moved since 2026-07-15: they say what a rule pins.

use std::fmt::Write as _;

use super::rule::{has_wildcard, pattern};
use super::words::quoted;
use crate::trust::presets::Preset;

/// What such a subject says.
pub(super) struct Repository<'a> {
    owner: &'a str,
    /// `None` if any is taken.
    owner_id: Option<&'a str>,
    name: &'a str,
    pub(super) id: &'a str,
    /// What stands behind the repository.
    rest: &'a str,
}

/// The repository of a subject; `None` if the subject shows no id of it.
pub(super) fn repository<'a>(preset: &Preset, subject: &'a str) -> Option<Repository<'a>> {
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let (repository, rest) = subject.strip_prefix("repo:")?.split_once(':')?;
    let (owner, name) = repository.split_once('/')?;
    let (owner, owner_id) = owner.rsplit_once('@')?;
    let (name, id) = name.rsplit_once('@')?;
    let is_sound = preset.name == "github-actions"
        && is_id(id)
        && (owner_id == "*" || is_id(owner_id))
        && !has_wildcard(owner)
        && !has_wildcard(name);
    let owner_id = (owner_id != "*").then_some(owner_id);
    is_sound.then_some(Repository { owner, owner_id, name, id, rest })
}

impl Repository<'_> {
    /// As fields of a rule; `None` if what stands behind the repository is none.
    pub(super) fn fields(&self) -> Option<String> {
        const FIELDS: [(&str, &str); 3] = [
            ("environment:", "environment"),
            ("ref:refs/heads/", "branch"),
            ("ref:refs/tags/", "tag"),
        ];
        let Self { owner, owner_id, name, id, rest } = self;
        let mut fields = FIELDS.iter();
        let (field, value) =
            fields.find_map(|(start, field)| Some((*field, rest.strip_prefix(start)?)))?;
        let repository = quoted(&format!("{owner}/{name}"));
        let mut text = format!("  repository: {repository}\n  repository_id: {id}\n");
        if let Some(owner_id) = owner_id {
            let _ = writeln!(text, "  repository_owner_id: {owner_id}");
        }
        if has_wildcard(value) {
            let _ = writeln!(text, "  {field}: {{ glob: {} }}", quoted(&pattern(value)));
        } else {
            let _ = writeln!(text, "  {field}: {}", quoted(value));
        }
        Some(text)
    }
}
