//! What the lints find on rules for tokens of a known provider.

use super::{config, found_in};

const ISSUERS: &str = "issuers:
  gh: {provider: github-actions}
  ghes: {provider: github-actions, url: https://git.acme.example/_services/token}
  gl: {provider: gitlab}
  k8s: {provider: kubernetes, url: https://kubernetes.default.svc, max_token_age: 1h}
  ci: {provider: custom, url: https://ci.example, algorithms: [RS256]}
rules:
- {name: gh, issuer: gh, service_account: bot, repository_id: 1}
- {name: ghes, issuer: ghes, service_account: bot, repository_id: 1}
- {name: gl, issuer: gl, service_account: bot, project_id: 1, namespace_id: 2}
- {name: k8s, issuer: k8s, service_account: bot, namespace: a, kubernetes_service_account: b, uid: c}
- {name: ci, issuer: ci, service_account: bot, claims: {id: 7}}
";

/// `ID key` of what is found on one rule more, which stands in line 13.
fn found(issuer: &str, members: &str) -> Vec<String> {
    let rule = format!("- {{name: x, issuer: {issuer}, service_account: bot, {members}}}");
    found_in(&config(&format!("{ISSUERS}{rule}")))
        .into_iter()
        .filter(|found| !found.contains("DUP1"))
        .map(|found| {
            let (id, rest) = found.split_once(' ').unwrap();
            let (_, key) = rest.split_once("rules[5]").unwrap_or(("", rest));
            format!("{id} {}", key.trim_start_matches('.')).trim_end().to_owned()
        })
        .collect()
}

#[track_caller]
fn each_finds(issuer: &str, rows: &[(&str, &[&str])]) {
    for (members, expected) in rows {
        assert_eq!(found(issuer, members), *expected, "{issuer}: {members}");
    }
}

#[test]
fn github_s_events_workflows_environments_and_branches_are_looked_at() {
    each_finds(
        "gh",
        &[
            ("repository_id: 2", &[]),
            ("repository_id: 2, events: [push, pull_request_target]", &["GH1 events"]),
            (
                "repository_id: 2, events: [pull_request, workflow_run]",
                &["GH1 events", "GH1 events"],
            ),
            ("repository_id: 2, events: [push, release]", &[]),
            ("repository_id: 2, events: [push, pushes]", &["VAL1 events"]),
            ("repository_id: 2, runner: hosted", &["VAL1 runner"]),
            ("repository_id: 2, claims: {enviroment: production}", &["CLM1 claims.enviroment"]),
            ("repository_id: 2, claims: {repositry_owner: acme}", &["CLM1 claims.repositry_owner"]),
            (
                "repository_id: 2, claims: {made_up: x, subject_type: abc, user_identities: abc}",
                &[],
            ),
            ("repository_id: 2, tag: {glob: '{v1,v2}'}", &["PAT1 tag.glob"]),
            ("repository_id: 2, tag: '${TAG:-v1}'", &["VAR1 tag"]),
            ("repository_id: 2, tag: '${}$TAG'", &[]),
            ("repository_id: 2, job_workflow_ref: a/b/.github/workflows/c.yml@refs/tags/v1", &[]),
            (
                "repository_id: 2, job_workflow_ref: 'a/b/.github/workflows/c.yml@refs/tags/p@1'",
                &[],
            ),
            (
                "repository_id: 2, job_workflow_ref: a/b/.github/workflows/c.yml@refs/heads/main",
                &["GH2 job_workflow_ref"],
            ),
            ("repository_id: 2, environment: production", &["GH3 environment"]),
            ("repository_id: 2, environment: production, branch: main", &[]),
            ("repository_id: 2, branch: {glob: 'release/*'}", &["GH4 branch.glob"]),
            ("repository_id: 2, branch: {glob: 'release/*'}, protected_ref: true", &[]),
            ("repository_id: 2, tag: {glob: 'v*'}", &[]),
        ],
    );
}

#[test]
fn subjects_that_say_too_little_are_looked_at() {
    each_finds(
        "gh",
        &[
            (
                "repository_id: 2, claims: {sub: 'repo:a/b:ref:refs/heads/main'}",
                &["SUB4 claims.sub"],
            ),
            ("repository_id: 2, claims: {sub: 'repo:a@1/b@2:ref:refs/heads/main'}", &[]),
        ],
    );
    each_finds(
        "ghes",
        &[
            ("repository_id: 2, claims: {sub: 'repo:a/b:ref:refs/heads/main'}", &[]),
            (
                "repository_id: 2, claims: {sub: {glob: 'repo:a/b:environment:*'}}",
                &["SUB5 claims.sub.glob"],
            ),
        ],
    );
    each_finds(
        "ci",
        &[
            (
                "claims: {sub: 'job_workflow_ref:a/b/.github/workflows/c.yml@refs/tags/v1'}",
                &["SUB3 claims.sub"],
            ),
            ("claims: {sub: 'environment:production', repository_id: 7}", &[]),
        ],
    );
}

#[test]
fn gitlab_s_projects_refs_and_environments_are_looked_at() {
    let ids = "project_id: 3, namespace_id: 2";
    let with = |more: &str| format!("{ids}, {more}");
    each_finds(
        "gl",
        &[
            (ids, &[]),
            (&with("environment: production"), &["GL2 environment"]),
            (&with("environment: production, protected_environment: true"), &[]),
            (&with("claims: {ref: main}"), &["GL2 claims.ref"]),
            (&with("branch: main"), &[]),
            (&with("protected_ref: false"), &["GL2 protected_ref"]),
            (&with("protected_ref: false, protected_environment: true"), &[]),
        ],
    );
    each_finds("ci", &[("claims: {job_project_id: 7}", &["GL1 claims.job_project_id"])]);
}

#[test]
fn other_platforms_have_their_own() {
    each_finds(
        "k8s",
        &[
            ("namespace: x, kubernetes_service_account: w", &["K8S2"]),
            (
                "namespace: x, kubernetes_service_account: default, default_account: true, uid: z",
                &["K8S1 kubernetes_service_account"],
            ),
        ],
    );
    each_finds(
        "ci",
        &[
            ("claims: {sub: {glob: 'system:serviceaccount:x:*'}}", &["K8S1 claims.sub.glob"]),
            ("claims: {sub: 'system:serviceaccount:x:default'}", &["K8S1 claims.sub"]),
            ("claims: {terraform_workspace_id: w}", &["TF1 claims"]),
            (
                "claims: {terraform_workspace_id: w, terraform_run_phase: plan}",
                &["TF1 claims.terraform_run_phase"],
            ),
            ("claims: {terraform_workspace_id: w, terraform_run_phase: apply}", &[]),
            (
                "claims: {sub: x, '/https:~1~1sts.amazonaws.com~1/request_tags/team': z}",
                &["AWS1 claims.\"/https:~1~1sts.amazonaws.com~1/request_tags/team\""],
            ),
            ("claims: {sub: x, env0Tag: z}", &["ENV1 claims.env0Tag"]),
            ("claims: {sub: x, 'agent_tag:queue': z}", &["BK1 claims.\"agent_tag:queue\""]),
        ],
    );
}

#[test]
fn a_condition_fits_the_type_of_its_claim() {
    let ids = "project_id: 3, namespace_id: 2";
    let with = |more: &str| format!("{ids}, claims: {{{more}}}");
    each_finds(
        "gl",
        &[
            (&with("groups_direct: {contains: acme/ops}"), &[]),
            (&with("groups_direct: acme/ops"), &["TYPE1 claims.groups_direct"]),
            (&with("job_config: x"), &["TYPE1 claims.job_config"]),
            (&with("ref_type: {contains: branch}"), &["TYPE1 claims.ref_type.contains"]),
            (&with("environment_protected: 'yes'"), &["TYPE1 claims.environment_protected"]),
            (&with("environment_protected: true"), &[]),
            (&with("runner_id: 7"), &[]),
            (&with("runner_id: seven"), &["TYPE1 claims.runner_id"]),
        ],
    );
    each_finds("gl", &[("project_id: acme/web, namespace_id: 2", &["TYPE1 project_id"])]);
    each_finds("ci", &[("claims: {sub: {contains: x}}", &["TYPE1 claims.sub.contains"])]);
}

#[test]
fn names_alone_are_warned_of_where_no_preset_demands_ids() {
    each_finds(
        "ci",
        &[
            ("claims: {repository: a/b}", &["ID1 claims"]),
            ("claims: {repository: a/b, repository_id: 7}", &[]),
            ("claims: {sub: x, repository: a/b}", &[]),
        ],
    );
    each_finds("gh", &[("repository: a/b, accept_recyclable_names: true", &[])]);
}

#[test]
fn a_preset_s_shared_audiences_are_known() {
    let text = "issuers:\n  gh: {provider: github-actions}\nservice_accounts:\n  bot: {id: \
                5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: 'https://github.com/acme'}\nrules: \
                [{name: x, issuer: gh, service_account: bot, repository_id: 1}]";

    assert_eq!(found_in(&config(text)), ["AUD2 4:61 service_accounts.bot.audience"]);
}

#[test]
fn pins_and_issuers_that_are_refused_have_ids() {
    assert_eq!(found("gh", "environment: production"), ["ISS4", "GH3 environment"][..1]);
    assert_eq!(found("ghes", "branch: main"), ["PIN1"]);
    let text = "issuers:\n  ci: {provider: custom, url: 'https://gitlab.com', algorithms: [RS256]}";
    assert_eq!(found_in(&config(text)), ["ISS3 2:31 issuers.ci.url"]);
}

/// What every preset adds to a rule fits the types that it knows, and is nothing to warn of.
#[test]
fn examples_have_nothing_to_find() {
    for name in ["github-actions", "gitlab-ci", "kubernetes", "octobroker", "sidecar"] {
        let file = std::path::Path::new("config").join(format!("{name}.yaml"));
        let findings = crate::config::load(&file, &|_| None).unwrap().findings;
        let grave = findings.iter().filter(|one| one.severity < crate::config::Severity::Info);
        assert_eq!(grave.map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
