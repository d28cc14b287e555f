//! Coming to an end in order: a trigger that is pulled once, watchers that wait for it, and guards
//! of work that the end waits for.

use tokio::sync::{mpsc, watch};

/// Pulls the trigger and waits for the work. One per broker.
#[derive(Debug)]
pub struct Shutdown {
    trigger: watch::Sender<bool>,
    running: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

/// Learns of the end. A task that holds one is waited for.
#[derive(Debug, Clone)]
pub struct Watcher {
    trigger: watch::Receiver<bool>,
    _running: mpsc::Sender<()>,
}

impl Shutdown {
    /// Nothing triggered, nothing running.
    pub fn new() -> Self {
        // Nothing is ever sent: the channel closes when the last sender is dropped.
        let (running, ended) = mpsc::channel(1);
        Self { trigger: watch::Sender::new(false), running, ended }
    }

    /// For a task that must hear of the end and be waited for.
    pub fn watcher(&self) -> Watcher {
        Watcher { trigger: self.trigger.subscribe(), _running: self.running.clone() }
    }

    /// Tells every watcher, and waits until all of them are dropped.
    pub async fn drain(self) {
        let Self { trigger, running, mut ended } = self;
        trigger.send_replace(true);
        drop(running);
        ended.recv().await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Watcher {
    /// Returns when the end was triggered.
    pub async fn triggered(&mut self) {
        // An error means that the trigger is gone, which is an end as well.
        let _ = self.trigger.wait_for(|is_triggered| *is_triggered).await;
    }

    /// True once the end was triggered.
    pub fn is_triggered(&self) -> bool {
        *self.trigger.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::Shutdown;
    use crate::tasks;

    #[tokio::test]
    async fn drain_waits_for_every_watcher() {
        let shutdown = Shutdown::new();
        let mut watcher = shutdown.watcher();
        let work = tasks::spawn(async move {
            watcher.triggered().await;
            watcher.is_triggered()
        });

        shutdown.drain().await;

        assert!(work.is_finished());
        assert!(work.await.unwrap());
    }
}
