//! `octobroker export terraform`: the same end state as `apply` makes.

use crate::site::Site;

/// The attributes of each block whose head begins so: names and values as they stand there.
fn blocks(text: &str, head: &str) -> Vec<Vec<(String, String)>> {
    let bodies = text.split("\n\n").filter(|block| block.starts_with(head));
    let pairs = bodies.map(|body| {
        let lines = body.lines().filter_map(|line| line.split_once(" = "));
        lines.map(|(name, value)| (name.trim().to_owned(), value.to_owned())).collect()
    });
    pairs.collect()
}

fn value(block: &[(String, String)], name: &str) -> String {
    let found = block.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
    found.map(|value| value.trim_matches('"').to_owned()).unwrap_or_default()
}

const IDENTITY: &str = "resource \"octopusdeploy_service_account_oidc_identity\"";

#[tokio::test]
async fn what_is_exported_is_what_apply_makes() {
    let site = Site::set("export").await;
    let exported = site.stage.run(&["export", "terraform"], &[]).await;
    assert_eq!((exported.code, site.stage.octopus.writes()), (Some(0), 0), "{exported:?}");
    let text = &exported.stdout;
    assert_eq!(site.apply(&[]).await.code, Some(0));

    for (name, account) in [("release", "svc-release"), ("tooling", "svc-tooling")] {
        let user = site.user(account);
        let head = format!("resource \"octopusdeploy_user\" \"{name}\" {{");
        let shown = &blocks(text, &head)[0];
        assert_eq!(value(shown, "username"), account);
        assert_eq!(value(shown, "display_name"), user.display_name);
        assert!(text.contains(&format!("output \"{name}_id\" {{")), "{text}");
        let id = format!("octopusdeploy_user.{name}.id");
        let of_account = |block: &&Vec<_>| value(block, "service_account_id") == id;
        let identities = blocks(text, IDENTITY);
        let mut said: Vec<[String; 4]> = identities
            .iter()
            .filter(of_account)
            .map(|block| ["name", "issuer", "subject", "audience"].map(|name| value(block, name)))
            .collect();
        let mut made = user.identities;
        said.sort();
        made.sort();
        assert_eq!(said, made, "{text}");
    }
    let login = text.split_once("  identity {").unwrap().1;
    assert!(login.contains(r#"value                = "CORP\\svc-tooling""#), "{text}");
    let claims = site.user("svc-tooling").logins[0]["Claims"].as_object().unwrap().len();
    assert_eq!(text.matches("    claim {").count(), claims);
    let members = text.split_once("octobroker_team_members = {").unwrap().1;
    let members = members.split_whitespace().collect::<Vec<_>>().join(" ");
    let teams = "\"Deployers\" = [ octopusdeploy_user.release.id, octopusdeploy_user.tooling.id, ] \
                 \"Readers\" = [ octopusdeploy_user.tooling.id, ] }";
    assert!(members.starts_with(teams), "{members}");
    assert!(text.contains("# helper: an agent's account, which the provider can't make"), "{text}");
    site.close().await;
}

#[tokio::test]
async fn an_account_that_is_there_is_looked_up_and_an_odd_text_stays_a_text() {
    let site = Site::set("export-known").await;
    let id = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";
    let config = site
        .config
        .replace("username: svc-release", &format!("username: svc-release\n    id: {id}"))
        .replace("branch: main", "branch: 'a${b}%{c}'");
    site.write(&config);

    let exported = site.stage.run(&["export", "terraform"], &[]).await;
    let again = site.stage.run(&["export", "terraform"], &[]).await;

    assert_eq!((exported.code, &exported.stdout), (Some(0), &again.stdout), "{exported:?}");
    let text = &exported.stdout;
    assert!(!text.contains("\"octopusdeploy_user\" \"release\""), "{text}");
    let data = &blocks(text, "data \"octopusdeploy_users\" \"release\"")[0];
    assert_eq!(value(data, "filter"), id);
    let user = format!(
        "  release_user_id = one([for user in data.octopusdeploy_users.release.users : user.id if \
         lower(user.external_id) == lower(\"{id}\")])\n"
    );
    assert!(text.contains(&user), "{text}");
    let of_account = blocks(text, IDENTITY);
    let of_account =
        of_account.iter().filter(|it| value(it, "service_account_id") == "local.release_user_id");
    assert_eq!(of_account.count(), 4, "{text}");
    assert!(text.contains("refs/heads/a$${b}%%{c}\""), "{text}");
    site.write("octopus: {}");
    assert_eq!(site.stage.run(&["export", "terraform"], &[]).await.code, Some(3));
    site.close().await;
}
