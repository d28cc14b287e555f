//! SUB1, SUB2: patterns that strangers can meet by choosing a name.

use super::scene::{Found, Scene};
use super::table::{Lint, SUB1, SUB2};
use crate::trust::{Condition, Glob, Test};

/// Claims that are the name of a tenant, a project or a workload, whole.
const NAMES: [&str; 22] = [
    "repository",
    "repository_owner",
    "enterprise",
    "workspace",
    "project_path",
    "namespace_path",
    "job_project_path",
    "job_namespace_path",
    "organization_slug",
    "pipeline_slug",
    "terraform_organization_name",
    "terraform_project_name",
    "terraform_workspace_name",
    "oidc.circleci.com/vcs-origin",
    "/kubernetes.io/namespace",
    "/kubernetes.io/serviceaccount/name",
    "namespace",
    "owner",
    "project",
    "https://octopus.com/claims/space",
    "https://octopus.com/claims/project",
    "app_name",
];

/// Claims whose first two segments are owner and repository of a file.
const FILES: [&str; 2] = ["job_workflow_ref", "workflow_ref"];

/// Words of a composite subject behind which a tenant, a project or a workload is named.
const KEYS: [&str; 22] = [
    "repo",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "enterprise",
    "organization",
    "org",
    "account",
    "project",
    "project_id",
    "project_path",
    "pipeline",
    "workspace",
    "space",
    "stack",
    "module",
    "build_type",
    "owner",
    "scope",
    "serviceaccount",
    "cluster",
];

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for rule in scene.rules {
        for condition in &rule.conditions {
            let Some(globs) = patterns(&condition.test) else { continue };
            // Where the preset demands whole ids or names, a pattern beside them widens nothing;
            // but one on `sub` is what Octopus judges by as well.
            let is_pinned = scene.preset(rule).is_some_and(|preset| !preset.pins.is_empty());
            let is_beside = is_pinned && condition.claim.to_string() != "sub";
            if is_beside || !scene.is_pattern_written(rule, condition) {
                continue;
            }
            for (at, glob) in globs.iter().enumerate() {
                if let Some((lint, sentence)) = fault(condition, glob) {
                    found.push(Found::new(lint, scene.pattern(rule, condition, at), sentence));
                }
            }
        }
    }
    found
}

fn patterns(test: &Test) -> Option<&[Glob]> {
    match test {
        Test::Glob(globs) => Some(globs),
        Test::AnyCase { lower: test, .. }
        | Test::AbsentOr(test)
        | Test::PartOfSubject { test, .. } => patterns(test),
        _ => None,
    }
}

/// Where the first wildcard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// In a part that nobody else can choose, or behind a whole name.
    Harmless,
    /// In the middle of a name.
    Inside,
    /// In the place of a whole tenant's name.
    Tenants,
}

fn fault(condition: &Condition, glob: &Glob) -> Option<(&'static Lint, &'static str)> {
    match reach(&condition.claim.to_string(), glob) {
        Reach::Harmless => None,
        Reach::Inside => Some((
            &SUB1,
            "the pattern goes on in the middle of a name, so whoever gives theirs the same \
             beginning would match; write the whole name, and a star only behind it, as in \
             repo:acme/shop:ref:refs/heads/*",
        )),
        Reach::Tenants => Some((
            &SUB2,
            "the pattern matches whatever tenant the token is of; write whose it must be, as in \
             repo:acme/shop:ref:refs/heads/*",
        )),
    }
}

fn reach(claim: &str, glob: &Glob) -> Reach {
    if !glob.has_wildcard() {
        return Reach::Harmless;
    }
    let beginning: String = glob.beginning().into_iter().collect();
    let is_bare = glob.as_str().chars().all(|character| "*?/:".contains(character));
    let is_mid = !beginning.is_empty() && !beginning.ends_with(['/', ':']);
    if is_bare {
        Reach::Tenants
    } else if claim == "sub" {
        of_subject(&beginning)
    } else if is_id(claim) {
        Reach::Inside
    } else if NAMES.contains(&claim)
        || (FILES.contains(&claim) && beginning.matches('/').count() < 2)
    {
        match (beginning.is_empty(), is_mid) {
            (true, _) => Reach::Tenants,
            (false, true) => Reach::Inside,
            (false, false) => Reach::Harmless,
        }
    } else {
        Reach::Harmless
    }
}

fn is_id(claim: &str) -> bool {
    ["_id", "-id", "Uuid", "Id"].iter().any(|end| claim.ends_with(end))
}

/// Subjects are URLs and paths (`p://acme/shop/deploy`), or keys and values behind colons
/// (`repo:acme/shop:ref:refs/heads/main`).
fn of_subject(beginning: &str) -> Reach {
    let is_mid = !beginning.is_empty() && !beginning.ends_with(['/', ':']);
    if beginning.is_empty() || beginning.ends_with("://") {
        return Reach::Tenants;
    }
    if beginning.contains("://") || beginning.starts_with("arn:") {
        return if is_mid { Reach::Inside } else { Reach::Harmless };
    }
    let (before, part) = beginning.rsplit_once(':').unwrap_or(("", beginning));
    let keys: Vec<&str> = before.split(':').filter(|key| !key.is_empty()).collect();
    let is_of_pod = beginning.starts_with("system:serviceaccount:");
    let names = match keys.last() {
        // Without any colon: a path whose words may be keys, as in `org/…/project/…`.
        None => true,
        Some(key) => is_of_pod || KEYS.contains(key),
    };
    if !names {
        return Reach::Harmless;
    }
    let is_first = if is_of_pod { keys.len() == 2 } else { keys.len() <= 1 };
    let is_whole_path =
        keys.is_empty() && part.strip_suffix('/').is_some_and(|key| KEYS.contains(&key));
    if is_mid {
        Reach::Inside
    } else if is_first && (part.is_empty() || is_whole_path) {
        Reach::Tenants
    } else {
        Reach::Harmless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_may_go_on_only_behind_a_whole_name() {
        let rows = [
            // claim, pattern, where its first wildcard stands
            ("sub", "repo:acme*", Reach::Inside),
            ("sub", "repo:acme*:ref:refs/heads/main", Reach::Inside),
            ("sub", "repo:acme/shop*", Reach::Inside),
            ("sub", "repo:acme/shop-*:environment:production", Reach::Inside),
            ("sub", "repo:ac?e/shop:**", Reach::Inside),
            ("sub", "project:project7*", Reach::Inside),
            ("sub", "project_path:acme/platform/sh*", Reach::Inside),
            ("sub", "organization:acme:pipeline:shop*", Reach::Inside),
            ("sub", "system:serviceaccount:shop*:deployer", Reach::Inside),
            ("sub", "system:serviceaccount:shop:dep*", Reach::Inside),
            ("sub", "shop*", Reach::Inside),
            ("sub", "https://jenkins.acme.example/job/shop*", Reach::Inside),
            ("sub", "p://acme/shop/dep*", Reach::Inside),
            ("sub", "spiffe://acme*", Reach::Inside),
            ("sub", "*", Reach::Tenants),
            ("sub", "**", Reach::Tenants),
            ("sub", "**:*", Reach::Tenants),
            ("sub", "repo:**", Reach::Tenants),
            ("sub", "repo:*/shop:ref:refs/heads/main", Reach::Tenants),
            ("sub", "*:ref:refs/heads/main", Reach::Tenants),
            ("sub", "organization:*:pipeline:shop", Reach::Tenants),
            ("sub", "system:serviceaccount:*:deployer", Reach::Tenants),
            ("sub", "org/*/project/p/user/u", Reach::Tenants),
            ("sub", "p://**", Reach::Tenants),
            ("sub", "repo:acme/*:ref:refs/heads/main", Reach::Harmless),
            ("sub", "repo:acme/**", Reach::Harmless),
            ("sub", "repo:acme/shop:*", Reach::Harmless),
            ("sub", "repo:acme/shop:ref:refs/heads/release-*", Reach::Harmless),
            ("sub", "repo:acme\\*", Reach::Harmless),
            ("sub", "organization:acme:pipeline:*", Reach::Harmless),
            (
                "sub",
                "organization:acme:pipeline:shop:ref:refs/heads/main:commit:*",
                Reach::Harmless,
            ),
            ("sub", "system:serviceaccount:shop:*", Reach::Harmless),
            ("sub", "p://acme/shop/*", Reach::Harmless),
            ("sub", "{11aa}:{22bb}:*", Reach::Harmless),
            ("sub", "org/o/project/p/user/*", Reach::Harmless),
            ("repository", "acme*", Reach::Inside),
            ("repository", "acme/shop*", Reach::Inside),
            ("repository", "*/shop", Reach::Tenants),
            ("repository", "acme/*", Reach::Harmless),
            ("repository_id", "81*", Reach::Inside),
            ("/kubernetes.io/namespace", "shop*", Reach::Inside),
            ("job_workflow_ref", "acme/shared*", Reach::Inside),
            ("job_workflow_ref", "acme/shared/.github/workflows/deploy*", Reach::Harmless),
            ("ref", "refs/heads/release-*", Reach::Harmless),
            ("ref", "**", Reach::Tenants),
            ("environment", "prod*", Reach::Harmless),
            ("environment", "*-prod", Reach::Harmless),
        ];
        for (claim, pattern, expected) in rows {
            let separators = if claim == "sub" { "/:" } else { "/" };
            let glob = Glob::new(pattern, separators).unwrap();
            assert_eq!(reach(claim, &glob), expected, "{claim} {pattern}");
        }
    }
}
