//! One connection that speaks HTTP/2 (RFC 9113): requests side by side, with hyper's guards against
//! floods on, and an end for whoever holds streams and moves nothing.
//!
//! A request is judged and forwarded like any other: to Octopus it goes over HTTP/1.1. An answer
//! whose caller opens no window is never asked for its next part, so no deadline in it can pass;
//! the connection is looked at from outside instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::phase::Phase;
use super::{Origin, Proxy, Serving};
use crate::limits::{self, Limits};
use crate::shutdown::Watcher;

/// Serves one connection to its end.
pub(super) async fn serve<T>(io: T, serving: Serving, origin: Origin, mut watcher: Watcher)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let origin = Arc::new(origin);
    let proxy = serving.now();
    let _open = proxy.metrics.connection_opened(&origin.listener);
    let service = {
        let (serving, origin, end) = (serving.clone(), Arc::clone(&origin), watcher.clone());
        service_fn(move |request| {
            let (proxy, origin, is_draining) =
                (serving.now(), Arc::clone(&origin), end.is_triggered());
            proxy.serve(request, origin, is_draining)
        })
    };
    let head_bytes = u32::try_from(proxy.limits.head_bytes).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        .max_header_list_size(head_bytes)
        .max_send_buf_size(limits::HTTP2_SEND_BUFFER)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = std::pin::pin!(connection);
    let mut stillness = Stillness::new(&proxy, Arc::clone(&origin.phase));
    drop(proxy);
    let mut is_ending = false;
    loop {
        tokio::select! {
            outcome = &mut connection => {
                if let Err(error) = outcome {
                    debug!(listener = &*origin.listener, %error, "a connection ended badly");
                }
                return;
            }
            () = watcher.triggered(), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(limits::HTTP2_LOOK) => match stillness.look() {
                Verdict::Moving => {}
                Verdict::Idle if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                // It did not even take the farewell, or holds streams that go nowhere.
                Verdict::Idle | Verdict::Stuck => {
                    debug!(listener = &*origin.listener, "a connection stood still and is cut");
                    return;
                }
            },
        }
    }
}

/// How long nothing has moved on a connection.
struct Stillness {
    phase: Arc<Phase>,
    steps: Arc<AtomicU64>,
    seen: u64,
    still: Duration,
    /// Without any request: the first one must come as soon as a head would have to.
    idle_bounds: (Duration, Duration),
    /// With requests: longer than each wait for Octopus may be.
    stuck_bound: Duration,
}

/// What a look at a connection says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Moving,
    /// There is no request, and has been none for long.
    Idle,
    /// There are requests, and nothing moves.
    Stuck,
}

impl Stillness {
    fn new(proxy: &Proxy, phase: Arc<Phase>) -> Self {
        let idle_timeout = proxy.upstream.idle_timeout;
        let Limits { exchange_timeout, rate_limit_wait, .. } = proxy.limits;
        Self {
            steps: phase.steps(),
            phase,
            seen: 0,
            still: Duration::ZERO,
            idle_bounds: (proxy.limits.head_timeout, proxy.limits.keep_alive_timeout),
            stuck_bound: idle_timeout + idle_timeout.max(exchange_timeout + rate_limit_wait),
        }
    }

    fn look(&mut self) -> Verdict {
        // Bytes tell nothing: whoever pings moves as many as it likes. What is handed to the library of
        // an answer counts, in pieces of at most `HTTP2_SEND_BUFFER`.
        let now = self.steps.load(Ordering::Relaxed);
        if now != self.seen {
            self.seen = now;
            self.still = Duration::ZERO;
            return Verdict::Moving;
        }
        self.still += limits::HTTP2_LOOK;
        let (first, later) = self.idle_bounds;
        let idle_bound = if self.seen == 0 { first } else { later };
        match (self.phase.is_idle(), self.still) {
            (true, still) if still >= idle_bound => Verdict::Idle,
            (false, still) if still >= self.stuck_bound => Verdict::Stuck,
            _ => Verdict::Moving,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stillness() -> (Stillness, Arc<Phase>) {
        let phase = Arc::<Phase>::default();
        let stillness = Stillness {
            steps: phase.steps(),
            phase: Arc::clone(&phase),
            seen: 0,
            still: Duration::ZERO,
            idle_bounds: (limits::HTTP2_LOOK * 2, limits::HTTP2_LOOK * 4),
            stuck_bound: limits::HTTP2_LOOK * 6,
        };
        (stillness, phase)
    }

    fn looks_until(verdict: &Verdict, stillness: &mut Stillness) -> usize {
        (1..100).find(|_| stillness.look() == *verdict).unwrap()
    }

    #[test]
    fn a_connection_without_a_first_request_has_the_time_of_a_head() {
        let (mut stillness, _) = stillness();

        assert_eq!(looks_until(&Verdict::Idle, &mut stillness), 2);
    }

    #[test]
    fn between_requests_it_has_longer() {
        let (mut stillness, phase) = stillness();
        phase.begin(false);
        phase.end();

        assert_eq!(looks_until(&Verdict::Idle, &mut stillness), 5);
    }

    #[test]
    fn requests_of_which_no_part_moves_are_stuck() {
        let (mut stillness, phase) = stillness();
        phase.begin(false);
        stillness.look();

        assert_eq!(looks_until(&Verdict::Stuck, &mut stillness), 6);
    }

    #[test]
    fn a_body_that_flows_is_not_stuck() {
        let (mut stillness, phase) = stillness();
        phase.begin(false);

        for _ in 0..50 {
            phase.step();
            assert_eq!(stillness.look(), Verdict::Moving);
        }
    }
}
