//! A deadline that moves with every request, and costs the timer next to nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// One that nobody looks at is no more than a time, and moving it is a store. Only a deadline that comes
/// nearer, or one that is looked at when an earlier one has passed, is told to the timer: a connection
/// that is busy does so once in a while, not with each request.
#[derive(Debug)]
pub struct Deadline {
    due: Instant,
    /// Once somebody has looked.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Due after so long.
    pub fn after(duration: Duration) -> Self {
        Self { due: Instant::now() + duration, sleep: None }
    }

    /// Due after so long from now, whatever it was before.
    pub fn set(&mut self, duration: Duration) {
        self.due = Instant::now() + duration;
    }

    /// Ready once it has passed.
    pub fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let due = self.due;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        loop {
            if sleep.deadline() > due || sleep.is_elapsed() {
                sleep.as_mut().reset(due);
            }
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn passes_after(deadline: &mut Deadline) -> u64 {
        let start = Instant::now();
        poll_fn(|context| deadline.poll_passed(context)).await;
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes_when_it_was_last_set_to() {
        let mut deadline = Deadline::after(Duration::from_secs(10));
        let pending = poll_fn(|context| Poll::Ready(deadline.poll_passed(context).is_pending()));
        assert!(pending.await);

        deadline.set(Duration::from_secs(60));
        assert_eq!(passes_after(&mut deadline).await, 60);

        deadline.set(Duration::from_secs(5));
        assert_eq!(passes_after(&mut deadline).await, 5);
        assert_eq!(passes_after(&mut deadline).await, 0, "it has passed");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_moved_before_anybody_looked_passes_when_it_was_last_set_to() {
        for seconds in [3, 60, 600] {
            let mut deadline = Deadline::after(Duration::from_secs(60));
            deadline.set(Duration::from_secs(seconds));

            assert_eq!(passes_after(&mut deadline).await, seconds);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_comes_nearer_is_kept() {
        let mut deadline = Deadline::after(Duration::from_secs(60));
        let pending = poll_fn(|context| Poll::Ready(deadline.poll_passed(context).is_pending()));
        assert!(pending.await);

        deadline.set(Duration::from_secs(3));

        assert_eq!(passes_after(&mut deadline).await, 3);
    }
}
