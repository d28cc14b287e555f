//! Values and keys that fit no token, though each is one of a kind: what a new user is told.

use super::providers::rule_of;
use super::{config, each_is_refused};

const VSTOKEN: &str = "https://vstoken.dev.azure.com/0f3c2b1a-9d8e-4c7b-a6f5-e4d3c2b1a099";
const CLUSTER: &str = "https://k8s.acme.example";
const JENKINS: &str = "https://jenkins.acme.example/oidc";
const CIRCLE: &str = "https://oidc.circleci.com/org/acme";

#[test]
fn a_value_that_no_token_can_have_is_refused() {
    let rows = [
        ("github-actions", "", "repository: 'https://github.com/a/b'", "write OWNER/REPO, without"),
        ("github-actions", "", "repository: web", "is no repository; write OWNER/REPO"),
        ("github-actions", "", "repository: {one_of: [a/b, c]}", "is no repository"),
        ("github-actions", "", "ref: main", "write the whole ref, such as refs/heads/main, or use"),
        ("gitlab", "", "project: 'https://gitlab.com/a/b'", "is no project; write GROUP/PROJECT"),
        ("gitlab", "", "ref_path: v1", "is no ref path; write the whole ref"),
        ("azure-devops", VSTOKEN, "ref: main", "is no ref"),
        ("circleci", CIRCLE, "origin: 'https://github.com/a/b'", "write HOST/OWNER/REPO"),
        ("buildkite", "", "branch: refs/heads/main", "write the name alone, without refs/heads/"),
        ("jenkins", JENKINS, "sub: 'https://j.example/job/a/job/main'", "a slash at its end"),
        ("kubernetes", CLUSTER, "sub: shop/deployer", "write system:serviceaccount:NAMESPACE:NAME"),
    ];
    for (provider, url, members, phrase) in rows {
        let text = rule_of(provider, url, members);
        let key = members.split(':').next().unwrap_or_default();
        // A map that is a value stands where its key does.
        let column = 47 + if members.contains('{') { 0 } else { key.len() + 2 };
        each_is_refused(&[(&text, &format!("3:{column}: rules[0].{key}"), phrase)]);
    }
}

#[test]
fn a_key_that_stands_there_already_is_not_suggested() {
    let names = "namespace: shop, serviceaccount: deployer";
    let rows = [
        ("kubernetes", CLUSTER, names, "3:64", "did you mean `kubernetes_service_account`?"),
        ("github-actions", "", "repositoryId: 7", "3:47", "did you mean `repository_id`?"),
        ("github-actions", "", "project: Web", "3:47", "did you mean `projects`?"),
    ];
    for (provider, url, members, place, phrase) in rows {
        let text = rule_of(provider, url, members);
        let key = members.rsplit(", ").next().and_then(|last| last.split(':').next());
        let place = format!("{place}: rules[0].{}", key.unwrap_or_default());
        each_is_refused(&[(&text, &place, phrase)]);
    }
}

/// Names of project and pipeline become a pattern for `sub`, which is another choice of pins.
#[test]
fn names_of_a_pipeline_ask_for_its_ids_and_not_for_a_connection() {
    let text = rule_of("azure-devops", VSTOKEN, "project: Shop, pipeline: deploy");
    each_is_refused(&[(&text, "3:3: rules[0]", "it accepts; add `prj_id:` (the project's id")]);
    let text = rule_of("azure-devops", VSTOKEN, "sub: {glob: 'p://acme/Shop/*'}");
    each_is_refused(&[(&text, "3:3: rules[0]", "add `service_connection:` with a value or")]);
}

#[test]
fn a_value_that_a_platform_is_not_known_to_have_is_doubted() {
    let gitlab = "project_id: 1, namespace_id: 2, pipeline_source: [pushed]";
    let rows = [
        ("github-actions", "repository_id: 7, events: [Push]", "did you mean `push`?"),
        ("github-actions", "repository_id: 7, runner: x", "; known are github-hosted, self-hosted"),
        (
            "gitlab",
            gitlab,
            "\"pushed\" is no `pipeline_source` that GitLab CI is known to have; did",
        ),
    ];
    for (provider, members, phrase) in rows {
        let found = config(&rule_of(provider, "", members)).unwrap().findings;
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.id, Some("VAL1"));
        assert!(finding.sentence.contains(phrase), "{}", finding.sentence);
    }
}

#[test]
fn a_rule_with_many_slips_is_told_them_all() {
    let rule = "{name: a, issuer: itt, service_account: bott, match: x, repositoryid: 1, allow: \
                [deploi], spaces: 5}";
    let text = format!("issuers: {{it: {{provider: github-actions}}}}\nrules:\n- {rule}");
    let told: Vec<_> = config(&text)
        .unwrap_err()
        .problems()
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.sentence))
        .collect();
    let expected = [
        "issuer: is not one of those under `issuers:`; did you mean `it`?",
        "service_account: is not one of those under `service_accounts:`; did you mean `bot`?",
        "match: unknown key, and a field of no provider",
        "repositoryid: unknown key; did you mean `repository_id`?",
        "allow[0]: unknown capability; did you mean `deploy`?",
        "spaces: must be a list; write `[5]`",
    ];
    assert_eq!(told, expected.map(|rest| format!("rules[0].{rest}")), "{told:#?}");
}

#[test]
fn an_issuer_without_a_tenant_is_not_another_provider_s() {
    let url = "https://login.microsoftonline.com/common/v2.0";
    let text = rule_of("entra", url, "oid: 7d1c9b0a-5e4f-4a3b-8c2d-1e0f9a8b7c6d");
    let phrase =
        "is no issuer of Microsoft Entra; write https://login.microsoftonline.com/TENANT-ID";
    let error = config(&text).unwrap_err();
    assert!(error.problems().iter().any(|problem| problem.sentence.starts_with(phrase)), "{error}");
}

#[test]
fn a_circleci_rule_without_origin_lets_forks_in() {
    let rows = [
        ("project_id: a, branch: main", Some("CC1")),
        ("project_id: a, branch: main, origin: github.com/a/b", None),
        ("project_id: a, origin: {absent: true}", None),
    ];
    for (members, expected) in rows {
        let found = config(&rule_of("circleci", CIRCLE, members)).unwrap().findings;
        assert_eq!(found.first().and_then(|finding| finding.id), expected, "{members}: {found:?}");
    }
}

#[test]
fn a_branch_beside_pull_requests_is_said_to_be_none_of_theirs() {
    for (members, expected) in [
        ("repository_id: 7, events: [pull_request], branch: main", true),
        ("repository_id: 7, events: [pull_request]", false),
        ("repository_id: 7, events: [pull_request], ref: {glob: 'refs/**'}", false),
    ] {
        let found = config(&rule_of("github-actions", "", members)).unwrap().findings;
        let says = found.iter().any(|finding| finding.sentence.contains("`base_ref`"));
        assert_eq!(says, expected, "{members}: {found:?}");
    }
}
