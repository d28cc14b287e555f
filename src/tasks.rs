//! The one place that starts tasks.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Runs `work` on its own, whether or not anybody awaits the handle.
///
/// For work that must not die with the request that caused it (a token exchange that others wait
/// for) and for the accept loops. The work itself must be bounded in time.
#[expect(clippy::disallowed_methods, reason = "the one home of tokio::spawn")]
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// The same on another runtime.
pub fn spawn_on<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    runtime.spawn(work)
}
