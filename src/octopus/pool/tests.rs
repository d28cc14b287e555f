//! Which connection a request gets.

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::*;
use crate::http_client::TlsRoots;

fn core() -> Arc<Core> {
    core_of("http://octopus.example/")
}

fn core_of(url: &str) -> Arc<Core> {
    let upstream = Upstream::new(url.parse().unwrap(), TlsRoots::system());
    UpstreamPool::new(&upstream.unwrap()).core
}

/// A connection on which nothing ever comes.
async fn connection(core: &Core) -> Connection {
    let (near, far) = tokio::io::duplex(64);
    let (sender, driver) = http1::handshake(TokioIo::new(near)).await.unwrap();
    let driver = crate::tasks::spawn(async move {
        let _ = driver.await;
        drop(far);
    });
    let driver = driver.abort_handle();
    let silence = Deadline::after(core.idle_timeout);
    let counted = core.elsewhere.count();
    Connection { sender, driver, born: Instant::now(), silence, _counted: counted }
}

async fn is_returned(core: &Core) -> bool {
    matches!(core.way(&core.elsewhere).await, Way::Returned(_))
}

#[tokio::test(start_paused = true)]
async fn with_many_connections_a_request_waits_for_one_of_them() {
    let core = core();
    let mut open = Vec::new();
    while !core.elsewhere.has_many() {
        assert!(!is_returned(&core).await, "a few are opened readily");
        open.push(connection(&core).await);
    }
    let start = Instant::now();

    let (is_returned_first, is_returned_then, ()) =
        tokio::join!(is_returned(&core), is_returned(&core), async {
            core.elsewhere.put(open.pop().unwrap());
        });

    assert!(is_returned_first, "who came first has the one that came back");
    assert!(!is_returned_then, "and who waited in vain opens another");
    assert_eq!(start.elapsed(), limits::UPSTREAM_RETURN_TIME);
    drop(open);
    assert!(!core.elsewhere.has_many(), "those that are closed don't count");
}

#[tokio::test(start_paused = true)]
async fn while_too_many_are_being_opened_requests_wait_for_either() {
    let core = core();
    let mut openings = Vec::new();
    for _ in 0..limits::UPSTREAM_OPENINGS {
        openings.extend(core.connector.opening_at_once());
    }
    let one = connection(&core).await;

    let (is_returned_first, is_returned_then, ()) =
        tokio::join!(is_returned(&core), is_returned(&core), async {
            core.elsewhere.put(one);
            openings.pop();
        });

    assert_eq!((is_returned_first, is_returned_then), (true, false));
}

#[tokio::test]
async fn who_needs_a_new_connection_takes_none_that_comes_back() {
    let octopus = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let core = core_of(&format!("http://{}/", octopus.local_addr().unwrap()));
    let mut open = Vec::new();
    while !core.elsewhere.has_many() {
        open.push(connection(&core).await);
    }

    let (another, ()) = tokio::join!(core.another(&core.elsewhere, Over::New), async {
        core.elsewhere.put(open.pop().unwrap());
    });

    let (_new, was_reused) = another.unwrap();
    assert!(!was_reused);
    assert!(core.elsewhere.take().is_some(), "the other is for the next");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_too_old_is_given_to_nobody() {
    let core = core();
    let old = connection(&core).await;
    tokio::time::advance(limits::UPSTREAM_CONNECTION_AGE).await;

    let waited = tokio::join!(
        tokio::time::timeout(Duration::from_secs(1), core.elsewhere.returned()),
        async { core.elsewhere.put(old) }
    );

    assert!(waited.0.is_err(), "nor to who waits");
    assert!(core.elsewhere.take().is_none(), "nor to the next");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_went_away_gets_no_connection() {
    let core = core();
    let shelf = &core.elsewhere;
    let gone = tokio::time::timeout(Duration::from_secs(1), shelf.returned()).await;
    assert!(gone.is_err());

    shelf.put(connection(&core).await);

    assert!(shelf.take().is_some(), "it is kept for the next");
}
