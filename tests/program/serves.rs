//! `serve`: ready from a file, and told apart from a start that fails.

use crate::process::run;
use crate::world::{World, get, text};

#[tokio::test]
async fn it_serves_with_a_file_and_says_that_it_is_healthy() {
    let mut world = World::start("serves", "").await;

    assert_eq!(world.asked().await, 200);

    let url = format!("http://{}", world.admin);
    let health = run(&["healthcheck", "--url", &url], &[], world.folder.path());
    assert_eq!((health.code, health.stdout.as_str()), (Some(0), "ready\n"), "{health:?}");
    let metrics = text(get(world.admin, "/metrics").await.unwrap()).await;
    assert!(metrics.contains("\nprocess_resident_memory_bytes "), "{metrics}");
    assert!(world.process.is_running());
    world.close().await;
}

#[tokio::test]
async fn every_line_of_the_log_is_json_and_has_a_time() {
    let mut world = World::start("log", "").await;
    world.asked().await;
    get(world.address, "/api/users/me").await.unwrap();

    let heard = world.process.stop().await;

    assert_eq!(heard.matches("octobroker::audit").count(), 2, "{heard}");
    for line in heard.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for member in ["time", "level", "target", "message"] {
            assert!(line[member].is_string(), "{member}: {line}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_with_1() {
    let world = World::start("taken", "").await;
    let taken = std::fs::read_to_string(&world.config).unwrap();
    for (from, to) in [
        ("listeners: [{ bind: '127.0.0.1:0'", world.address),
        ("admin: { bind: '127.0.0.1:0'", world.admin),
    ] {
        let text = taken.replace(from, &from.replace("127.0.0.1:0", &to.to_string()));
        let file = world.folder.write("taken.yaml", &text);

        let ended = run(&["serve", "--config", &file], &[], world.folder.path());

        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.contains(&to.to_string()), "{ended:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn no_secret_is_in_the_arguments_or_the_environment() {
    let world = World::start("secrets", "").await;
    world.asked().await;

    let tokens = world.octopus.issued_access_tokens();
    assert_eq!(tokens.len(), 1);
    for file in ["cmdline", "environ"] {
        let text = world.process.proc(file);
        for secret in [&tokens[0], &world.job] {
            assert!(!text.contains(secret.as_str()), "a secret is in {file}");
        }
    }
    assert_eq!(
        world.process.proc("cmdline").split('\0').skip(1).collect::<Vec<_>>(),
        ["serve", "--config", &world.config, ""]
    );
    world.close().await;
}
