//! Octopus in other places than the root of a plain server: below a path, behind TLS.

use std::path::Path;

use emulator::OctopusBuilder;

use crate::world::World;

/// A file that is gone with its owner.
struct Scrap(std::path::PathBuf);

impl Scrap {
    fn new(name: &str, text: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Scrap {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_virtual_directory_is_the_brokers_as_well() {
    let world =
        World::start_beside(|octopus| octopus.virtual_directory("/octopus"), |_, _| {}).await;
    let job = world.job();

    world.get("/octopus/api/users/me?take=%31").bearer(&job).ok().await;
    assert_eq!(world.one_request().target, "/octopus/api/users/me?take=%31");
    world.get("/octopus/api").ok().await;
    world.call("HEAD", "/octopus").ok().await;
    world.call("HEAD", "/octopus/").ok().await;
    let location = world.get("/octopus/app-redirect").bearer(&job).send().await;
    assert_eq!(
        location.header("location"),
        Some(format!("http://{}/octopus/app", world.address()).as_str())
    );
    world.octopus.forget_requests();

    for path in ["/", "/api", "/api/users/me", "/octopusx/api", "/octopu", "/OCTOPUS/api", "/other"]
    {
        world.get(path).bearer(&job).refused(403, "request_not_allowed").await;
    }
    for path in ["/octopus/../api", "/octopus/%2e%2e/api", "/octopus//api"] {
        world.get(path).bearer(&job).refused(400, "unsafe_path").await;
    }
    assert_eq!(world.octopus.api_requests(), []);
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn administration_below_a_virtual_directory_is_refused_as_well() {
    let world =
        World::start_beside(|octopus| octopus.virtual_directory("/octopus"), |_, _| {}).await;

    let call = world.call("POST", "/octopus/api/users/Users-1/apikeys").bearer(&world.job());
    call.body("{}").refused(403, "request_not_allowed").await;

    assert_eq!(world.octopus.requests(), []);
    world.close().await;
}

#[tokio::test]
async fn octopus_behind_tls_is_trusted_by_its_authority() {
    let mut authority = None;
    let world = World::start_beside(OctopusBuilder::tls, |world, settings| {
        let file = Scrap::new("ca.pem", &world.octopus.ca_pem().unwrap());
        settings.octopus.extend([format!("\nca_file: {}", file.0.display())]);
        authority = Some(file);
    })
    .await;

    world.get("/api").ok().await;
    let me = world.get("/api/users/me").bearer(&world.job()).ok().await;
    let moved = world.get("/app-redirect").bearer(&world.job()).send().await;

    assert_eq!(me.json()["Username"], "release-bot");
    let location = format!("http://{}/app", world.address());
    assert_eq!(moved.header("location"), Some(location.as_str()));
    assert_eq!(world.octopus.exchanges(), 1);
    drop(authority);
    world.close().await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_no_octopus() {
    let world = World::start_beside(OctopusBuilder::tls, |_, _| {}).await;

    world.get("/api").refused(502, "upstream_unreachable").await;
    world.get("/api/users/me").bearer(&world.job()).refused(503, "exchange_unavailable").await;

    assert_eq!(world.octopus.requests(), []);
    world.close().await;
}

#[tokio::test]
async fn octopus_is_told_from_where_a_caller_asks_if_the_operator_wants_it() {
    let world = World::start_with(|settings| {
        settings.octopus.push_str("\nforwarded_for: append");
    })
    .await;
    world.octopus.set(|knobs| knobs.caller_address = Some("127.0.0.1".to_owned()));

    let call = world.get("/api/users/me").bearer(&world.job());
    call.header("x-forwarded-for", "10.0.0.1").header("forwarded", "for=10.0.0.1").ok().await;

    assert_eq!(world.one_request().header_values("x-forwarded-for"), ["127.0.0.1"]);
    world.close().await;
}
