//! What is sent once more, and what never is.

use emulator::{Fault, RawAnswer, Recorded};
use serde_json::json;

use crate::world::{Act, World};

impl World {
    /// Statuses that Octopus gave, in order, since the last look.
    fn given(&self) -> Vec<u16> {
        let requests = self.octopus.api_requests();
        self.octopus.forget_requests();
        requests.iter().map(|request| request.status).collect()
    }

    async fn rejected(&self) -> u64 {
        let series = "octobroker_access_tokens_rejected_total{service_account=\"release-bot\"}";
        self.count(series).await.unwrap()
    }
}

#[tokio::test]
async fn a_revoked_access_token_is_replaced_and_the_request_repeated_once() {
    let world = World::start().await;
    world.works().await;
    let body = "x".repeat(64 << 10);

    for (method, body) in [("GET", ""), ("POST", "{}"), ("PUT", &body), ("DELETE", "")] {
        world.octopus.forget_requests();
        world.octopus.revoke_access_tokens();
        let before = world.octopus.exchanges();

        let call = world.call(method, "/api/Spaces-1/channels?x=%2f").bearer(&world.job());
        call.header("x-request-id", "job-1").body(body.to_owned()).ok().await;

        assert_eq!(world.octopus.exchanges(), before + 1, "{method}");
        let requests = world.octopus.api_requests();
        assert_eq!(world.given(), [401, 200], "{method}");
        let sent = |request: &Recorded| {
            let mut headers = request.headers.clone();
            headers.retain(|(name, _)| name != "authorization");
            let target = request.target.clone();
            (request.method.clone(), target, headers, request.body_sha256.clone())
        };
        assert_eq!(sent(&requests[0]), sent(&requests[1]), "{method}");
        assert_eq!(requests[1].body_bytes, body.len() as u64);
    }
    assert_eq!(world.rejected().await, 4);
    world.close().await;
}

#[tokio::test]
async fn a_body_that_is_not_held_gets_the_401_and_the_next_request_works() {
    let world = World::start().await;
    world.works().await;
    let large = "x".repeat((64 << 10) + 1);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned();
    let long = format!("Content-Length: {}\r\n\r\n{large}", large.len());

    for framing in [chunked, long] {
        world.octopus.forget_requests();
        world.octopus.revoke_access_tokens();
        let mut wire = world.wire().await;
        let job = world.job();
        let head = "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: localhost\r\n";
        wire.write(format!("{head}Authorization: Bearer {job}\r\n{framing}")).await;

        let reply = wire.answer().await;

        assert_eq!(reply.status, 401, "{reply:?}");
        assert_eq!(reply.header("octobroker-error"), None, "it is Octopus's own");
        assert_eq!(world.given(), [401]);
        world.works().await;
        assert_eq!(world.given(), [200], "the rejected token is gone");
    }
    assert_eq!(world.octopus.exchanges(), 3);
    world.close().await;
}

#[tokio::test]
async fn a_server_that_accepts_no_token_is_not_flooded() {
    let world = World::start().await;
    world.octopus.set(|knobs| knobs.api_fault = Some(Fault::Status(401)));

    for _ in 0..10 {
        let reply = world.asked().await;
        assert_eq!((reply.status, reply.header("octobroker-error")), (401, None));
        assert_eq!(reply.header("www-authenticate"), None);
    }
    assert!(world.octopus.exchanges() <= 3, "{} exchanges", world.octopus.exchanges());
    assert!(world.octopus.api_requests().len() <= 13, "{:?}", world.given());
    assert!(world.rejected().await >= 10);

    world.advance_seconds(30);
    world.octopus.set(|knobs| knobs.api_fault = None);
    world.octopus.revoke_access_tokens();
    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn uploads_to_a_server_that_accepts_no_token_do_not_flood_it_either() {
    let world = World::start().await;
    world.octopus.set(|knobs| knobs.api_fault = Some(Fault::Status(401)));
    let body = "x".repeat((64 << 10) + 1);

    for _ in 0..10 {
        let call = world.call("POST", "/api/Spaces-1/packages/raw").bearer(&world.job());
        let reply = call.body(body.clone()).send().await;
        assert_eq!((reply.status, reply.header("octobroker-error")), (401, None));
    }

    assert!(world.octopus.exchanges() <= 3, "{} exchanges", world.octopus.exchanges());
    world.close().await;
}

#[tokio::test]
async fn requests_whose_token_was_rejected_together_exchange_once() {
    let world = World::start().await;
    world.works().await;
    world.octopus.revoke_access_tokens();
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let request = http::Request::get("/api/users/me").header("host", "localhost");
        let bearer = format!("Bearer {}", world.job());
        let request = request.header("authorization", bearer).body(<_>::default()).unwrap();
        let address = world.address();
        crowd.spawn(async move { crate::world::send(address, request).await.status });
    }

    assert!(crowd.join_all().await.iter().all(|status| *status == 200));

    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn a_403_is_no_reason_to_drop_a_token() {
    let world = World::start().await;
    for _ in 0..5 {
        world.octopus.answer_once("/api/users", RawAnswer::json(403, &json!({ "Errors": [] })));
        assert_eq!(world.asked().await.status, 403);
    }

    assert_eq!((world.octopus.exchanges(), world.rejected().await), (1, 0));
    assert_eq!(world.given(), [403; 5]);
    world.close().await;
}

#[tokio::test]
async fn an_answer_of_a_sick_octopus_is_passed_on_and_nothing_repeated() {
    let world = World::start().await;
    for status in [500, 502, 503, 504] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            world.octopus.answer_once("/api/Spaces-1", RawAnswer::status(status));
            let call = world.call(method, "/api/Spaces-1/channels").bearer(&world.job());

            let reply = call.body(if method == "GET" { "" } else { "{}" }).send().await;

            assert_eq!((reply.status, world.given()), (status, vec![status]), "{method}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let world = World::start().await;
    let job = world.job();
    for fault in [Fault::Refuse, Fault::Reset, Fault::Garbage] {
        for (method, named) in
            [("POST", None), ("PATCH", None), ("POST", Some("PUT")), ("POST", Some("DELETE"))]
        {
            world.works().await;
            world.octopus.forget_requests();
            world.octopus.fail_once("/api/Spaces-1", fault.clone());
            let mut call = world.call(method, "/api/Spaces-1/deployments").bearer(&job);
            if let Some(named) = named {
                call = call.header("x-http-method-override", named);
            }

            let reply = call.body("{}").send().await;

            assert_eq!(reply.status, 502, "{fault:?} {method} {named:?}: {reply:?}");
            assert_eq!(world.octopus.api_requests().len(), 1, "{fault:?} {method} {named:?}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a_read_over_a_connection_that_octopus_had_closed_is_repeated() {
    let world = World::start().await;
    let job = world.job();
    for fault in [Fault::Refuse, Fault::Reset] {
        for (method, body) in [("GET", ""), ("HEAD", ""), ("PUT", "{}"), ("DELETE", "")] {
            world.works().await;
            world.octopus.forget_requests();
            world.octopus.fail_once("/api/Spaces-1", fault.clone());

            let call = world.call(method, "/api/Spaces-1/channels").bearer(&job);
            call.body(body).ok().await;

            let requests = world.octopus.api_requests();
            assert_eq!(requests.len(), 2, "{fault:?} {method}");
            assert_ne!(requests[0].connection, requests[1].connection);
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a_new_connection_that_breaks_is_no_reason_to_repeat() {
    let (world, puppet) = World::before_puppet(|_| Act::Reset, |_| {}).await;

    for count in 1..=3 {
        world.fails(502, "upstream_unreachable").await;
        assert_eq!(puppet.heard().len(), count);
    }
    world.close().await;
}

#[tokio::test]
async fn a_server_that_closes_every_connection_loses_no_request() {
    let world = World::start().await;
    let job = world.job();
    for close_after in [1, 2, 3] {
        world.octopus.set(|knobs| knobs.close_after = Some(close_after));
        for number in 0..70 {
            let method = if number % 7 == 0 { "POST" } else { "GET" };
            let call = world.call(method, "/api/Spaces-1/channels").bearer(&job);
            call.body(if number % 7 == 0 { "{}" } else { "" }).ok().await;
        }
    }
    assert_eq!(world.given(), [200; 210]);
    world.close().await;
}

#[tokio::test]
async fn a_server_that_closes_without_a_word_loses_no_read() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let script = move |_| Act::say_and_close(ok);
    let (world, puppet) = World::before_puppet(script, |_| {}).await;

    for _ in 0..200 {
        let reply = world.get("/api/users/me").bearer(&world.job()).ok().await;
        assert_eq!(reply.text(), "ok");
    }

    assert!(puppet.heard().len() >= 200);
    world.close().await;
}
