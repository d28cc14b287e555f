//! What a rule becomes, without a token.

use super::*;
use crate::identity::ClaimAddress;
use crate::trust::{Condition, Glob, presets};

fn rule(conditions: &[(&str, Test)]) -> Rule<()> {
    let conditions = conditions.iter().map(|(claim, test)| Condition {
        claim: ClaimAddress::parse(claim).unwrap(),
        test: test.clone(),
    });
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

fn one_of(values: &[&str]) -> Test {
    Test::OneOf(values.iter().map(|value| (*value).to_owned()).collect())
}

fn glob(pattern: &str) -> Test {
    Test::Glob(vec![Glob::new(pattern, "/:").unwrap()])
}

const GITHUB: (&str, &str) = ("github-actions", "https://token.actions.githubusercontent.com");
const GITHUB_OWN: (&str, &str) = ("github-actions", "https://github.acme.example/_services/token");
const GITLAB: (&str, &str) = ("gitlab", "https://gitlab.com");
const GITLAB_OWN: (&str, &str) = ("gitlab", "https://gitlab.acme.example");
const AZURE: (&str, &str) =
    ("azure-devops", "https://vstoken.dev.azure.com/0f3c2b1a-9d8e-4c7b-a6f5-e4d3c2b1a099");

fn planned(
    (provider, issuer): (&str, &str),
    conditions: &[(&str, Test)],
) -> Result<PlannedSubjects, Unplannable> {
    PlannedSubjects::of(&rule(conditions), presets::find(provider).unwrap(), issuer)
}

#[test]
fn a_rule_s_words_stand_where_the_subject_has_them() {
    type Row<'a> = ((&'a str, &'a str), Vec<(&'a str, Test)>, &'a [&'a str]);
    let rows: Vec<Row<'_>> = vec![
        (
            GITHUB_OWN,
            vec![("repository", exact("acme/web")), ("ref", exact("refs/heads/main"))],
            &["repo:acme/web:ref:refs/heads/main"],
        ),
        (
            GITHUB_OWN,
            vec![("repository", exact("acme/web")), ("environment", exact("eu:west"))],
            &["repo:acme/web:environment:eu%3Awest"],
        ),
        (
            GITHUB,
            vec![("repository", exact("acme/web")), ("repository_id", exact("7"))],
            &["repo:acme/web:ref:*", "repo:acme@*/web@7:ref:*"],
        ),
        (
            GITHUB_OWN,
            vec![
                ("repository", exact("acme/web")),
                ("event_name", one_of(&["push", "pull_request"])),
            ],
            &["repo:acme/web:ref:*", "repo:acme/web:pull_request"],
        ),
        (
            GITHUB_OWN,
            vec![("repository", exact("acme/web")), ("event_name", exact("pull_request"))],
            &["repo:acme/web:pull_request"],
        ),
        (
            GITLAB,
            vec![
                ("project_path", exact("acme/web")),
                ("ref_path", one_of(&["refs/heads/main", "refs/tags/v1"])),
            ],
            &[
                "project_path:acme/web:ref_type:branch:ref:main",
                "project_path:acme/web:ref_type:tag:ref:v1",
            ],
        ),
        (GITLAB_OWN, vec![("project_id", exact("7"))], &["project_path:*:ref_type:*:ref:*"]),
        (
            AZURE,
            vec![("sub", glob("p://*/Shop/*")), ("sub", glob("p://*/*/deploy"))],
            &["p://*/Shop/deploy"],
        ),
        (GITHUB, vec![("sub", exact("repo:acme/web:x"))], &["repo:acme/web:x"]),
    ];
    for (issuer, conditions, expected) in rows {
        assert_eq!(planned(issuer, &conditions).unwrap().texts, expected, "{conditions:?}");
    }
}

#[test]
fn two_halves_of_one_name_stay_together() {
    let conditions =
        [("repository", one_of(&["acme/web", "beta/api"])), ("repository_id", one_of(&["7", "8"]))];

    let planned = planned(GITHUB, &conditions).unwrap();

    assert!(planned.texts.contains(&"repo:acme@*/web@7:ref:*".to_owned()), "{planned:?}");
    assert!(!planned.texts.iter().any(|text| text.contains("acme@*/api")), "{planned:?}");
}

#[test]
fn a_name_is_spelled_as_the_operator_does() {
    let test =
        Test::AnyCase { lower: Box::new(exact("acme/web")), spelled: Box::new(exact("Acme/Web")) };

    let planned = planned(GITHUB_OWN, &[("repository", test)]).unwrap();

    assert_eq!(planned.texts, ["repo:Acme/Web:ref:*"]);
}

#[test]
fn what_octopus_can_t_see_is_told() {
    let conditions = [
        ("repository", exact("acme/web")),
        ("ref", glob("refs/heads/*")),
        ("ref_type", exact("branch")),
        ("event_name", exact("push")),
        ("job_project_id", Test::Absent),
    ];

    let planned = planned(GITHUB_OWN, &conditions).unwrap();

    assert_eq!(planned.widened, ["ref"]);
    assert_eq!(planned.unseen, ["event_name"]);
    assert!(planned.is_broader());
}

#[test]
fn what_could_be_a_stranger_s_is_not_planned() {
    let rows = [
        (GITLAB, vec![("project_id", exact("7"))], "write `project` on it"),
        (GITHUB_OWN, vec![("sub", glob("**"))], "says not whose token"),
        (("google", "https://accounts.google.com"), vec![("email", exact("a@b"))], "write `sub`"),
        (("custom", "https://ci.example"), vec![("id", exact("7"))], "write `sub` on the rule"),
    ];
    for (issuer, conditions, phrase) in rows {
        let error = planned(issuer, &conditions).unwrap_err().to_string();
        assert!(error.contains(phrase), "{error}");
    }
}

#[test]
fn the_form_that_is_left_out_is_told() {
    let planned = planned(GITHUB, &[("repository_id", exact("7"))]).unwrap();

    assert_eq!(planned.texts, ["repo:*@*/*@7:ref:*"]);
    assert_eq!(planned.left_out.len(), 1);
    assert_eq!(planned.left_out[0].form, "repo:{repository}:ref:{ref}");
    assert_eq!(planned.left_out[0].fields, ["repository"]);
}

#[test]
fn a_long_list_becomes_a_wildcard_and_is_never_cut() {
    let refs = |count: usize| {
        Test::OneOf((0..count).map(|number| format!("refs/heads/r-{number:02}")).collect())
    };
    let of = |refs: Test| planned(GITHUB_OWN, &[("repository", exact("acme/web")), ("ref", refs)]);

    assert_eq!(of(refs(16)).unwrap().texts.len(), 16);
    let folded = of(refs(17)).unwrap();
    assert_eq!(folded.texts, ["repo:acme/web:ref:refs/heads/r-*"]);
    assert_eq!((folded.folded, folded.widened), (vec!["ref".to_owned()], vec!["ref".to_owned()]));
}

#[test]
fn names_are_folded_only_within_their_owner() {
    let many = |owner: &dyn Fn(usize) -> String| {
        Test::OneOf((0..20).map(|number| format!("{}/r{number}", owner(number))).collect())
    };
    let shared = |test: Test| planned(GITLAB, &[("project_path", test)]);

    let within = shared(many(&|_| "acme".to_owned())).unwrap();
    assert_eq!(within.texts, ["project_path:acme/r*:ref_type:*:ref:*"]);
    let across = shared(many(&|number| format!("owner{number}")));
    assert_eq!(across, Err(Unplannable::TooMany(20)));
}
