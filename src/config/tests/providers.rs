//! Every provider: the URLs of its issuers, and what its rules must pin.

use super::super::parse;
use super::{each_is_refused, environment};

/// A provider with its issuer's URL where it needs one; pins that do, each on its own.
const PINNED: &[(&str, &str, &[&str])] = &[
    ("github-actions", "", &["repository_id: 1"]),
    ("github-actions", "", &["repository_owner_id: 1", "repository: a/b"]),
    ("gitlab", "", &["project_id: 1", "namespace_id: 2"]),
    ("gitlab", "https://gitlab.acme.example", &["project_id: 1"]),
    ("azure-devops", "https://vstoken.dev.azure.com/0f3c", &["prj_id: 1", "def_id: 2"]),
    ("azure-devops", "https://vstoken.dev.azure.com/0f3c", &["service_connection: a/b/c"]),
    ("bitbucket", BITBUCKET, &["workspaceUuid: a", "repositoryUuid: b"]),
    ("buildkite", "", &["organization_id: a", "pipeline_id: b"]),
    ("circleci", "https://oidc.circleci.com/org/acme", &["project_id: a"]),
    ("circleci", "https://oidc.circleci.com", &["project_id: a", "org_id: b"]),
    ("hcp-terraform", "", &["organization_id: a", "workspace_id: b"]),
    ("spacelift", "https://acme.app.spacelift.io", &["stack: a", "space: b"]),
    ("spacelift", "https://acme.app.spacelift.io", &["stack: a", "space_path: /b"]),
    (
        "harness",
        "https://app.harness.io/ng/api/oidc/account/a",
        &["project_id: a", "pipeline_id: b"],
    ),
    (
        "harness",
        "https://identity.harness.example",
        &["project_id: a", "pipeline_id: b", "account_id: c"],
    ),
    ("jenkins", "https://jenkins.acme.example/oidc", &["sub: https://jenkins.acme.example/job/a/"]),
    (
        "teamcity",
        "https://teamcity.acme.example",
        &["project_internal_id: project7", "build_type_internal_id: bt42"],
    ),
    ("codefresh", "", &["account_id: a", "pipeline_id: b"]),
    ("semaphore", "https://acme.semaphoreci.com", &["prj_id: a"]),
    ("semaphore", "https://acme.semaphoreci.com", &["project_id: a"]),
    ("forgejo", "https://forge.acme.example/api/actions", &["repository_id: 1"]),
    ("octopus", "https://acme.octopus.app", &["space: a", "project: b", "environment: c"]),
    ("octopus", "https://octopus.acme.example", &["sub: space:a:project:b:runbook:c"]),
    (
        "kubernetes",
        "https://oidc.eks.eu-west-1.amazonaws.com/id/A",
        &["namespace: a", "kubernetes_service_account: b"],
    ),
    ("google", "", &["sub: 112233445566778899001"]),
    ("aws", "https://a1.tokens.sts.global.api.aws", &["sub: arn:aws:iam::111122223333:role/a"]),
    ("entra", ENTRA, &["oid: a"]),
    ("entra", ENTRA, &["azp: a"]),
    ("vercel", "https://oidc.vercel.com/acme", &["owner_id: a", "project_id: b", "environment: c"]),
    ("fly", "https://oidc.fly.io/acme", &["org_id: 11", "app_id: 22"]),
    ("env0", "", &["organizationId: a", "projectId: b"]),
    ("scalr", "", &["sub: account:acme:environment:production:workspace:shop"]),
];

const BITBUCKET: &str =
    "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
const ENTRA: &str = "https://sts.windows.net/8d3f6c1e-2b4a-4f7d-9c0e-1a2b3c4d5e6f/";

/// A configuration of one rule for one issuer.
pub(super) fn rule_of(provider: &str, url: &str, members: &str) -> String {
    let url = if url.is_empty() { String::new() } else { format!(", url: '{url}'") };
    format!(
        "issuers: {{it: {{provider: {provider}{url}}}}}\nrules:\n- {{name: a, issuer: it, \
         service_account: bot, {members}}}"
    )
}

#[test]
fn every_pin_is_needed_and_no_pattern_is_one() {
    for (provider, url, pins) in PINNED {
        super::sound(&rule_of(provider, url, &pins.join(", ")));
        for (at, pin) in pins.iter().enumerate() {
            let mut others = pins.to_vec();
            others.remove(at);
            let place = "3:3: rules[0]";
            let phrase = "does not pin whose tokens of";
            let (field, _) = pin.split_once(':').unwrap();
            for vague in ["{glob: 'a*'}", "{not_one_of: [a]}", "''"] {
                if field == "service_connection" {
                    continue;
                }
                let vague = format!("{field}: {vague}");
                let members = [others.as_slice(), &[vague.as_str()]].concat().join(", ");
                each_is_refused(&[(&rule_of(provider, url, &members), place, phrase)]);
            }
            let members = [others.as_slice(), &["claims: {x: z}"]].concat().join(", ");
            each_is_refused(&[(&rule_of(provider, url, &members), place, phrase)]);
        }
    }
}

#[test]
fn names_are_enough_only_where_the_rule_says_so() {
    let rows = [
        ("buildkite", "", "organization: acme, pipeline: shop"),
        ("hcp-terraform", "", "organization: acme, workspace: shop"),
        ("forgejo", "https://forge.acme.example", "repository: acme/shop"),
        ("forgejo", "https://forge.acme.example", "sub: 'repo:acme/shop:ref:refs/heads/main'"),
        ("gitlab", "", "sub: {glob: 'project_path:acme/shop:ref_type:branch:ref:*'}"),
        ("buildkite", "", "sub: {glob: 'organization:acme:pipeline:shop:**'}"),
        ("jenkins", "https://jenkins.acme.example/oidc", "sub: {glob: 'jenkins:main:*'}"),
    ];
    for (provider, url, members) in rows {
        let phrase = "`accept_recyclable_names: true` accepts that";
        each_is_refused(&[(&rule_of(provider, url, members), "3:3: rules[0]", phrase)]);
        let accepted = format!("accept_recyclable_names: true, {members}");
        super::sound(&rule_of(provider, url, &accepted));
    }
    // A subject that names too little is nobody's.
    for (provider, sub) in [
        ("github-actions", "'job_workflow_ref:acme/ci/.github/workflows/a.yml@refs/tags/v1'"),
        ("github-actions", "{glob: 'repo:acme/*:**'}"),
        ("github-actions", "{glob: 'repo:acme/web*:**'}"),
        ("github-actions", "'environment:production'"),
        ("buildkite", "{glob: 'organization:acme:pipeline:*:**'}"),
        ("buildkite", "{glob: 'organization:acme:**'}"),
        ("gitlab", "{glob: 'project_path:**'}"),
    ] {
        let members = format!("accept_recyclable_names: true, sub: {sub}");
        let phrase = "does not pin whose tokens of";
        each_is_refused(&[(&rule_of(provider, "", &members), "3:3: rules[0]", phrase)]);
    }
    let text = rule_of(
        "jenkins",
        "https://jenkins.acme.example/oidc",
        "accept_recyclable_names: true, sub: {glob: 'https://jenkins.acme.example/job/shop/**'}",
    );
    each_is_refused(&[(&text, "3:3: rules[0]", "must not end in **, which lets pull requests in")]);
}

#[test]
fn the_api_server_s_own_audience_proves_nothing() {
    let text = |audience: &str| {
        format!(
            "octopus: {{url: https://acme.octopus.app}}\n\
             issuers: {{it: {{provider: kubernetes, url: 'https://k8s.acme.example'}}}}\n\
             service_accounts: {{bot: {{id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: \
             '{audience}'}}}}\n\
             rules: [{{name: a, issuer: it, service_account: bot, namespace: a, \
             kubernetes_service_account: b}}]"
        )
    };
    for audience in ["https://k8s.acme.example", "https://kubernetes.default.svc.cluster.local"] {
        let error = parse(&text(audience), std::path::Path::new("a.yaml"), &environment);
        let error = error.expect_err(audience).to_string();
        assert!(error.contains("the audience is the API server's own"), "{error}");
    }
    assert!(parse(&text("octobroker"), std::path::Path::new("a.yaml"), &environment).is_ok());
}

#[test]
fn an_entra_issuer_is_one_tenant_s() {
    for (provider, url) in [
        ("entra", "https://login.microsoftonline.com/common/v2.0"),
        ("entra", "https://login.microsoftonline.com/organizations/v2.0"),
        ("entra", "https://login.microsoftonline.com/acme.example/v2.0"),
        ("azure-devops", "https://login.microsoftonline.com/common/v2.0"),
        ("aws", "https://evil.tokens.sts.global.api.aws.evil.example"),
        ("buildkite", "https://buildkite.com"),
        ("circleci", "https://oidc.circleci.com/acme"),
        ("fly", "https://oidc.fly.io/"),
        ("env0", "https://login.app.env0.com"),
        ("vercel", "https://oidc.vercel.com/a/b"),
        ("spacelift", "https://acme.app.spacelift.io/oidc"),
    ] {
        let text = format!("issuers: {{ci: {{provider: {provider}, url: '{url}'}}}}");
        let place = format!("1:{}: issuers.ci.url", 33 + provider.len());
        each_is_refused(&[(&text, &place, "")]);
    }
}
