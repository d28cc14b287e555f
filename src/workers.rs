//! Threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on one thread with all that is done for its requests, so that no request pays
//! for waking another thread. What is common (tokens, keys, budgets) is shared through memory.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use crate::{limits, tasks};

/// Where connections are served. Clones share the threads.
#[derive(Debug, Clone, Default)]
pub struct Workers {
    all: Arc<[Worker]>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    running: Arc<AtomicUsize>,
}

/// The threads, until they are told to end.
#[derive(Debug)]
pub struct WorkerThreads {
    workers: Workers,
    /// One for each thread: takes how long work that blocks may go on.
    stops: Vec<oneshot::Sender<Duration>>,
    /// Disconnected once all threads have ended.
    ended: mpsc::Receiver<()>,
}

/// How many workers there are: one for each processor that this process may use when it starts. Read
/// once, so that every pool has room for every thread.
static COUNT: LazyLock<usize> = LazyLock::new(|| {
    thread::available_parallelism().map_or(1, usize::from).min(limits::WORKER_THREADS)
});

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

impl WorkerThreads {
    /// One for each processor that this process may use, up to a bound.
    pub fn start() -> io::Result<Self> {
        let (running, ended) = mpsc::sync_channel(1);
        let start = |number| Worker::start(number, running.clone());
        let started = (1..=*COUNT).map(start).collect::<io::Result<Vec<_>>>()?;
        let (all, stops): (Vec<_>, Vec<_>) = started.into_iter().unzip();
        Ok(Self { workers: Workers { all: all.into() }, stops, ended })
    }

    /// To be handed to whoever has connections to serve.
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    /// Ends what still runs. Waits for it for at most twice `timeout`: a thread that is stuck, in a
    /// read from a file system that hangs, say, ends with the process.
    pub fn end(self, timeout: Duration) {
        for stop in self.stops {
            // One that has ended needs no telling.
            let _ = stop.send(timeout);
        }
        // Nothing is ever sent: this returns when the last thread has let go of its end.
        let _ = self.ended.recv_timeout(timeout * 2);
    }
}

impl Worker {
    fn start(
        number: usize,
        running: mpsc::SyncSender<()>,
    ) -> io::Result<(Self, oneshot::Sender<Duration>)> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Self { runtime: runtime.handle().clone(), running: Arc::default() };
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            NUMBER.set(number);
            let timeout = runtime.block_on(stopped).unwrap_or_default();
            runtime.shutdown_timeout(timeout);
            drop(running);
        })?;
        Ok((worker, stop))
    }
}

impl Workers {
    /// Begins `work` on the thread that has the least.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.seat().spawn(work);
    }

    /// A seat on the thread that has the least; on this one if there are no workers.
    pub fn seat(&self) -> Seat {
        let workers = self.all.iter().enumerate();
        let least = workers.min_by_key(|(_, worker)| worker.running.load(Ordering::Relaxed));
        let worker = least
            .map(|(at, worker)| (at + 1, worker.runtime.clone(), Running::begin(&worker.running)));
        Seat { worker }
    }

    /// How many threads there are, this one included, that [`Workers::number`] tells apart.
    pub fn numbers() -> usize {
        *COUNT + 1
    }

    /// Which of them this is: below [`Workers::numbers`]. All that are no workers are 0.
    pub fn number() -> usize {
        NUMBER.get()
    }
}

/// A place for one piece of work on one thread.
#[derive(Debug)]
pub struct Seat {
    /// Its number, if it is a worker.
    worker: Option<(usize, Handle, Running)>,
}

impl Seat {
    /// Whether it is on this thread.
    pub fn is_here(&self) -> bool {
        self.worker.as_ref().is_none_or(|(number, ..)| *number == Workers::number())
    }

    /// Begins `work` there.
    pub fn spawn(self, work: impl Future<Output = ()> + Send + 'static) {
        let Some((_, runtime, running)) = self.worker else {
            tasks::spawn(work);
            return;
        };
        tasks::spawn_on(&runtime, async move {
            work.await;
            drop(running);
        });
    }
}

/// One piece of work, until it ends in whatever way.
#[derive(Debug)]
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_goes_to_the_thread_that_has_the_least() {
        let threads = WorkerThreads::start().unwrap();
        let workers = threads.workers();
        let (told, numbers) = mpsc::channel();
        for _ in 0..workers.all.len() {
            let told = told.clone();
            workers.spawn(async move {
                told.send(Workers::number()).unwrap();
                std::future::pending::<()>().await;
            });
        }
        drop(told);

        let mut first: Vec<usize> = numbers.iter().take(workers.all.len()).collect();
        threads.end(Duration::from_secs(10));

        first.sort_unstable();
        assert_eq!(first, (1..Workers::numbers()).collect::<Vec<_>>(), "one each");
        assert_eq!(numbers.iter().count(), 0, "and all have ended");
    }
}
