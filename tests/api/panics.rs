//! A fault of the broker's own ends one request with 500, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use octobroker::clock::{Clock, ManualClock};

use crate::world::{NOW, Settings, World};

/// A clock that panics once when it is told to: the one part of the broker that a test can make
/// fail anywhere.
#[derive(Debug)]
struct FaultyClock {
    clock: ManualClock,
    is_due: AtomicBool,
}

impl Clock for FaultyClock {
    fn now(&self) -> SystemTime {
        assert!(!self.is_due.swap(false, Ordering::SeqCst), "as the test wants it");
        self.clock.now()
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }
}

#[tokio::test]
async fn a_panic_ends_its_request_and_no_other() {
    let mut world = World::without_broker().await;
    let clock =
        Arc::new(FaultyClock { clock: ManualClock::at(NOW), is_due: AtomicBool::new(false) });
    let settings = Settings::of(&world);
    world.serve_by(&settings.to_yaml(), Arc::clone(&clock) as _).await;
    world.until_ready().await;
    let job = world.job();
    world.get("/api/users/me").bearer(&job).ok().await;

    clock.is_due.store(true, Ordering::SeqCst);
    let refused = world.get("/api/users/me").bearer(&job).refused(500, "internal").await;
    assert_eq!(refused.header("connection"), Some("close"));
    assert!(!refused.text().contains("as the test wants it"));

    world.get("/api/users/me").bearer(&job).ok().await;
    let line = &world.audited_lines(3).await[1];
    assert_eq!(line["code"], "internal");
    assert_eq!(world.metric("octobroker_requests_in_flight").await, Some(0.0));
    world.close().await;
}
