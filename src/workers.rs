//! Threads, each with a runtime of its own: one for all that is no connection, the others serve.
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
pub struct Threads {
    workers: Workers,
    /// Of the thread that is no worker.
    tasks: Handle,
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

impl Threads {
    /// A worker for each processor that this process may use, up to a bound; and one thread more.
    pub fn start() -> io::Result<Self> {
        let (running, ended) = mpsc::sync_channel(1);
        let (tasks, stop) = start("tasks".to_owned(), 0, running.clone())?;
        let (mut workers, mut stops) = (Vec::new(), vec![stop]);
        for number in 1..=*COUNT {
            let (runtime, stop) = start(format!("worker-{number}"), number, running.clone())?;
            workers.push(Worker { runtime, running: Arc::default() });
            stops.push(stop);
        }
        Ok(Self { workers: Workers { all: workers.into() }, tasks, stops, ended })
    }

    /// To be handed to whoever has connections to serve.
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    /// Runs `work` on this thread until it ends. What it spawns runs on the one that is no worker, so
    /// that it goes on while this thread is held up.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.tasks.block_on(work)
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

/// Starts a thread. It runs what is spawned on it until it is told to stop, or nobody is left to.
fn start(
    name: String,
    number: usize,
    running: mpsc::SyncSender<()>,
) -> io::Result<(Handle, oneshot::Sender<Duration>)> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    thread::Builder::new().name(name).spawn(move || {
        NUMBER.set(number);
        let timeout = runtime.block_on(stopped).unwrap_or_default();
        runtime.shutdown_timeout(timeout);
        drop(running);
    })?;
    Ok((handle, stop))
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

    /// Returns when each worker has had a turn: never, while one of them hangs.
    pub async fn each_had_a_turn(&self) {
        for worker in &*self.all {
            // One whose runtime has ended does not hang.
            let _ = tasks::spawn_on(&worker.runtime, async {}).await;
        }
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
        let threads = Threads::start().unwrap();
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

    #[test]
    fn what_the_main_thread_spawns_goes_on_while_it_is_held_up() {
        let threads = Threads::start().unwrap();
        let (told, heard) = mpsc::channel();

        let name = threads.block_on(async {
            tasks::spawn(async move {
                // A timer, because that thread alone drives it.
                tokio::time::sleep(Duration::from_nanos(1)).await;
                told.send(thread::current().name().map(str::to_owned)).unwrap();
            });
            heard.recv_timeout(Duration::from_secs(10)).unwrap()
        });
        threads.end(Duration::from_secs(10));

        assert_eq!(name.as_deref(), Some("tasks"));
    }

    #[test]
    fn a_worker_that_hangs_has_no_turn() {
        let threads = Threads::start().unwrap();
        let workers = threads.workers();
        let (free, held) = mpsc::channel::<()>();
        let (told, hangs) = mpsc::channel();
        threads.block_on(workers.each_had_a_turn());
        workers.spawn(async move {
            told.send(()).unwrap();
            held.recv().unwrap_or_default();
        });
        hangs.recv().unwrap();

        threads.block_on(async {
            let turn = workers.each_had_a_turn();
            // Far longer than a turn takes where nothing hangs.
            let waited = tokio::time::timeout(Duration::from_millis(200), turn);
            assert!(waited.await.is_err());
            drop(free);
            workers.each_had_a_turn().await;
        });
        threads.end(Duration::from_secs(10));
    }
}
