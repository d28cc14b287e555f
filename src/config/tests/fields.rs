//! Fields of rules, and what presets add to them.

use super::{each_is_refused, sound};
use crate::identity::{ClaimAddress, Json};
use crate::trust::presets;

/// The configuration of a rule on an issuer `gh`, `gl` or `k8s`; what is added begins in column 54.
fn rule(issuer: &str, members: &str) -> String {
    let head = format!("- {{name: a, service_account: bot, issuer: {issuer:<5}");
    format!(
        "issuers:\n  gh: {{provider: github-actions}}\n  gl: {{provider: gitlab}}\n  \
         k8s: {{provider: kubernetes, url: https://kubernetes.default.svc}}\n  \
         ci: {{provider: custom, url: https://ci.example, algorithms: [RS256]}}\nrules:\n\
         {head}, {members}}}"
    )
}

/// Whether the rule matches claims, written as JSON.
fn matches(issuer: &str, members: &str, claims: &str) -> bool {
    let rule = sound(&rule(issuer, members)).rules.remove(0);
    let claims = Json::parse(claims.as_bytes()).unwrap_or_else(|_| panic!("{claims}"));
    rule.first_miss(|address| {
        let steps = match address {
            ClaimAddress::Name(name) => std::slice::from_ref(name),
            ClaimAddress::Pointer { steps, .. } => steps.as_slice(),
        };
        steps.iter().try_fold(&claims, |value, step| match value {
            Json::Object(members) => members.get(step),
            _ => None,
        })
    })
    .is_none()
}

const PUSH: &str = r#"{"repository_id": "1", "repository": "acme/Web", "event_name": "push",
    "ref": "refs/heads/main", "ref_type": "branch", "environment": "Production"}"#;

#[test]
fn fields_are_conditions_in_the_words_of_the_provider() {
    let rows = [
        ("repository_id: 1", true),
        ("repository_id: 1, repository: ACME/web", true),
        ("repository_id: 1, repository: acme/web2", false),
        ("repository_id: 1, repository: {glob: Acme/W*}", true),
        ("repository_id: 1, environment: production", true),
        ("repository_id: {one_of: [1, 2]}, branch: main", true),
        ("repository_id: 1, branch: refs/heads/main", true),
        ("repository_id: 1, branch: Main", false),
        ("repository_id: 1, branch: {glob: m*}", true),
        ("repository_id: 1, branch: {glob: '*'}, ref: {glob: 'refs/*/main'}", true),
        ("repository_id: 1, branch: {not_one_of: [main]}", false),
        ("repository_id: 1, tag: main", false),
        ("repository_id: 1, ref: refs/heads/main", true),
        ("repository_id: 1, environment: {absent: true}", false),
        ("repository_id: 1, events: push", true),
        ("repository_id: 1, events: [release, push]", true),
        ("repository_id: 1, events: {one_of: [release]}", false),
        ("claims: {repository_id: 1, repository: acme/Web}", true),
        ("claims: {repository_id: 1, repository: acme/web}", false),
        ("repository_id: 1, claims: {environment: Production}", true),
    ];
    for (members, expected) in rows {
        assert_eq!(matches("gh", members, PUSH), expected, "{members}");
    }
}

#[test]
fn a_workflow_is_a_file_and_no_name() {
    let of = |workflow_ref: &str| {
        PUSH.replacen(
            '{',
            &format!(r#"{{"workflow": "deploy.yml", "workflow_ref": "{workflow_ref}","#),
            1,
        )
    };
    let rows = [
        ("deploy.yml", "acme/Web/.github/workflows/deploy.yml@refs/heads/main", true),
        (
            ".github/workflows/deploy.yml",
            "acme/Web/.github/workflows/deploy.yml@refs/tags/v1",
            true,
        ),
        (
            "{one_of: [a.yml, deploy.yml]}",
            "acme/Web/.github/workflows/deploy.yml@refs/heads/a/b",
            true,
        ),
        ("deploy.yml", "acme/Web/.github/workflows/deploy.yaml@refs/heads/main", false),
        ("deploy.yml", "acme/Web/.github/workflows/xdeploy.yml@refs/heads/main", false),
        ("deploy.yml", "acme/Web/.github/workflows/deploy.yml@x.yml@refs/heads/main", false),
        ("deploy.yml", "acme/Web/.github/workflows/x.yml@refs/heads/deploy.yml@refs/x", false),
        (
            "a/b/.github/workflows/x.yml@refs/heads/*",
            "a/b/.github/workflows/x.yml@refs/heads/m",
            false,
        ),
        (
            "{glob: a/b/.github/workflows/x.yml@refs/heads/*}",
            "a/b/.github/workflows/x.yml@refs/heads/m",
            true,
        ),
    ];
    for (workflow, workflow_ref, expected) in rows {
        let members = format!("repository_id: 1, workflow: {workflow}");
        assert_eq!(
            matches("gh", &members, &of(workflow_ref)),
            expected,
            "{workflow} {workflow_ref}"
        );
    }
    let text = rule("gh", "workflow: Deploy");
    each_is_refused(&[(&text, "7:60: rules[0].workflow", "is no workflow; write the name of its")]);
}

#[test]
fn a_name_that_looks_like_a_ref_or_a_subject_is_only_a_name() {
    let branch = |claim: &str| PUSH.replace("refs/heads/main", claim);
    let rows = [
        ("branch: main", "refs/tags/main", false),
        ("branch: main", "refs/heads/main/x", false),
        ("branch: {glob: 'release/*'}", "refs/heads/release/1", true),
        ("branch: {glob: 'release/*'}", "refs/heads/release/1/x", false),
        ("branch: {glob: '*'}", "refs/heads/a/b", false),
        ("branch: {glob: '*'}", "refs/heads/x:environment:production", true),
        ("branch: refs/heads/main", "refs/heads/refs/heads/main", false),
    ];
    for (field, claim, expected) in rows {
        let members = format!("repository_id: 1, {field}");
        assert_eq!(matches("gh", &members, &branch(claim)), expected, "{field} {claim}");
    }
}

#[test]
fn what_others_may_start_is_refused_unless_asked_for() {
    let event = |name: &str, git_ref: &str| {
        PUSH.replace("\"push\"", &format!("\"{name}\"")).replace("refs/heads/main", git_ref)
    };
    let pull = event("pull_request", "refs/pull/7/merge");
    let target = event("pull_request_target", "refs/heads/main");
    let bare = event("deployment", "");
    let odd = event("push", "refs/pull/7/merge");
    let rows = [
        ("", &pull, false),
        ("", &target, false),
        ("", &bare, false),
        ("", &odd, false),
        (", events: [pull_request]", &pull, true),
        (", events: [pull_request]", &target, false),
        (", events: [pull_request_target]", &target, true),
        (", events: [push, pull_request_target]", &odd, false),
        (", events: [deployment]", &bare, true),
        (", events: [push]", &bare, false),
    ];
    for (members, claims, expected) in rows {
        let members = format!("repository_id: 1{members}");
        assert_eq!(matches("gh", &members, claims), expected, "{members} {claims}");
    }
    let nothing = PUSH.replace("\"event_name\"", "\"x\"");
    assert!(!matches("gh", "repository_id: 1", &nothing), "a missing event is refused");
}

#[test]
fn gitlab_refuses_forks_and_refs_that_are_not_protected() {
    let good = r#"{"project_id": "1", "namespace_id": "2", "job_project_id": "1",
        "pipeline_source": "push", "ref_protected": "true", "ref": "main", "ref_type": "branch",
        "ref_path": "refs/heads/main", "project_path": "Acme/Web"}"#;
    let ids = "project_id: 1, namespace_id: 2";
    let old = good.replace("\"job_project_id\": \"1\",", "");
    let fork = good.replace("\"job_project_id\": \"1\"", "\"job_project_id\": \"9\"");
    let open = good.replace("\"true\"", "\"false\"");
    let merge = good.replace("\"push\"", "\"merge_request_event\"");
    let tag = good.replace("refs/heads/main", "refs/tags/main");
    let rows = [
        ("", good, true),
        (", branch: main, project: acme/web", good, true),
        (", branch: main", &tag, false),
        ("", &old, true),
        ("", &fork, false),
        (", job_project_id: 9", &fork, true),
        ("", &open, false),
        (", protected_ref: true", &open, false),
        (", protected_ref: false", &open, true),
        (", protected_ref: false", &merge, false),
        ("", &merge, false),
        (", pipeline_source: [merge_request_event]", &merge, true),
        (", pipeline_source: [merge_request_event]", good, false),
    ];
    for (members, claims, expected) in rows {
        let members = format!("{ids}{members}");
        assert_eq!(matches("gl", &members, claims), expected, "{members} {claims}");
    }
}

#[test]
fn pods_are_named_by_namespace_and_account() {
    let pod = r#"{"sub": "system:serviceaccount:shop:web", "kubernetes.io": {"namespace": "shop",
        "serviceaccount": {"name": "web", "uid": "u1"}}}"#;
    let account = "namespace: shop, kubernetes_service_account: web";
    let default = pod.replace("\"web\"", "\"default\"");
    let extended = pod.replace("{\"namespace\"", "{\"warnafter\": 1, \"namespace\"");
    let switched = "namespace: shop, kubernetes_service_account: default, default_account: true";
    let rows = [
        (account, pod, true),
        ("namespace: shop, kubernetes_service_account: web, uid: u1", pod, true),
        ("namespace: shop, kubernetes_service_account: web, uid: u2", pod, false),
        ("namespace: shop-dev, kubernetes_service_account: web", pod, false),
        ("sub: system:serviceaccount:shop:web", pod, true),
        ("sub: system:serviceaccount:shop:web", &default, false),
        (switched, &default, true),
        (account, &extended, false),
        (
            "namespace: shop, kubernetes_service_account: web, extended_tokens: true",
            &extended,
            true,
        ),
    ];
    for (members, claims, expected) in rows {
        assert_eq!(matches("k8s", members, claims), expected, "{members} {claims}");
    }
}

#[test]
fn a_rule_pins_whose_tokens_it_accepts() {
    let at = "7:3: rules[0]";
    let rows = [
        (rule("gh", "repository: acme/web"), "add `repository_id:` (`gh api repos/OWNER/REPO --jq"),
        (rule("gh", "repository: acme/web"), "and `accept_recyclable_names: true` accepts that"),
        (rule("gh", "repository_owner_id: 7"), "add `repository_id:`"),
        (rule("gh", "environment: production"), "does not pin whose tokens of GitHub Actions"),
        (rule("gh", "claims: {}"), "does not pin whose"),
        (
            rule("gh", "accept_recyclable_names: true, environment: x"),
            "add `repository:` (write OW",
        ),
        (rule("gh", "accept_recyclable_names: true, repository: {glob: acme/*}"), "pins nothing"),
        (rule("gh", "repository_id: {glob: 8*}"), "`repository_id:` with a value or `one_of`, for"),
        (rule("gh", "repository_id: {not_one_of: [8]}"), "pins nothing"),
        (rule("gh", "repository_id: {absent: true}"), "pins nothing"),
        (rule("gh", "repository_id: ''"), "pins nothing"),
        (rule("gh", "repository_id: {one_of: [1, '']}"), "pins nothing"),
        (rule("gh", "repository_id: {same_as: run_id}"), "pins nothing"),
        (rule("gl", "project_id: 1"), "add `namespace_id:` (the page of the group"),
        (rule("gl", "project: a/b"), "add `project_id:` (the project's page shows it in its menu"),
        (rule("k8s", "namespace: shop"), "add `kubernetes_service_account:` (`serviceAccountName`"),
        (rule("k8s", "sub: {glob: 'system:*:shop:web'}"), "`sub:` with a value"),
    ];
    for (text, phrase) in &rows {
        each_is_refused(&[(text, at, phrase)]);
    }
    for good in [
        rule("gh", "repository_owner_id: 7, repository: acme/web"),
        rule("gh", "claims: {repository_owner_id: 7}, repository: {one_of: [a/b, a/c]}"),
        rule("gh", "repository: acme/web, accept_recyclable_names: true"),
        rule("gl", "project: acme/web, accept_recyclable_names: true"),
        rule("gh", "sub: {glob: 'repo:acme/web:*:*'}, accept_recyclable_names: true"),
        rule("gh", "repository_id: 1, accept_recyclable_names: false"),
    ] {
        sound(&good);
    }
    let own_server =
        rule("gl", "project_id: 1").replace("gitlab}", "gitlab, url: https://gitlab.acme.example}");
    assert_eq!(sound(&own_server).rules.len(), 1, "it has one tenant");
    let text = rule("k8s", "uid: a, accept_recyclable_names: true");
    each_is_refused(&[(&text, "7:83: rules[0].accept_recyclable_names", "changes nothing")]);
}

#[test]
fn a_key_that_is_no_field_is_explained() {
    let rows = [
        ("gh", "repositry: x", "unknown key; did you mean `repository`?"),
        ("gh", "project_id: 1", "unknown key, but a field of gitlab, azure-devops, "),
        ("gh", "namespace: x", "but a field of kubernetes; the fields of GitHub Actions are repo"),
        ("gh", "actor: x", "is a claim of GitHub Actions and no field; write it under `claims:`"),
        (
            "gl",
            "events: [x]",
            "but a field of github-actions, forgejo; the fields of GitLab CI are",
        ),
        ("gl", "wholly_other: x", "unknown key; the fields of GitLab CI are project, project_id"),
        ("ci", "repository: x", "but a field of github-actions, forgejo; known here are name"),
        ("ci", "issuers: x", "unknown key; did you mean `issuer`?"),
    ];
    for (issuer, members, phrase) in rows {
        let key = members.split(':').next().unwrap();
        let text = rule(issuer, members);
        each_is_refused(&[(&text, &format!("7:50: rules[0].{key}"), phrase)]);
    }
}

#[test]
fn a_field_takes_what_makes_sense_for_it() {
    let rows = [
        ("gh", "branch: refs/tags/v1", "is no branch; write its name without refs/heads/"),
        ("gh", "branch: 'main, develop'", "holds a space; write several as `one_of: [a, b]`"),
        ("gh", "repository: acme/web.git", "is no repository; write OWNER/REPO"),
        ("gh", "job_workflow_ref: deploy.yml", "is no job workflow ref; write OWNER/REPO/PATH@REF"),
        ("gh", "job_workflow_ref: {one_of: [a/b/c.yml@main]}", "with the whole ref, such as"),
        ("gh", "branch: ''", "is empty; write the branch's name"),
        ("gh", "tag: {absent: true}", "takes a value, `one_of`, `not_one_of` or `glob`"),
        ("gh", "events: {glob: push*}", "is a list of accepted values, such as `events: [push]`"),
        ("gh", "repository: [a/b]", "a list of accepted values is written `one_of: [...]`"),
    ];
    for (issuer, members, phrase) in rows {
        let key = members.split(':').next().unwrap();
        let text = rule(issuer, members);
        // A map or a list that is a value stands where its key does.
        let column = if members.contains(['{', '[']) { 50 } else { 52 + key.len() };
        each_is_refused(&[(&text, &format!("7:{column}: rules[0].{key}"), phrase)]);
    }
    let text = rule("gl", "protected_ref: 'true'");
    each_is_refused(&[(&text, "7:65: rules[0].protected_ref", "must be true or false")]);
}

#[test]
fn a_rule_that_its_own_preset_would_never_let_match_is_refused() {
    let at = "7:3: rules[0]";
    let rows = [
        (
            rule("gh", "repository_id: 1, claims: {event_name: pull_request}"),
            "or add `events:` with",
        ),
        (rule("gh", "repository_id: 1, ref: refs/pull/7/merge"), "a pull request runs what its"),
        (
            rule("gl", "project_id: 1, namespace_id: 2, claims: {ref_protected: false}"),
            "add `protected_ref: false`",
        ),
        (
            rule("k8s", "namespace: shop, kubernetes_service_account: default"),
            "add `default_account: true`",
        ),
    ];
    for (text, phrase) in &rows {
        each_is_refused(&[(text, at, phrase)]);
    }
}

#[test]
fn an_issuer_is_one_of_its_providers() {
    let issuer = |members: &str| format!("issuers: {{ci: {{provider: {members}}}}}");
    let place = |provider: &str| format!("1:{}: issuers.ci.url", 33 + provider.len());
    let rows = [
        ("github-actions", "https://evil.example", "is no issuer of GitHub Actions; leave it out"),
        (
            "github-actions",
            "https://token.actions.githubusercontent.com/",
            "has a slash at its end",
        ),
        ("github-actions", "https://token.actions.githubusercontent.com/a/b", "is no issuer of"),
        (
            "github-actions",
            "https://gitlab.com",
            "is an issuer of GitLab CI; write `provider: gitlab`",
        ),
        ("gitlab", "https://gitlab.com/", "has a slash at its end"),
        (
            "gitlab",
            "https://token.actions.githubusercontent.com",
            "write `provider: github-actions`",
        ),
        (
            "kubernetes",
            "https://westeurope.oic.prod-aks.azure.com/t/i",
            "lacks the slash at its end",
        ),
    ];
    for (provider, url, phrase) in rows {
        let text = issuer(&format!("{provider}, url: '{url}'"));
        each_is_refused(&[(&text, &place(provider), phrase)]);
    }
    let text = issuer("custom, url: 'https://gitlab.com', algorithms: [RS256]");
    each_is_refused(&[(
        &text,
        &place("custom"),
        "is an issuer of GitLab CI; write `provider: gitl",
    )]);
    each_is_refused(&[(
        &issuer("kubernetes"),
        "1:11: issuers.ci",
        "`url` is missing; write the clus",
    )]);
}

#[test]
fn every_preset_may_stand_on_this_machine() {
    for preset in presets::ALL.iter().filter(|preset| preset.name != "spiffe") {
        let text = format!(
            "issuers: {{ci: {{provider: custom, url: https://ci.example, algorithms: [RS256]}}, \
             here: {{provider: {}, url: 'http://127.0.0.1:8080', algorithms: [ES256], \
             max_token_lifetime: 7m, max_token_age: 3m}}}}",
            preset.name
        );
        let issuer = sound(&text).issuers.remove(1);

        assert_eq!(issuer.url, "http://127.0.0.1:8080");
        assert_eq!(issuer.provider, preset.name);
        assert_eq!(issuer.algorithms, [crate::identity::Algorithm::Es256]);
        assert_eq!(issuer.max_token_lifetime.as_secs(), 420);
        assert_eq!(issuer.max_token_age.unwrap().as_secs(), 180);
    }
}
