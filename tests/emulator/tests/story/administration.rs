//! Users, teams and keys over HTTP, as strict as the documentation.

use emulator::{FailedWrite, UserKind};
use serde_json::{Value, json};

use crate::World;
use crate::wire::Answer;

/// A call with an API key.
async fn call(world: &World, key: &str, (method, path): (&str, &str), body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!("{method} {path} HTTP/1.1\r\nX-Octopus-ApiKey: {key}");
    world.send(&head, body.as_bytes()).await
}

fn service(username: &str, kind: &str) -> Value {
    json!({
        "Username": username, "DisplayName": "D", "IsActive": true, "IsService": true,
        "ServiceAccountType": kind, "Identities": [],
    })
}

#[tokio::test]
async fn what_a_user_is_is_fixed_when_it_is_made() {
    let world = World::start().await;
    let key = world.octopus.add_administrator("admin");
    let made = call(&world, &key, ("POST", "/api/users"), &service("svc", "Agent")).await;
    assert_eq!((made.status, &made.json()["ServiceAccountType"]), (201, &json!("Agent")));
    assert_eq!(made.json().get("ExternalId"), None, "identities alone show it");
    let mut user = made.json();
    let path = format!("/api/users/{}", user["Id"].as_str().unwrap());

    user["DisplayName"] = json!("Other");
    assert_eq!(call(&world, &key, ("PUT", &path), &user).await.status, 200);
    user["ServiceAccountType"] = json!("Standard");
    let refused = call(&world, &key, ("PUT", &path), &user).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["Errors"], json!(["What a user is can't be changed"]));
    for body in
        [service("svc", "Standard"), service("", "Standard"), service(&"x".repeat(65), "Standard")]
    {
        let refused = call(&world, &key, ("POST", "/api/users"), &body).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["Errors"].as_array().unwrap().len(), 1, "{body}");
    }
    assert_eq!(world.octopus.user("svc").unwrap().kind, UserKind::Agent);
    assert_eq!(call(&world, "", ("GET", "/api/users"), &Value::Null).await.status, 401);
}

#[tokio::test]
async fn lists_come_in_pages_and_only_for_administrators() {
    let world = World::start().await;
    let key = world.octopus.add_administrator("admin");
    for number in 0..40 {
        world.octopus.add_user(&format!("u{number}"), UserKind::Ordinary);
    }

    let first = call(&world, &key, ("GET", "/api/users"), &Value::Null).await.json();
    assert_eq!(
        (first["Items"].as_array().unwrap().len(), &first["TotalResults"]),
        (30, &json!(42))
    );
    let next = first["Links"]["Page.Next"].as_str().unwrap().to_owned();
    let last = call(&world, &key, ("GET", &next), &Value::Null).await.json();
    assert_eq!(last["Items"].as_array().unwrap().len(), 12);
    assert_eq!(last["Links"].get("Page.Next"), None);
    let services = "/api/users?isServiceAccount=true";
    let services = call(&world, &key, ("GET", services), &Value::Null).await.json();
    assert_eq!(services["TotalResults"], 1);
    let other = world.octopus.add_api_key(&world.account);
    assert_eq!(call(&world, &other, ("GET", "/api/users"), &Value::Null).await.status, 403);
}

#[tokio::test]
async fn a_team_is_handed_back_whole() {
    let world = World::start().await;
    let key = world.octopus.add_administrator("admin");
    let team = world.octopus.add_team("Deployers");
    let path = format!("/api/teams/{team}");
    let mut whole = call(&world, &key, ("GET", &path), &Value::Null).await.json();
    whole["MemberUserIds"] = json!([world.account.user_id]);

    assert_eq!(call(&world, &key, ("PUT", &path), &whole).await.status, 200);
    assert_eq!(world.octopus.members("Deployers"), [world.account.user_id.as_str()]);
    whole["MemberUserIds"] = json!(["Users-999"]);
    assert_eq!(call(&world, &key, ("PUT", &path), &whole).await.status, 400);
    let part = json!({ "Name": "Deployers", "MemberUserIds": [] });
    assert_eq!(call(&world, &key, ("PUT", &path), &part).await.status, 400);
}

#[tokio::test]
async fn a_key_is_seen_once_and_ends() {
    let world = World::start().await;
    let admin = world.octopus.add_administrator("admin");
    let user = world.account.user_id.as_str();
    let path = format!("/api/users/{user}/apikeys");
    let wish = |expires: &Value| json!({ "UserId": user, "Purpose": "p", "Expires": expires });
    for moment in ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "soon"] {
        let refused = call(&world, &admin, ("POST", &path), &wish(&json!(moment))).await;
        assert_eq!(refused.status, 400, "{moment}");
    }
    let agent = json!({ "UserId": user, "Purpose": "p", "ActorType": "AiAgent" });
    assert_eq!(call(&world, &admin, ("POST", &path), &agent).await.status, 400);

    let made = call(&world, &admin, ("POST", &path), &wish(&Value::Null)).await.json();
    let key = made["ApiKey"].as_str().unwrap();
    let listed = call(&world, &admin, ("GET", &path), &Value::Null).await.json();
    let listed = &listed["Items"][0];
    assert_eq!(listed["ApiKey"]["NewValue"], Value::Null);
    assert!(key.starts_with(listed["ApiKey"]["Hint"].as_str().unwrap()));
    assert_eq!(call(&world, key, ("GET", "/api/users/me"), &Value::Null).await.status, 200);
    let one = format!("{path}/{}", made["Id"].as_str().unwrap());
    assert_eq!(call(&world, &admin, ("DELETE", &one), &Value::Null).await.status, 200);
    assert_eq!(call(&world, key, ("GET", "/api/users/me"), &Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_change_fails_before_or_after_it_is_made() {
    let world = World::start().await;
    let key = world.octopus.add_administrator("admin");
    for (how, is_made) in [(FailedWrite::Before, false), (FailedWrite::After, true)] {
        let name = format!("svc-{is_made}");
        world.octopus.fail_write(1, how);

        let failed = call(&world, &key, ("POST", "/api/users"), &service(&name, "Standard")).await;

        assert_eq!((failed.status, world.octopus.user(&name).is_some()), (500, is_made));
    }
    assert_eq!(world.octopus.writes(), 2);
}
