//! What is recognised, and what is said when something is missing.

use std::path::PathBuf;

use super::*;
use crate::ambient::row::{Place, Recipe, Sign};
use crate::ambient::table::{DEFAULT_FILE, SECOND_DEFAULT_FILE, SECRET_VARIABLES, TABLE};

/// The variables of a job: those that give the platform away, and those with which it is complete.
type Job = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
    bool,
    &'static str,
);

/// Platform, signs, what completes it, whether it renews, a part of what is said without that.
const JOBS: &[Job] = &[
    (
        "github-actions",
        &[("GITHUB_ACTIONS", "true")],
        &[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.example/x?api-version=2.0"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY"),
        ],
        true,
        "`permissions: id-token: write`",
    ),
    (
        "forgejo",
        &[("GITHUB_ACTIONS", "true"), ("FORGEJO_ACTIONS", "true"), ("GITEA_ACTIONS", "true")],
        &[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://codeberg.example/x?placeholder=true"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY"),
        ],
        true,
        "`enable-openid-connect: true`",
    ),
    (
        "gitlab",
        &[("GITLAB_CI", "true"), ("CI", "true")],
        &[("OCTOPUS_ID_TOKEN", "CANARY")],
        false,
        "`id_tokens: { OCTOPUS_ID_TOKEN: { aud: \"5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33\" } }`",
    ),
    (
        "azure-devops",
        &[("TF_BUILD", "True"), ("SYSTEM_OIDCREQUESTURI", "https://dev.example/oidctoken")],
        &[("SYSTEM_ACCESSTOKEN", "CANARY")],
        true,
        "`SYSTEM_ACCESSTOKEN` is not set; map the job's token into the step",
    ),
    (
        "bitbucket",
        &[("BITBUCKET_BUILD_NUMBER", "7")],
        &[("BITBUCKET_STEP_OIDC_TOKEN", "CANARY")],
        false,
        "`oidc: { audiences: [",
    ),
    (
        "buildkite",
        &[("BUILDKITE", "true"), ("BUILDKITE_JOB_ID", "0192"), ("VERCEL", "0")],
        &[("BUILDKITE_AGENT_ACCESS_TOKEN", "CANARY")],
        true,
        "`BUILDKITE_AGENT_ACCESS_TOKEN` is not set; run the broker in the job's own environment",
    ),
    (
        "circleci",
        &[("CIRCLECI", "true")],
        &[("CIRCLE_OIDC_TOKEN", "CANARY")],
        false,
        "are not set; run the broker in a job that uses a context",
    ),
    (
        "codefresh",
        &[("CF_BUILD_ID", "66")],
        &[("CF_OIDC_REQUEST_URL", "https://cf.example"), ("CF_OIDC_REQUEST_TOKEN", "CANARY")],
        true,
        "pass `CF_OIDC_REQUEST_URL`",
    ),
    (
        "hcp-terraform",
        &[("TFC_RUN_ID", "run-1")],
        &[("TFC_WORKLOAD_IDENTITY_TOKEN_OCTOPUS", "CANARY")],
        false,
        "`TFC_WORKLOAD_IDENTITY_AUDIENCE_OCTOPUS` to `5f2c8c0e-",
    ),
    (
        "semaphore",
        &[("SEMAPHORE", "true")],
        &[("SEMAPHORE_OIDC_TOKEN", "CANARY")],
        false,
        "`SEMAPHORE_OIDC_TOKEN` is not set; Semaphore sets it",
    ),
    (
        "env0",
        &[("ENV0_ENVIRONMENT_ID", "e")],
        &[("ENV0_OIDC_TOKEN", "CANARY")],
        false,
        "policy for OIDC tokens",
    ),
    ("vercel", &[("VERCEL", "1")], &[("VERCEL_OIDC_TOKEN", "CANARY")], false, "OIDC federation"),
    (
        "teamcity",
        &[("TEAMCITY_VERSION", "2025.11")],
        &[("OCTOPUS_ID_TOKEN", "CANARY")],
        false,
        "`env.OCTOPUS_ID_TOKEN` = `%jwt.token%`",
    ),
    (
        "jenkins",
        &[("JENKINS_URL", "https://jenkins.example/")],
        &[("OCTOPUS_ID_TOKEN_FILE", "/tmp/token")],
        true,
        "withCredentials([string(",
    ),
];

#[test]
fn a_complete_job_is_recognised() {
    for (name, signs, rest, can_renew, _) in JOBS {
        let job = [*signs, *rest].concat();

        let identity = Surroundings::with(&job).find(&TokenSource::Detect).unwrap();

        assert_eq!(identity.platform(), *name);
        assert_eq!(identity.can_renew(), *can_renew, "{name}");
        assert!(!format!("{identity:?}").contains("CANARY"), "{name}");
    }
}

#[test]
fn a_job_that_lacks_something_is_told_what_to_switch_on_and_acts_as_nobody_else() {
    for (name, signs, _, _, advice) in JOBS {
        // All that a pod and a machine offer besides.
        let pod = [("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("SPIFFE_ENDPOINT_SOCKET", "unix:/s")];
        let job = Surroundings::with(&[*signs, &pod[..]].concat())
            .and_files(&[DEFAULT_FILE, SECOND_DEFAULT_FILE]);
        for source in [TokenSource::Detect, TokenSource::named(name).unwrap()] {
            let error = job.find(&source).unwrap_err();

            let text = sentence(&error);
            assert!(matches!(error, AmbientError::Misconfigured { .. }), "{text}");
            assert!(error.is_missing_identity());
            assert!(text.starts_with(name) && text.contains(advice), "{name}: {text}");
            assert!(!text.contains("{audience}"), "{text}");
        }
    }
}

#[test]
fn empty_variables_are_as_good_as_none() {
    let job = [("GITHUB_ACTIONS", "true"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", " ")];

    let error = Surroundings::with(&job).find(&TokenSource::Detect).unwrap_err();
    assert!(sentence(&error).contains("`ACTIONS_ID_TOKEN_REQUEST_TOKEN` is not set"));

    for value in ["", " ", "false", "0"] {
        let job = Surroundings::with(&[("GITHUB_ACTIONS", value)]);
        let error = job.find(&TokenSource::Detect).unwrap_err();
        assert!(matches!(error, AmbientError::NotFound { .. }), "{value:?}");
    }
}

#[test]
fn two_platforms_are_one_too_many_until_one_is_named() {
    let job = [
        ("GITLAB_CI", "true"),
        ("JENKINS_URL", "https://jenkins.example"),
        ("OCTOPUS_ID_TOKEN", "CANARY"),
    ];
    let job = Surroundings::with(&job);

    let error = job.find(&TokenSource::Detect).unwrap_err();

    assert!(sentence(&error).contains("(gitlab, jenkins): name one"), "{error}");
    assert!(error.is_missing_identity());
    assert_eq!(job.named("gitlab").unwrap().platform(), "gitlab");
}

/// Variables, files, and the platform or a part of what is said.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'static str], Result<&'a str, &'a str>);

#[test]
fn without_a_ci_the_named_and_default_files_are_taken_in_order() {
    let file = "OCTOBROKER_TOKEN_FILE";
    let rows: &[Case<'_>] = &[
        (&[("OCTOPUS_ID_TOKEN", "CANARY")], &[], Ok("environment")),
        (&[("OCTOPUS_ID_TOKEN_FILE", "/t")], &[], Ok("file")),
        (&[("OCTOPUS_ID_TOKEN_FILE", "/t"), ("OCTOPUS_ID_TOKEN", "C")], &[], Ok("file")),
        (&[], &[DEFAULT_FILE], Ok("file")),
        (&[], &[SECOND_DEFAULT_FILE], Ok("file")),
        // The operator's own word, even in a job.
        (&[(file, "/t"), ("GITHUB_ACTIONS", "true")], &[], Ok("file")),
        // Made for the cloud, not for Octopus.
        (&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], &["/t"], Err("name the source of the token")),
        (&[("AZURE_FEDERATED_TOKEN_FILE", "/t")], &["/t"], Err("google and azure are asked only")),
        // Never probed.
        (&[("IDENTITY_ENDPOINT", "http://127.0.0.1/"), ("IDENTITY_HEADER", "h")], &[], Err("")),
        (&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")], &[], Err("mount a projected service account")),
        (&[("SPIFFE_ENDPOINT_SOCKET", "unix:/s")], &[], Err("let spiffe-helper write")),
    ];
    for (variables, files, expected) in rows {
        let found = Surroundings::with(variables).and_files(files).find(&TokenSource::Detect);
        match (found, expected) {
            (Ok(identity), Ok(platform)) => assert_eq!(identity.platform(), *platform),
            (Err(error), Err(part)) => {
                assert!(matches!(error, AmbientError::NotFound { .. }));
                assert!(sentence(&error).contains(part), "{error}");
                assert!(error.is_missing_identity());
            }
            (found, _) => panic!("{variables:?}: {found:?}"),
        }
    }
}

#[test]
fn what_was_named_is_taken_without_looking_around() {
    let nothing = Surroundings::with(&[]);
    let rows = [
        (TokenSource::File(PathBuf::from("/not/there/yet")), "file"),
        (TokenSource::Command(vec!["/bin/false".to_owned()]), "command"),
        (TokenSource::named("kubernetes").unwrap(), "kubernetes"),
        (TokenSource::named("spiffe").unwrap(), "spiffe"),
        (TokenSource::named("google").unwrap(), "google"),
        (TokenSource::named("azure").unwrap(), "azure"),
    ];
    for (source, platform) in rows {
        let identity = nothing.find(&source).unwrap();
        assert_eq!((identity.platform(), identity.can_renew()), (platform, true));
    }
    for source in [TokenSource::Command(vec![]), TokenSource::Environment("MINE".to_owned())] {
        let error = nothing.find(&source).unwrap_err();
        assert!(matches!(error, AmbientError::Misconfigured { .. }), "{error}");
    }
    let error = nothing.named("octopus").unwrap_err();
    assert!(sentence(&error).contains("`<account>.OpenIdConnect.Jwt`"), "{error}");
    let error = nothing.named("spacelift").unwrap_err();
    assert!(sentence(&error).contains("`/mnt/workspace/spacelift.oidc` are not set"), "{error}");
}

#[test]
fn an_address_that_may_not_be_asked_is_refused_at_start() {
    for address in ["http://ci.example/token", "not a url", "file:///etc/passwd"] {
        let job = [
            ("GITHUB_ACTIONS", "true"),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", address),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY"),
        ];
        let error = Surroundings::with(&job).find(&TokenSource::Detect).unwrap_err();
        assert!(sentence(&error).contains("`{ACTIONS_ID_TOKEN_REQUEST_URL}` is no https URL"));
    }
    let job = [
        ("CF_OIDC_REQUEST_URL", "https://cf.example"),
        ("CF_OIDC_REQUEST_TOKEN", "CANARY\r\nx: y"),
    ];
    let error = Surroundings::with(&job).find(&TokenSource::Detect).unwrap_err();
    assert!(sentence(&error).contains("can't be sent"), "{error}");
}

#[test]
fn a_child_gets_no_secret_variable() {
    let mut secret: Vec<&str> = Vec::new();
    for row in TABLE {
        match &row.recipe {
            Recipe::Read(places) => secret.extend(places.iter().filter_map(|place| match place {
                Place::Variable(name) | Place::FileNamedBy(name) => Some(*name),
                Place::File(_) => None,
            })),
            Recipe::Ask(asks) => {
                let headers = asks.iter().flat_map(|ask| ask.headers);
                secret.extend(headers.filter_map(|(_, template)| {
                    Some(template.split_once('{')?.1.split_once('}')?.0)
                }));
            }
        }
    }
    assert!(secret.len() > 15);
    for name in secret {
        assert!(SECRET_VARIABLES.contains(&name), "{name}");
    }

    let own = Surroundings::with(&[("MINE", "CANARY")]);
    let identity = own.find(&TokenSource::Environment("MINE".to_owned())).unwrap();
    let names = identity.inherited_variables();
    assert_eq!(names.len(), SECRET_VARIABLES.len() + 1);
    assert!(names.contains(&"MINE") && names.contains(&"SYSTEM_ACCESSTOKEN"));
}

#[test]
fn every_platform_has_its_rows_in_the_documentation() {
    let docs = include_str!("../../../docs/ambient.md");
    for row in TABLE {
        let rows: Vec<&str> =
            docs.lines().filter(|line| line.starts_with(&format!("| `{}` |", row.name))).collect();
        assert_eq!(rows.len(), 2, "{}", row.name);
        let names = row.signs.iter().map(|sign| match sign {
            Sign::True(name) | Sign::Set(name) => *name,
        });
        for name in names.chain(row.unless.iter().copied()) {
            assert!(rows[0].contains(&format!("`{name}`")), "{}: {name}", row.name);
        }
        let can_renew = match &row.recipe {
            Recipe::Ask(_) | Recipe::Read([Place::File(_), ..]) => "| yes |",
            Recipe::Read(_) => "| no",
        };
        assert!(rows[0].contains(can_renew), "{}", row.name);
    }
    for name in SECRET_VARIABLES {
        let is_documented =
            docs.contains(&format!("`{name}`")) || *name == "SPIFFE_ENDPOINT_SOCKET";
        assert!(is_documented, "{name}");
    }
}
