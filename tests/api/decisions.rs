//! `/decisions/{request id}` on the admin listener.

use crate::world::{World, get};

#[tokio::test]
async fn every_request_can_be_asked_about_by_its_id() {
    let world = World::start().await;
    let job = world.job();
    let ok = world.get("/api/users/me").bearer(&job).ok().await;
    let refused = world.get("/api/users/me").refused(401, "credential_missing").await;
    world.audited_lines(2).await;

    let mut lines = world.audit();
    for reply in [ok, refused] {
        let id = reply.header("x-request-id").unwrap();
        let answer = get(world.admin(), &format!("/decisions/{id}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        // What is shown is the line of the log, and so as free of secrets as that.
        assert_eq!(answer.json(), lines.remove(0));
        world.assert_no_secret("a decision", &answer.text());
    }
    world.close().await;
}

#[tokio::test]
async fn an_id_that_nobody_had_is_not_found_and_comes_back_as_data() {
    let world = World::start().await;

    for id in ["unknown", "..%2f..%2fstatus", "%00%1b[2J", "a/b?c=d", ""] {
        let answer = get(world.admin(), &format!("/decisions/{id}")).await;
        assert_eq!(answer.status, 404, "{id}");
        assert!(answer.json()["error"].as_str().unwrap().contains("no request with this id"));
    }
    assert_eq!(get(world.admin(), "/decisions").await.status, 404);
    world.close().await;
}
