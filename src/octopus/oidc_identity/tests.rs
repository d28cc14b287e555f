//! What to enter in Octopus for real platforms' subjects.

use super::subject::octopus_matches;
use super::*;
use crate::identity::{ClaimAddress, Json};
use crate::trust::{Condition, Glob, Test};

fn rule(conditions: Vec<(&str, Test)>) -> Rule<()> {
    let conditions = conditions.into_iter();
    let conditions = conditions
        .map(|(claim, test)| Condition { claim: ClaimAddress::parse(claim).unwrap(), test });
    Rule {
        name: "rule".to_owned(),
        issuer: "ci".to_owned(),
        service_account: "bot".to_owned(),
        audience: "guid".to_owned(),
        conditions: conditions.collect(),
        grant: (),
    }
}

fn exact(value: &str) -> Test {
    Test::Exact(value.to_owned())
}

fn glob(pattern: &str) -> Test {
    Test::Glob(vec![Glob::new(pattern, "/:").unwrap()])
}

fn one_of(values: &[&str]) -> Test {
    Test::OneOf(values.iter().map(|value| (*value).to_owned()).collect())
}

/// A decoded token of the collection of real ones.
fn fixture(name: &str) -> Claims {
    let path = format!("{}/tests/fixtures/claims/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let Ok(Json::Object(mut members)) = Json::parse(&std::fs::read(path).unwrap()) else {
        panic!("{name}")
    };
    Claims::of(members.remove("payload").unwrap()).unwrap()
}

fn identity(fixture_name: &str, conditions: Vec<(&str, Test)>) -> OidcIdentity {
    let claims = fixture(fixture_name);
    let identity = OidcIdentity::of(&rule(conditions), &claims);
    let matches = |subject: &String| octopus_matches(subject, claims.subject());
    assert!(identity.subjects.iter().any(matches), "{:?}", identity.subjects);
    identity
}

#[test]
fn what_the_rule_pins_stays_and_what_varies_is_a_wildcard() {
    type Row<'a> = (&'a str, Vec<(&'a str, Test)>, &'a str, &'a [&'a str]);
    let rows: Vec<Row<'_>> = vec![
        (
            "github-actions",
            vec![("repository", exact("acme-corp/shop-api")), ("ref", exact("refs/heads/main"))],
            "repo:acme-corp/shop-api:ref:refs/heads/main",
            &[],
        ),
        (
            "github-actions",
            vec![("repository_id", exact("812345678"))],
            "repo:acme-corp/shop-api:ref:*",
            &["repository_id"],
        ),
        (
            "github-actions-environment",
            vec![("repository_id", exact("812345678")), ("environment", exact("production"))],
            "repo:acme-corp/shop-api:environment:production",
            &["repository_id"],
        ),
        (
            "github-actions-immutable",
            vec![
                ("repository_id", exact("812345678")),
                ("ref", exact("refs/heads/main")),
                ("event_name", exact("push")),
            ],
            "repo:acme-corp@70412345/shop-api@812345678:ref:refs/heads/main",
            &["event_name"],
        ),
        (
            "gitlab",
            vec![("project_id", exact("20481")), ("ref_path", exact("refs/heads/main"))],
            "project_path:acme/platform/shop-api:ref_type:branch:ref:main",
            &["project_id"],
        ),
        (
            "buildkite",
            vec![("pipeline_slug", exact("shop-api")), ("build_branch", exact("main"))],
            "organization:acme-corp:pipeline:shop-api:ref:refs/heads/main:commit:*:step:*",
            &[],
        ),
        (
            "bitbucket",
            vec![("repositoryUuid", exact("{1c6f2e3d-405b-4c7d-9e8f-a01b2c3d4e5f}"))],
            "{1c6f2e3d-405b-4c7d-9e8f-a01b2c3d4e5f}:*",
            &[],
        ),
        (
            "circleci-v2",
            vec![("oidc.circleci.com/project-id", exact("7f302b4c-5d6e-4f70-9b8c-ad1e2f3a4b5c"))],
            "org/6e2f1a3b-4c5d-4e6f-8a7b-9c0d1e2f3a4b/project/7f302b4c-5d6e-4f70-9b8c-ad1e2f3a4b5c\
             /user/*/vcs-origin/github.com/acme-corp/shop-api/vcs-ref/*",
            &[],
        ),
        (
            "hcp-terraform-apply",
            vec![("terraform_workspace_id", exact("ws-mbsd5E3Ktt5Rg2Xm"))],
            "organization:acme-corp:project:Default Project:workspace:shop-prod:run_phase:*",
            &["terraform_workspace_id"],
        ),
        (
            "kubernetes",
            vec![
                ("/kubernetes.io/namespace", exact("shop")),
                ("/kubernetes.io/serviceaccount/name", exact("octopus-deployer")),
            ],
            "system:serviceaccount:shop:octopus-deployer",
            &[],
        ),
    ];
    for (name, conditions, subject, unseen) in rows {
        let identity = identity(name, conditions);
        assert_eq!(identity.subjects, [subject], "{name}");
        assert_eq!(identity.unseen, unseen, "{name}");
        assert_eq!(identity.is_broader(), !unseen.is_empty(), "{name}");
    }
}

#[test]
fn a_rule_on_the_subject_is_taken_as_it_is() {
    let identity = identity("gitlab", vec![("sub", glob("project_path:acme/platform/*:**"))]);

    assert_eq!(identity.subjects, ["project_path:acme/platform/*:*"]);
    assert_eq!(identity.widened, ["sub"], "Octopus's star crosses segments");
}

#[test]
fn a_list_becomes_several_identities() {
    let refs = one_of(&["refs/heads/main", "refs/heads/stable"]);
    let identity = identity("github-actions", vec![("ref", refs)]);

    assert_eq!(
        identity.subjects,
        [
            "repo:acme-corp/shop-api:ref:refs/heads/main",
            "repo:acme-corp/shop-api:ref:refs/heads/stable"
        ]
    );
    assert!(!identity.is_broader());
}

#[test]
fn a_long_list_becomes_a_wildcard_and_says_so() {
    let values: Vec<String> = (0..9).map(|number| format!("refs/heads/{number}")).collect();
    let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
    values.push("refs/heads/main");
    let identity = identity("github-actions", vec![("ref", one_of(&values))]);

    assert_eq!(identity.subjects, ["repo:acme-corp/shop-api:ref:*"]);
    assert_eq!(identity.widened, ["ref"]);
}

#[test]
fn a_pattern_of_a_claim_stands_where_the_claim_does() {
    let identity = identity("github-actions", vec![("ref", glob("refs/heads/*"))]);

    assert_eq!(identity.subjects, ["repo:acme-corp/shop-api:ref:refs/heads/*"]);
    assert_eq!(identity.widened, ["ref"]);
}

#[test]
fn github_s_two_forms_are_told_apart() {
    let rows = [
        ("repo:acme@7/web@8:ref:refs/heads/main", SubjectForm::GithubImmutable),
        ("repo:acme/web:ref:refs/heads/main", SubjectForm::GithubClassic),
        ("repo:acme/web:ref:refs/heads/x@1", SubjectForm::GithubClassic),
        ("repo:acme@7/web:ref:refs/heads/x", SubjectForm::GithubClassic),
        ("project_path:a/b@1:ref:main", SubjectForm::Other),
    ];
    for (subject, expected) in rows {
        assert_eq!(form(subject), expected, "{subject}");
    }
}

#[test]
fn octopus_s_wildcards_cross_everything_and_know_case() {
    assert!(octopus_matches("repo:acme/*", "repo:acme/web:ref:refs/heads/main"));
    assert!(octopus_matches("a*", "a") && octopus_matches("a?c", "a/c"));
    assert!(!octopus_matches("repo:Acme/*", "repo:acme/web") && !octopus_matches("a?", "a"));
}

#[test]
fn what_counts_without_case_is_spelt_as_the_token_does() {
    let any_case = |value: &str| Test::AnyCase {
        lower: Box::new(exact(value)),
        spelled: Box::new(exact(value)),
    };
    let claims = r#"{"iss":"i","sub":"repo:Acme/Web:ref:refs/heads/main","exp":1,
        "repository":"Acme/Web","ref":"refs/heads/main"}"#;
    let claims = Claims::of(Json::parse(claims.as_bytes()).unwrap()).unwrap();
    let rule = rule(vec![("repository", any_case("acme/web"))]);

    assert_eq!(OidcIdentity::of(&rule, &claims).subjects, ["repo:Acme/Web:ref:*"]);
}

#[test]
fn a_part_of_the_subject_stands_for_a_claim_that_is_not_there() {
    let part =
        |key: &str, test: Test| Test::PartOfSubject { key: key.to_owned(), test: Box::new(test) };
    let identity = identity(
        "octopus-deployment",
        vec![
            ("space", part("space", exact("default"))),
            ("project", part("project", one_of(&["shop-api", "shop-web"]))),
            ("environment", part("environment", exact("production"))),
        ],
    );

    assert_eq!(
        identity.subjects,
        [
            "space:default:project:shop-api:environment:production",
            "space:default:project:shop-web:environment:production"
        ]
    );
    assert!(!identity.is_broader(), "{identity:?}");
}

#[test]
fn what_must_not_be_is_unseen_unless_the_subject_pins_it() {
    let denied = || Test::NotStartingWith(vec!["refs/pull/".to_owned()]);
    let pinned =
        identity("github-actions", vec![("ref", exact("refs/heads/main")), ("ref", denied())]);
    let kept = identity("github-actions", vec![("ref", denied())]);
    let loose = identity("github-actions-environment", vec![("ref", denied())]);

    assert!(pinned.unseen.is_empty() && pinned.kept.is_empty(), "{pinned:?}");
    assert_eq!(kept.subjects, ["repo:acme-corp/shop-api:ref:refs/heads/main"]);
    assert_eq!((kept.kept.len(), kept.unseen.len()), (1, 0), "{kept:?}");
    assert_eq!(loose.unseen, ["ref"]);
}
