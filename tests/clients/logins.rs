//! The login step, as the OctopusDeploy/login action and `octopus login` do it.

use crate::run::Told;
use crate::world::World;

const LOGINS: [&str; 2] = ["login_action.js", "octopus_login.js"];

impl World {
    /// Logs in at this server, with this ID token.
    async fn log_in(&self, script: &str, server: &str, id_token: &str) -> Told {
        let environment =
            [("SERVER", server), ("SERVICE_ACCOUNT_ID", &self.account.id), ("ID_TOKEN", id_token)];
        self.script(script, &environment).await
    }
}

/// A login's last words are this sentence, and it has failed.
fn assert_fails_with(told: &Told, sentence: &str) {
    assert!(!told.is_well, "{told:?}");
    let said = told.stderr.strip_prefix("Error: ").unwrap_or(&told.stderr);
    assert!(said.starts_with(sentence), "{told:?}");
    assert_eq!(said.lines().count(), 1, "{told:?}");
}

#[tokio::test]
async fn the_login_action_gives_later_steps_a_stand_in_that_works() {
    let world = World::start("login-action").await;

    let told = world.log_in("login_action.js", &world.url, &world.job()).await;

    assert!(told.is_well, "{told:?}");
    let exported = told.stdout.lines().find_map(|line| line.strip_prefix("OCTOPUS_ACCESS_TOKEN="));
    let stand_in = world.remember(exported.unwrap());
    let environment =
        [("OCTOPUS_URL", world.url.as_str()), ("OCTOPUS_ACCESS_TOKEN", stand_in.as_str())];
    let told = world.script("release_and_deploy.js", &environment).await;
    assert!(told.is_well, "{told:?}");
    assert!(told.stdout.ends_with("deployed: Success\n"), "{told:?}");
    world.close().await;
}

#[tokio::test]
async fn octopus_login_tries_its_stand_in_and_is_content() {
    let world = World::start("octopus-login").await;

    let told = world.log_in("octopus_login.js", &world.url, &world.job()).await;

    assert!(told.is_well, "{told:?}");
    assert!(told.stdout.contains("Login successful, happy deployments, release-bot!"), "{told:?}");
    assert_eq!(world.seen(), ["GET /api/", "GET /api/spaces", "GET /api/users/me"]);
    world.close().await;
}

#[tokio::test]
async fn a_server_that_ends_in_a_slash_is_logged_in_at_all_the_same() {
    let world = World::start("slash").await;
    for script in LOGINS {
        let told = world.log_in(script, &format!("{}/", world.url), &world.job()).await;

        assert!(told.is_well, "{script}: {told:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_login_below_a_virtual_directory_works_with_and_without_a_slash() {
    let world = World::start_with("login-directory", "/octopus", "").await;
    for script in LOGINS {
        for slash in ["", "/"] {
            let server = format!("{}{slash}", world.url);
            let told = world.log_in(script, &server, &world.job()).await;

            assert!(told.is_well, "{script} {server}: {told:?}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a_login_that_no_rule_accepts_fails_with_a_sentence() {
    let world = World::start("no-rule").await;
    for script in LOGINS {
        let told = world.log_in(script, &world.url, &world.id_token("a stranger")).await;

        let sentence = "octobroker: The ID token is genuine, but no rule here accepts it. \
                        (no_rule_matched, request ";
        assert_fails_with(&told, sentence);
    }
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn a_login_that_octopus_refuses_fails_with_a_sentence() {
    let world = World::start("refused").await;
    world.octopus.remove_identities(&world.account);
    for script in LOGINS {
        let told = world.log_in(script, &world.url, &world.job()).await;

        let sentence = "octobroker: Octopus does not accept the ID token for the service account. \
                        (exchange_refused, request ";
        assert_fails_with(&told, sentence);
    }
    world.close().await;
}
