//! ID1, ID2: rules that look at names, or at who pressed the button, not at what runs.

use super::scene::{BuiltRule, Found, Scene};
use super::table::{ID1, ID2};
use crate::trust::Condition;
use crate::trust::presets::Nature;

/// Claims about a person.
const PEOPLE: [&str; 12] = [
    "actor",
    "actor_id",
    "user_login",
    "user_email",
    "user_id",
    "email",
    "email_verified",
    "triggered_by",
    "initiator",
    "preferred_username",
    "name",
    "user_access_level",
];

/// Names that somebody else may have tomorrow, and the ids beside them.
const NAMES: [(&str, &str); 12] = [
    ("repository", "repository_id"),
    ("repository_owner", "repository_owner_id"),
    ("enterprise", "enterprise_id"),
    ("project_path", "project_id"),
    ("namespace_path", "namespace_id"),
    ("job_project_path", "job_project_id"),
    ("job_namespace_path", "job_namespace_id"),
    ("organization_slug", "organization_id"),
    ("pipeline_slug", "pipeline_id"),
    ("terraform_organization_name", "terraform_organization_id"),
    ("terraform_project_name", "terraform_project_id"),
    ("terraform_workspace_name", "terraform_workspace_id"),
];

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for rule in scene.rules {
        found.extend(people(scene, rule).or_else(|| names(scene, rule)));
    }
    found
}

fn positive(rule: &BuiltRule) -> impl Iterator<Item = &Condition> {
    rule.conditions.iter().filter(|condition| condition.is_positive())
}

fn people(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let preset = scene.preset(rule);
    let is_of_person = |condition: &Condition| {
        let claim = condition.claim.to_string();
        let known =
            preset.and_then(|preset| preset.claims.iter().find(|known| known.name == claim));
        known
            .map_or_else(|| PEOPLE.contains(&claim.as_str()), |known| known.nature == Nature::Human)
    };
    let sentence = "looks only at a person, who starts many jobs, and whose name or address may pass \
                    to another; pin what runs as well, such as the repository's or project's id, or \
                    the exact `sub`";
    positive(rule)
        .all(is_of_person)
        .then(|| Found::new(&ID2, scene.value_of_rule(rule, "claims"), sentence))
}

/// Where no preset demands ids. Where one does, the rule has them, or says that it needs none.
fn names(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    if scene.preset(rule).is_some_and(|preset| !preset.pins.is_empty()) {
        return None;
    }
    let id_of = |claim: &str| NAMES.iter().find(|(name, _)| *name == claim).map(|(_, id)| *id);
    let claims: Vec<String> = positive(rule).map(|condition| condition.claim.to_string()).collect();
    let ids: Vec<&str> = claims.iter().filter_map(|claim| id_of(claim)).collect();
    let says_whose = |claim: &String| {
        claim == "sub" || ["id", "Id", "Uuid", "uid"].iter().any(|end| claim.ends_with(end))
    };
    if ids.is_empty() || claims.iter().any(says_whose) {
        return None;
    }
    let sentence = format!(
        "looks at names, which are free for others after a rename or a deletion; write the claim \
         `{}` as well, which is never given again",
        ids.join("` and `")
    );
    Some(Found::new(&ID1, scene.value_of_rule(rule, "claims"), sentence))
}
