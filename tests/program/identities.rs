//! `octobroker token` and `octobroker doctor`: the sidecar's identity without a server.

use emulator::{ErrorStyle, Fault};

use crate::execs::Stage;
use crate::process::{Process, until};
use crate::world::{get, serving, text as body};

impl Stage {
    async fn command(
        &self,
        name: &str,
        flags: &[&str],
        more: &[(&str, &str)],
    ) -> crate::process::Ended {
        let token = self.path("token").display().to_string();
        let url = self.octopus.url();
        let mut environment = vec![
            ("OCTOBROKER_TOKEN_FILE", token.as_str()),
            ("OCTOBROKER_OCTOPUS_URL", url.as_str()),
            ("OCTOBROKER_SERVICE_ACCOUNT", self.account.id.as_str()),
        ];
        environment.extend(more);
        let mut arguments = vec![name];
        arguments.extend(flags);
        self.run(&arguments, &environment).await
    }
}

#[tokio::test]
async fn a_token_is_printed_in_the_form_that_is_asked_for() {
    let stage = Stage::set("token-forms").await;

    let raw = stage.command("token", &[], &[]).await;
    let json = stage.command("token", &["--format", "json"], &[]).await;
    let env = stage.command("token", &["--format", "env"], &[]).await;

    let issued = stage.octopus.issued_access_tokens();
    assert_eq!((raw.code, raw.stdout.trim()), (Some(0), issued[0].as_str()));
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(answer["access_token"], issued[1]);
    assert!((3_590..=3_600).contains(&answer["expires_in"].as_u64().unwrap()));
    let expected =
        format!("OCTOPUS_URL={}\nOCTOPUS_ACCESS_TOKEN={}\n", stage.octopus.url(), issued[2]);
    assert_eq!(env.stdout, expected);
    stage.close().await;
}

#[tokio::test]
async fn what_can_not_be_begun_is_told_to_scripts_as_well() {
    let stage = Stage::set("doctor-scripts").await;
    let failing = "octopus: { url: https://acme.octopus.app }\n\
                   service_accounts: { bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 } }\n\
                   ambient: { service_account: bot, token: { command: \
                   [sh, -c, 'echo oops >&2; exit 3'] } }\n";
    let of_rules = "octopus: { url: https://acme.octopus.app }\n\
                    service_accounts: { bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 } }\n\
                    issuers: { gh: { provider: github-actions } }\n\
                    rules: [{ name: web, issuer: gh, service_account: bot, repository_id: 7, \
                    branch: main }]\n";
    for (text, code, step, said) in [
        ("octopus: 7", 3, "configuration", "must be a map"),
        (of_rules, 6, "configuration", "write the section `ambient:`"),
        (failing, 6, "identity", "oops"),
    ] {
        let file = stage.folder.write("octobroker.yaml", text);
        let arguments = ["doctor", "--config", &file, "--output", "json"];

        let ended = stage.run(&arguments, &[]).await;

        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((ended.code, &told["ok"]), (Some(code), &false.into()), "{ended:?}");
        let last = told["steps"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["name"], &last["is_ok"]), (&step.into(), &false.into()), "{told}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }

    // Not only after a port was taken that a broker beside it may have.
    let file = stage.folder.write("octobroker.yaml", of_rules);
    let ended = stage.run(&["exec", "--config", &file, "--", "true"], &[]).await;
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(ended.stderr.contains("write the section `ambient:`"), "{ended:?}");
    stage.close().await;
}

#[tokio::test]
async fn an_identity_that_can_not_be_had_is_told_before_anybody_asks() {
    let stage = Stage::set("untold").await;
    let text = "octopus: { url: https://acme.octopus.app }\n\
                service_accounts: { bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 } }\n\
                listeners: [{ bind: '127.0.0.1:0', ambient: true }]\n\
                admin: { bind: '127.0.0.1:0' }\n\
                ambient: { service_account: bot, token: { command: \
                [sh, -c, 'echo oops >&2; exit 3'] } }\n";
    let file = stage.folder.write("octobroker.yaml", text);
    let mut process = Process::start(&["serve", "--config", &file], stage.folder.path());

    process.until_heard("the broker's own ID token can't be had").await;

    let [_, admin] = until("it says where it serves", async || serving(&process)).await;
    let status = body(get(admin, "/status").await.unwrap()).await;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["unwell"].as_array().unwrap().len(), 1, "{status}");
    assert!(process.stop().await.contains("oops"));
    stage.close().await;
}

#[tokio::test]
async fn for_github_it_is_masked_and_set_for_the_steps_that_follow() {
    let stage = Stage::set("token-github").await;
    let file = stage.folder.write("github.env", "BEFORE=1\n");

    let ended = stage.command("token", &["--format", "github"], &[("GITHUB_ENV", &file)]).await;

    let issued = stage.octopus.issued_access_tokens();
    assert_eq!(ended.stdout, format!("::add-mask::{}\n", issued[0]));
    let set = std::fs::read_to_string(&file).unwrap();
    assert!(set.starts_with("BEFORE=1\nOCTOPUS_URL="), "{set}");
    assert!(set.ends_with(&format!("OCTOPUS_ACCESS_TOKEN={}\n", issued[0])), "{set}");

    let elsewhere = stage.command("token", &["--format", "github"], &[]).await;
    assert_eq!(elsewhere.code, Some(1));
    stage.close().await;
}

#[tokio::test]
async fn the_doctor_goes_the_whole_way_and_tells_each_step() {
    let stage = Stage::set("doctor-good").await;

    let human = stage.command("doctor", &[], &[]).await;
    let json = stage.command("doctor", &["--output", "json"], &[]).await;

    assert_eq!(human.code, Some(0), "{}", human.stdout);
    assert_eq!(human.stdout.matches('✓').count(), 5, "{}", human.stdout);
    assert!(human.stdout.contains("subject   job"), "{}", human.stdout);
    assert!(human.stdout.contains("Octopus knows this as release-bot"), "{}", human.stdout);
    assert!(!human.stdout.contains("eyJ") && !human.stdout.contains('\x1b'));
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let steps: Vec<&str> = answer["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["configuration", "identity", "discovery", "exchange", "octopus"]);
    stage.close().await;
}

#[tokio::test]
async fn the_doctor_says_what_to_enter_in_octopus() {
    let stage = Stage::set("doctor-refused").await;
    stage.write_token("another-job", 300);

    let ended = stage.command("doctor", &[], &[]).await;

    assert_eq!(ended.code, Some(4), "{}", ended.stdout);
    for line in [
        format!("the service account {} needs an OIDC identity", stage.account.id),
        format!("issuer    {}", stage.issuer.url()),
        "subject   another-job".to_owned(),
        "audience  (leave it empty: the GUID)".to_owned(),
    ] {
        assert!(ended.stdout.contains(&line), "{line}\n{}", ended.stdout);
    }
    stage.close().await;
}

#[tokio::test]
async fn without_an_identity_the_code_is_six_and_the_sentence_helps() {
    let stage = Stage::set("doctor-none").await;
    let environment = [
        ("GITHUB_ACTIONS", "true"),
        ("OCTOBROKER_OCTOPUS_URL", "http://127.0.0.1:1"),
        ("OCTOBROKER_SERVICE_ACCOUNT", stage.account.id.as_str()),
    ];

    for name in ["token", "doctor"] {
        let ended = stage.run(&[name], &environment).await;
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(6), "{text}");
        assert!(text.contains("id-token: write"), "{text}");
    }
    stage.close().await;
}

#[tokio::test]
async fn an_octopus_that_is_not_there_is_code_five() {
    let stage = Stage::set("doctor-unreachable").await;
    let more = [("OCTOBROKER_OCTOPUS_URL", "http://127.0.0.1:1")];

    let ended = stage.command("doctor", &[], &more).await;

    assert_eq!(ended.code, Some(5), "{}", ended.stdout);
    assert!(ended.stdout.contains("✗ discovery"), "{}", ended.stdout);
    stage.close().await;
}

#[tokio::test]
async fn a_limit_of_exchanges_is_waited_out_by_token() {
    let stage = Stage::set("token-limited").await;
    stage.octopus.fail_once("/token/v1", Fault::Status(429));

    let ended = stage.command("token", &[], &[]).await;

    let issued = stage.octopus.issued_access_tokens();
    assert_eq!((ended.code, ended.stdout.trim()), (Some(0), issued[0].as_str()), "{ended:?}");
    assert!(ended.stderr.contains("the next try is in 1 s"), "{ended:?}");

    let retry_after = Some(3_600);
    stage.octopus.set(|knobs| knobs.error_style = ErrorStyle::RateLimited { retry_after });
    let beyond = stage.command("token", &[], &[]).await;
    assert_eq!((beyond.code, beyond.stdout.as_str()), (Some(5), ""), "{beyond:?}");
    assert_eq!(stage.octopus.exchanges(), 3);
    stage.close().await;
}
