//! `octobroker import`: what stands in Octopus, as a configuration that asks for nothing else.

use emulator::UserKind;

use crate::process::Ended;
use crate::site::Site;

const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// An Octopus in which others have worked by hand, and what is imported of it.
async fn imported(site: &Site) -> Ended {
    let octopus = &site.stage.octopus;
    let account = octopus.add_service_account("svc deploy");
    let identities = [
        (GITHUB, "repo:acme/web:ref:refs/heads/main", None),
        (GITHUB, "repo:acme/web:ref:refs/tags/v*", Some("octobroker")),
        (GITHUB, "repo:acme@5/web@7:environment:Production", None),
        (GITHUB, "repo:acme/web:pull_request", None),
        (GITHUB, "repo:acme/*", None),
        (GITHUB, "*", None),
        ("https://ci.example/oidc", "job-?7\"\n  - name: ${HOME} # \u{202e}", None),
        ("https://ci.example/oidc", "job-?7\"\n  - name: ${HOME} # \u{202e}", None),
        ("https://ci.example/oidc", "job-7", None),
        ("https://ci.example/oidc/", "job-8", None),
        ("http://ci.example", "job", None),
        ("https://gitlab.acme.example", "project_path:acme/web:*", None),
    ];
    for (issuer, subject, audience) in identities {
        octopus.add_identity(&account, issuer, subject, audience);
    }
    octopus.add_user("svc-keyed", UserKind::Standard);
    octopus.remove_identities(&site.stage.account);
    site.run(&["import", "--octopus-url", &octopus.url()]).await
}

#[tokio::test]
async fn what_is_imported_is_what_stands_there() {
    let site = Site::set("import-whole").await;
    assert_eq!(site.apply(&[]).await.code, Some(0));
    let writes = site.stage.octopus.writes();

    let imported = imported(&site).await;

    assert_eq!((imported.code, site.stage.octopus.writes()), (Some(0), writes), "{imported:?}");
    let text = &imported.stdout;
    for part in [
        "- name: web-main\n    issuer: github-actions\n    service_account: svc-release\n    \
         repository: \"acme/web\"\n    repository_id: 7\n    branch: \"main\"\n",
        "FILL IN, and take the last line away: `repository_id:` (`gh api repos/OWNER/REPO --jq .id`",
        "    accept_recyclable_names: true",
        "    repository_id: 7\n",
        "In Octopus, wildcards cross every `/` and `:`",
        "FILL IN `events: [pull_request]`",
        "# It is no rule as it stands: ",
        "but for the slash at its end",
        "# FILL IN: `algorithms` that it signs with",
        "provider: gitlab, url: \"https://gitlab.acme.example\"",
        "  # svc-keyed:\n",
        "  #   agent: true\n",
        "active_directory: { sam: \"CORP\\\\svc-tooling\", upn: \"svc-tooling@corp.example\" }",
        "teams: [\"Deployers\", \"Readers\"]",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("person-"), "{text}");
    site.write(text);
    let checked = site.run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{}\n{text}", checked.stdout);
    let (code, plan) = site.plan(&[]).await;
    assert_eq!((code, plan["changes"].as_array().map(Vec::len)), (Some(0), Some(0)), "{plan:#}");
    // What is no rule is told, and left alone.
    let is_left = |kind: &str| ["identity_unneeded", "identity_broader"].contains(&kind);
    let remarks = plan["remarks"].as_array().unwrap().iter();
    let left = remarks.filter(|remark| is_left(remark["kind"].as_str().unwrap())).count();
    assert_eq!(left, text.matches("It is no rule as it stands").count(), "{plan:#}");

    // With the ids filled in, the broker checks more, and Octopus is to stay as it is.
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("    accept_recyclable_names")) {
        let field = line.strip_prefix("    # FILL IN, and take the last line away: `");
        let field = field.and_then(|rest| rest.split_once(":`"));
        lines.push(field.map_or_else(|| line.to_owned(), |(field, _)| format!("    {field}: 7")));
    }
    site.write(&lines.join("\n"));
    let checked = site.run(&["check"]).await;
    assert!(!checked.stdout.contains("ID1"), "{}", checked.stdout);
    assert_eq!((checked.code, site.plan(&[]).await.0), (Some(0), Some(0)), "{}", checked.stdout);
    site.close().await;
}

#[tokio::test]
async fn an_import_overwrites_no_file_and_needs_a_server() {
    let site = Site::set("import-file").await;
    let text = imported(&site).await.stdout;

    let file = ["import", "--config", "octobroker.yaml", "--output-file", "imported.yaml"];
    let written = site.run(&file).await;
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""), "{written:?}");
    assert_eq!(std::fs::read_to_string(site.stage.path("imported.yaml")).unwrap(), text);
    let again = site.run(&file).await;
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("can't write imported.yaml"), "{}", again.stderr);

    std::fs::remove_file(site.stage.path("octobroker.yaml")).unwrap();
    assert_eq!(site.run(&["import"]).await.code, Some(3));
    let plain = site.run(&["import", "--octopus-url", "http://acme.octopus.app"]).await;
    assert_eq!(plain.code, Some(3));
    assert!(
        plain.stderr.starts_with("--octopus-url, or OCTOPUS_URL: must be https"),
        "{}",
        plain.stderr
    );
    let nobody = ["import", "--octopus-url", &site.stage.octopus.url()];
    assert_eq!(site.stage.run(&nobody, &[]).await.code, Some(6));
    site.close().await;
}

#[tokio::test]
async fn an_identity_of_ours_that_tells_no_rule_is_marked() {
    let site = Site::set("import-ours").await;
    let config = format!(
        "octopus: {{ url: '{}' }}\n\
         issuers: {{ ci: {{ provider: custom, url: '{}', algorithms: [RS256] }} }}\n\
         service_accounts: {{ bot: {{ username: svc-bot }} }}\n\
         rules: [{{ name: odd, issuer: ci, service_account: bot, claims: {{ sub: 'job-?7' }} }}]\n",
        site.stage.octopus.url(),
        site.stage.issuer.url(),
    );
    site.write(&config);
    assert_eq!(site.apply(&[]).await.code, Some(0));

    let imported = site.run(&["import"]).await;

    let told = "`apply` takes it away unless you write that rule";
    assert_eq!(imported.stdout.matches(told).count(), 1, "{}", imported.stdout);
    site.close().await;
}

#[tokio::test]
async fn an_empty_octopus_is_a_form_to_fill_in() {
    let site = Site::set("import-empty").await;
    site.stage.octopus.remove_identities(&site.stage.account);

    let imported = site.run(&["import", "--octopus-url", &site.stage.octopus.url()]).await;

    assert_eq!(imported.code, Some(0), "{imported:?}");
    for what in ["issuer that a rule is on", "service account with an OIDC identity", "rule"] {
        assert!(imported.stdout.contains(&format!("FILL IN: there is no {what}")), "{what}");
    }
    site.close().await;
}
