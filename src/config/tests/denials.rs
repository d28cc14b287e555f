//! What rules refuse with each provider unless they ask for it, and how they ask.
//!
//! Rules are tried on the claim sets of `tests/fixtures/claims`, with changes.

use serde_json::Value;

use super::each_is_refused;
use super::providers::rule_of;
use crate::identity::{ClaimAddress, Json};
use crate::trust::Rule;

/// A claim set; its issuer's provider and URL; the rule; what is changed in the claims (`null` takes
/// one away); whether the rule matches.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, bool);

#[track_caller]
fn each_is_judged(provider: &str, url: &str, rows: &[Row<'_>]) {
    for (file, pins, members, changes, expected) in rows {
        let path = format!("{}/tests/fixtures/claims/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let fixture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut claims = fixture["payload"].as_object().unwrap().clone();
        let changes: Value = serde_json::from_str(&format!("{{{changes}}}")).unwrap();
        for (claim, value) in changes.as_object().unwrap() {
            claims.remove(claim);
            if !value.is_null() {
                claims.insert(claim.clone(), value.clone());
            }
        }
        let members =
            if members.is_empty() { (*pins).to_owned() } else { format!("{pins}, {members}") };
        let text = rule_of(provider, url, &members);
        let rule = super::sound(&text).rules.remove(0);
        let claims = Json::parse(Value::Object(claims).to_string().as_bytes()).unwrap();
        assert_eq!(matches(&rule, &claims), *expected, "{file}: {members} {changes}");
    }
}

fn matches<G>(rule: &Rule<G>, claims: &Json) -> bool {
    let claim = |address: &ClaimAddress| {
        let steps = match address {
            ClaimAddress::Name(name) => std::slice::from_ref(name),
            ClaimAddress::Pointer { steps, .. } => steps.as_slice(),
        };
        steps.iter().try_fold(claims, |value, step| match value {
            Json::Object(members) => members.get(step),
            _ => None,
        })
    };
    rule.first_miss(claim).is_none()
}

#[test]
fn azure_devops_refuses_pull_requests() {
    let file = "azure-devops-pipeline";
    let ids = "prj_id: 3b1f0a52-74e5-4c1d-8a0f-52a6b7c8d9e0, def_id: 118";
    let url = "https://vstoken.dev.azure.com/0f3c2b1a-9d8e-4c7b-a6f5-e4d3c2b1a099";
    each_is_judged(
        "azure-devops",
        url,
        &[
            (file, ids, "", "", true),
            (file, ids, "", r#""rpo_ref": "refs/pull/7/merge""#, false),
            (file, ids, "pull_requests: true", r#""rpo_ref": "refs/pull/7/merge""#, true),
            (file, ids, "branch: main, project: Shop, pipeline: shop-api-deploy", "", true),
            (file, ids, "project: Shop", r#""sub": "p://acme-corp/Shop2/shop-api-deploy""#, false),
            (file, ids, "project: Shop", r#""sub": "p://Shop/x/shop-api-deploy""#, false),
            (file, ids, "pipeline: a*", r#""sub": "p://acme-corp/Shop/abc""#, false),
            (file, ids, "pipeline: a*", r#""sub": "p://acme-corp/Shop/a*""#, true),
            (file, ids, "branch: main", r#""rpo_ref": "refs/tags/main""#, false),
            (file, ids, "branch: main", r#""rpo_ref": null"#, false),
            (file, ids, "", r#""def_id": "1180""#, false),
        ],
    );
    let connection = "service_connection: acme-corp/Shop/octopus-prod";
    let legacy = "azure-devops-service-connection-legacy";
    let other = r#""sub": "sc://acme-corp/Shop/octopus-prod/x""#;
    each_is_judged(
        "azure-devops",
        url,
        &[(legacy, connection, "", "", true), (legacy, connection, "", other, false)],
    );
    let bad = rule_of("azure-devops", url, "service_connection: octopus-prod");
    let place = "3:67: rules[0].service_connection";
    each_is_refused(&[(&bad, place, "is no service connection; write ORGANIZATION/PROJECT/CONN")]);
}

#[test]
fn buildkite_tells_tags_from_branches_and_people_from_webhooks() {
    let ids = "organization_id: 0190aa10-477b-4fa8-9968-496074483c77, \
               pipeline_id: 0190aa11-4782-42b5-afc1-16715b10b1a0";
    let file = "buildkite-uuid-claims";
    each_is_judged(
        "buildkite",
        "",
        &[
            (file, ids, "branch: main", "", true),
            (file, ids, "branch: main", r#""build_source": "ui""#, false),
            (file, ids, "branch: main", r#""build_source": null"#, false),
            (file, ids, "branch: main, source: [ui]", r#""build_source": "ui""#, true),
            (file, ids, "", r#""build_source": "ui""#, true),
            (file, ids, "branch: main", r#""build_tag": "main""#, false),
            (file, ids, "branch: main", r#""build_tag": """#, true),
            (file, ids, "tag: main", r#""build_tag": "main""#, true),
            (file, ids, "", r#""pipeline_id": null"#, false),
        ],
    );
}

#[test]
fn circleci_refuses_shells_forks_and_webhooks() {
    let url = "https://oidc.circleci.com/org/6e2f1a3b-4c5d-4e6f-8a7b-9c0d1e2f3a4b";
    let id = "project_id: 7f302b4c-5d6e-4f70-9b8c-ad1e2f3a4b5c";
    let origin = "origin: github.com/acme-corp/shop-api";
    let shell = r#""oidc.circleci.com/ssh-rerun": true"#;
    let pull = r#""oidc.circleci.com/vcs-ref": "refs/heads/pull/7""#;
    each_is_judged(
        "circleci",
        url,
        &[
            ("circleci-v2", id, "", "", true),
            ("circleci-v2", id, origin, "", true),
            ("circleci-v2-fork", id, origin, "", false),
            ("circleci-v2", id, "", shell, false),
            ("circleci-v2", id, "ssh_rerun: true", shell, true),
            ("circleci-v2", id, "", r#""oidc.circleci.com/ssh-rerun": null"#, false),
            ("circleci-v2", id, "", pull, false),
            ("circleci-v2", id, "pull_requests: true", pull, true),
            ("circleci-v2-webhook", id, "", "", false),
            ("circleci-v2-webhook", id, "origin: {absent: true}", "", true),
            ("circleci-v2-webhook", id, "branch: main", "", false),
            ("circleci-v2", id, "contexts: [91524d6e-7f80-4192-8dae-cf3a4b5c6d7e]", "", true),
            ("circleci-v2", id, "contexts: [91524d6e-7f80-4192-8dae-cf3a4b5c6d7e, x]", "", false),
        ],
    );
}

#[test]
fn plans_are_no_applies() {
    let ids = "organization_id: org-GRNbCjYNpBB6NEH9, workspace_id: ws-mbsd5E3Ktt5Rg2Xm";
    each_is_judged(
        "hcp-terraform",
        "",
        &[
            ("hcp-terraform-apply", ids, "", "", true),
            ("hcp-terraform-plan", ids, "", "", false),
            ("hcp-terraform-plan", ids, "run_phase: plan", "", true),
            ("hcp-terraform-plan", ids, "run_phase: [plan, apply]", "", true),
            ("hcp-terraform-apply", ids, "run_phase: plan", "", false),
            ("hcp-terraform-apply", ids, "", r#""terraform_run_phase": null"#, false),
        ],
    );
    let ids = "stack: shop-infra, space: production-01KJMM56VS4W3AL9YZWVCXBX8D";
    let url = "https://acme-corp.app.spacelift.io";
    each_is_judged(
        "spacelift",
        url,
        &[
            ("spacelift", ids, "", "", true),
            ("spacelift", ids, "", r#""callerType": "module""#, false),
            ("spacelift-proposed", ids, "", "", false),
            ("spacelift-proposed", ids, "scope: read", "", false),
            ("spacelift-proposed", ids, "scope: [read], run_type: [PROPOSED]", "", true),
            ("spacelift", ids, "", r#""runType": "TESTING""#, false),
        ],
    );
}

#[test]
fn pull_requests_and_debug_jobs_are_refused_unless_asked_for() {
    let ids = "account_id: 5f30ebd30312313ae7f17948, pipeline_id: 64de5cd47626b3ca134e760a";
    each_is_judged(
        "codefresh",
        "",
        &[
            ("codefresh", ids, "ref: main", "", true),
            ("codefresh-pull-request", ids, "", "", false),
            ("codefresh-pull-request", ids, "pull_requests: true", "", true),
        ],
    );
    let id = "prj_id: 936a5312-a3b8-4921-8b3f-2cec8baac574";
    let tag = r#""ref": "refs/tags/v1", "ref_type": "tag", "tag": "v1""#;
    let pull = "ref_type: [branch, pull-request]";
    each_is_judged(
        "semaphore",
        "https://acme.semaphoreci.com",
        &[
            ("semaphore", id, "branch: main", "", true),
            ("semaphore", id, "", tag, false),
            ("semaphore", id, "tag: v1", tag, true),
            ("semaphore-pull-request", id, "", "", false),
            ("semaphore-pull-request", id, pull, "", true),
            ("semaphore-pull-request", id, "tag: v1", "", false),
            ("semaphore-debug", id, "", "", false),
            ("semaphore-debug", id, "job_type: [debug_job]", "", true),
            ("semaphore", id, "", r#""job_type": null"#, false),
            ("semaphore", id, "", r#""ref_type": null"#, false),
            ("semaphore", id, "", r#""pr": "77""#, false),
        ],
    );
}

#[test]
fn previews_and_plans_of_pull_requests_are_refused_unless_asked_for() {
    let ids =
        "owner_id: team_7Gw5ZMzpQA8h90F832KGp7nw, project_id: prj_7Gw5ZMBvQA8h9GF832KGp7nwbuh3";
    each_is_judged(
        "vercel",
        "https://oidc.vercel.com/acme",
        &[
            ("vercel", ids, "environment: production", "", true),
            ("vercel-preview", ids, "environment: production", "", false),
            ("vercel-preview", ids, "environment: preview, previews: true", "", true),
        ],
    );
    let ids = "organizationId: 66a38abf-69bc-4cb7-ad73-7f61e389079f, \
               projectId: 5b44fa6d-ecfd-40ab-8e69-14d6fe7c638c";
    let plan = r#""deploymentType": "prPlan""#;
    each_is_judged(
        "env0",
        "",
        &[
            ("env0", ids, "", "", true),
            ("env0", ids, "", plan, false),
            ("env0", ids, "deployment_type: prPlan", plan, true),
            ("env0", ids, "", r#""apiKeyType": "personal""#, false),
        ],
    );
    let ids = "project_internal_id: project7, build_type_internal_id: bt42";
    let pull = r#""branch": "refs/pull/7/head""#;
    each_is_judged(
        "teamcity",
        "https://teamcity.acme.example",
        &[
            ("teamcity", ids, "branch: main", "", true),
            ("teamcity", ids, "branch: refs/heads/main", "", true),
            ("teamcity", ids, "", pull, false),
            ("teamcity", ids, "pull_requests: true", pull, true),
            ("teamcity-attack-prefix", ids, "", "", false),
        ],
    );
}

#[test]
fn clouds_are_pinned_by_ids_and_people_are_no_applications() {
    let url = "https://login.microsoftonline.com/8d3f6c1e-2b4a-4f7d-9c0e-1a2b3c4d5e6f/v2.0";
    let oid = "oid: 2f1e0d9c-8b7a-4695-8473-6251403f2e1d";
    let file = "entra-managed-identity-v2";
    each_is_judged(
        "entra",
        url,
        &[
            (file, oid, "roles: Octopus.Deploy", "", true),
            (file, oid, "roles: [Octopus.Deploy, Octopus.Admin]", "", false),
            (file, oid, "", r#""idtyp": "user""#, false),
            (file, oid, "", r#""idtyp": null"#, false),
            (file, oid, "idtyp: [app, user]", r#""idtyp": "user""#, true),
        ],
    );
    let sub = "sub: 112233445566778899001";
    let email = "email: octopus-deployer@acme-prod.iam.gserviceaccount.com";
    let file = "google-service-account";
    each_is_judged(
        "google",
        "",
        &[
            (file, sub, email, "", true),
            (file, sub, email, r#""email_verified": false"#, false),
            ("google-attack-other-account", sub, "", "", false),
        ],
    );
    let sub = "sub: arn:aws:iam::111122223333:role/octopus-deployer";
    let tags = "claims: {'/https:~1~1sts.amazonaws.com~1/request_tags/role': admin}";
    let allowed = format!("request_tags: true, {tags}");
    let url = "https://a1b2c3d4.tokens.sts.global.api.aws";
    each_is_judged("aws", url, &[("aws-outbound-rs256-tags", sub, &allowed, "", true)]);
    let text = rule_of("aws", url, &format!("{sub}, {tags}"));
    each_is_refused(&[(&text, "3:3: rules[0]", "whoever asks for the token writes its request t")]);
}

#[test]
fn octopus_parts_are_found_wherever_they_stand() {
    let pins = "space: default, project: shop-api, environment: production";
    let tenanted = "octopus-deployment-tenanted";
    each_is_judged(
        "octopus",
        "https://acme.octopus.app",
        &[
            ("octopus-deployment", pins, "", "", true),
            (tenanted, pins, "", "", true),
            (tenanted, pins, "tenant: contoso", "", true),
            (tenanted, pins, "tenant: {absent: true}", "", false),
            ("octopus-deployment", pins, "tenant: {absent: true}", "", true),
            ("octopus-deployment", pins, "tenant: contoso", "", false),
            ("octopus-runbook", pins, "", "", false),
            (
                "octopus-deployment",
                pins,
                "",
                r#""sub": "space:default:project:environment:tenant:production""#,
                false,
            ),
            (
                "octopus-deployment",
                pins,
                "",
                r#""https://octopus.com/claims/environment": "test""#,
                false,
            ),
            ("octopus-deployment", pins, "", r#""https://octopus.com/claims/space": "x""#, false),
        ],
    );
}

#[test]
fn forgejo_refuses_what_strangers_start() {
    let file = "forgejo-immutable";
    let id = "repository_id: 456789";
    each_is_judged(
        "forgejo",
        "https://forge.acme.example/api/actions",
        &[
            (file, id, "branch: main", "", true),
            (file, id, "", r#""event_name": "pull_request""#, false),
            (file, id, "", r#""event_name": "issue_comment""#, false),
            (file, id, "", r#""ref": "refs/pull/7/head""#, false),
            (
                file,
                id,
                "events: [pull_request]",
                r#""event_name": "pull_request", "ref": "refs/pull/7/head""#,
                true,
            ),
            ("forgejo", id, "", "", false),
        ],
    );
}

#[test]
fn what_can_only_be_a_slip_is_explained() {
    let text = rule_of("github-actions", "", "repository_id: 1, claims: {branch: main}");
    let place = "3:74: rules[0].claims.branch";
    each_is_refused(&[(&text, place, "is a field and no claim; write it on the rule")]);
    let url = "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
    let text = rule_of("bitbucket", url, "workspaceUuid: a, repositoryUuid: {0b5e-1d}");
    let place = "3:65: rules[0].repositoryUuid";
    each_is_refused(&[(&text, place, "is a map because of its braces; leave them out, or quote")]);
}

#[test]
fn conditions_that_can_t_hold_together_are_refused() {
    let refused = [
        ("branch: main, tag: v1", "and \"refs/tags/v1\" as well; remove one of them"),
        ("claims: {repository_id: 2}", "`repository_id` is to be \"1\", and \"2\" as well"),
        ("environment: production, claims: {environment: {absent: true}}", "and absent as well"),
        ("branch: {one_of: [a, b]}, ref: {glob: 'refs/heads/c*'}", "would never match"),
    ];
    for (members, phrase) in refused {
        let text = rule_of("github-actions", "", &format!("repository_id: 1, {members}"));
        each_is_refused(&[(&text, "3:3: rules[0]", phrase)]);
    }
    for members in [
        "repository: acme/web, claims: {repository: Acme/Web}",
        "branch: {one_of: [a, b]}, ref: {glob: 'refs/heads/?'}",
        "branch: {glob: 'a*', not_one_of: [abc]}",
        "claims: {repository_id: {same_as: x}}",
    ] {
        super::sound(&rule_of("github-actions", "", &format!("repository_id: 1, {members}")));
    }
}
