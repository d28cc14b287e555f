//! Stand-ins: keys of the broker's own for clients that know only API keys.

use std::time::Duration;

use crate::world::World;

#[tokio::test]
async fn a_stand_in_outlives_its_id_token_as_long_as_the_access_token_lives() {
    let world = World::start().await;
    let key = world.stand_in().await;

    // The ID token lives 5 minutes, the access token an hour.
    world.advance(Duration::from_secs(50 * 60));
    world.get("/api/users/me").header("x-octopus-apikey", &key).ok().await;
    world.advance(Duration::from_secs(10 * 60));
    world
        .get("/api/users/me")
        .header("x-octopus-apikey", &key)
        .refused(401, "stand_in_unknown")
        .await;

    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!(world.metric("octobroker_stand_ins_live").await, Some(0.0));
    world.close().await;
}

#[tokio::test]
async fn a_stand_in_is_re_exchanged_while_its_id_token_lives() {
    let world = World::start().await;
    world.octopus.set(|knobs| knobs.expires_in = emulator::octopus::ExpiresIn::Seconds(60));
    let key = world.stand_in().await;

    for _ in 0..4 {
        world.advance(Duration::from_secs(60));
        world.get("/api/users/me").header("x-octopus-apikey", &key).ok().await;
    }

    assert_eq!(world.octopus.exchanges(), 5);
    world.close().await;
}

#[tokio::test]
async fn a_revoked_access_token_ends_a_stand_in_whose_id_token_is_dead() {
    let world = World::start().await;
    let key = world.stand_in().await;
    world.advance(Duration::from_secs(10 * 60));
    world.octopus.revoke_access_tokens();

    let call = || world.get("/api/users/me").header("x-octopus-apikey", &key);
    call().refused(401, "stand_in_unknown").await;
    call().refused(401, "stand_in_unknown").await;

    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn no_stand_in_lives_longer_than_the_operator_says() {
    let world = World::start_with(|settings| {
        settings.more = "token_door: { stand_in_lifetime: 10m }".to_owned();
    })
    .await;
    let reply = world.log_in(&world.job()).await.json();
    let key = world.keep_secret(reply["access_token"].as_str().unwrap().to_owned());

    assert_eq!(reply["expires_in"], 600);
    world.advance(Duration::from_secs(599));
    world.get("/api/users/me").bearer(&key).ok().await;
    world.advance(Duration::from_secs(1));
    world.get("/api/users/me").bearer(&key).refused(401, "stand_in_unknown").await;
    world.close().await;
}

#[tokio::test]
async fn when_all_places_are_taken_the_newest_is_refused_and_nothing_is_lost() {
    let world = World::start_with(|settings| {
        settings.more = "limits: { stand_ins: 2 }".to_owned();
    })
    .await;
    let first = world.stand_in().await;
    world.stand_in().await;

    let fields = world.login_fields(&world.job());
    let reply = world.call("POST", "/token/v1").json(&fields).send().await;

    assert_eq!((reply.status, reply.header("octobroker-error")), (503, Some("overloaded")));
    world.get("/api/users/me").bearer(&first).ok().await;
    world.advance(Duration::from_secs(3600));
    world.stand_in().await;
    world.close().await;
}

#[tokio::test]
async fn whoever_has_most_of_the_places_makes_room_for_another() {
    let world = World::start_with(|settings| {
        let anywhere = settings.rules.replace("ref:refs/heads/main'", "**' }");
        settings.rules = anywhere.replace("sub: '", "sub: { glob: '");
        settings.more = "limits: { stand_ins: 3 }".to_owned();
    })
    .await;
    let mut of_crowd = Vec::new();
    for _ in 0..3 {
        of_crowd.push(world.stand_in().await);
        world.advance(Duration::from_secs(1));
    }
    let mut claims = world.claims();
    claims["sub"] = format!("{}-2", claims["sub"].as_str().unwrap()).into();

    for _ in 0..2 {
        let fields = world.login_fields(&world.mint(&claims));
        let answer = world.call("POST", "/token/v1").json(&fields).ok().await.json();
        let other = world.keep_secret(answer["access_token"].as_str().unwrap().to_owned());
        world.get("/api/users/me").bearer(&other).ok().await;
        claims["sub"] = format!("{}-3", claims["sub"].as_str().unwrap()).into();
    }

    // The oldest made room; then no identity had more than half.
    world.get("/api/users/me").bearer(&of_crowd[0]).refused(401, "stand_in_unknown").await;
    world.close().await;
}

#[tokio::test]
async fn keys_that_the_broker_did_not_make_are_worth_nothing() {
    let world = World::start().await;
    let key = world.stand_in().await;
    let real = world.octopus.add_api_key(&world.account);
    let other = if key.ends_with('A') { "B" } else { "A" };
    let near = format!("{}{other}", key.get(..35).unwrap());

    for unknown in [near.as_str(), &key.to_lowercase(), &format!("{key}A"), "API-GUEST", &real] {
        world
            .get("/api/users/me")
            .header("x-octopus-apikey", unknown)
            .refused(401, "stand_in_unknown")
            .await;
    }

    world.close().await;
}

#[tokio::test]
async fn a_stand_in_is_bound_to_its_service_account_and_its_process() {
    let mut world = World::start().await;
    let key = world.stand_in().await;

    world
        .get("/api/users/me")
        .bearer(&key)
        .header("octobroker-service-account", "release-bot")
        .ok()
        .await;
    world
        .get("/api/users/me")
        .bearer(&key)
        .header("octobroker-service-account", "other")
        .refused(403, "no_rule_matched")
        .await;

    let settings = crate::world::Settings::of(&world).to_yaml();
    world.stop_broker().await;
    world.serve(&settings).await;
    world.until_ready().await;
    world.get("/api/users/me").bearer(&key).refused(401, "stand_in_unknown").await;
    world.close().await;
}

#[tokio::test]
async fn a_stand_in_with_another_credential_is_ambiguous() {
    let world = World::start().await;
    let key = world.stand_in().await;

    world
        .get("/api/users/me")
        .bearer(&world.job())
        .header("x-octopus-apikey", &key)
        .refused(400, "ambiguous_credentials")
        .await;
    world.get(&format!("/api/users/me?apikey={key}")).header("x-octopus-apikey", &key).ok().await;

    world.close().await;
}

#[tokio::test]
async fn a_later_job_of_the_same_identity_does_not_lengthen_its_life() {
    let world = World::start().await;
    let key = world.stand_in().await;

    world.advance(Duration::from_secs(3600));
    world.get("/api/users/me").bearer(&world.job()).ok().await;

    world.get("/api/users/me").bearer(&key).refused(401, "stand_in_unknown").await;
    world.close().await;
}
