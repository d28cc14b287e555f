//! What systemd learns of the program, as `sd_notify(3)` says: that it serves, reloads, ends, lives.
//!
//! Without `NOTIFY_SOCKET` nobody is told anything. What can't be told is logged, and changes nothing
//! else: a broker that serves is worth more than a supervisor that knows.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tracing::warn;

use super::Environment;
use crate::limits;
use crate::platform::notify::{self, Address};
use crate::tasks;
use crate::workers::Workers;

/// What is meant for this process alone, and for none that it starts.
pub(super) const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// Who started the program and wants to know how it is; or nobody.
#[derive(Clone)]
pub(super) struct ServiceManager {
    socket: Option<Address>,
    /// How often it wants to hear that the program lives, at least.
    watchdog: Option<Duration>,
    /// `CLOCK_MONOTONIC`, by which it puts a reload in order with its own request for one.
    since_boot: fn() -> Duration,
}

impl fmt::Debug for ServiceManager {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { socket, watchdog, since_boot: _ } = self;
        let mut parts = formatter.debug_struct("ServiceManager");
        parts.field("socket", socket).field("watchdog", watchdog).finish_non_exhaustive()
    }
}

impl ServiceManager {
    /// Whom the environment names. An address that can't be one is logged, and nobody is told.
    pub(super) fn of(environment: Environment<'_>) -> Self {
        let name = environment("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let socket = name.and_then(|name| {
            let address = notify::address(&name);
            let told = |error: &io::Error| {
                warn!(%error, NOTIFY_SOCKET = name, "the service manager can't be told anything");
            };
            address.inspect_err(told).ok()
        });
        Self { socket, watchdog: watchdog(environment), since_boot: notify::since_boot }
    }

    /// It serves: what was asked for, a start or a reload, has come to its end.
    pub(super) async fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}")).await;
    }

    /// It begins to read its configuration again. [`ServiceManager::ready`] says that this has ended.
    pub(super) async fn reloading(&self) {
        let now = (self.since_boot)().as_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}")).await;
    }

    /// It ends, once the running requests have.
    pub(super) async fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining").await;
    }

    /// Says twice in each span of the watchdog that the program lives: on the thread that keeps keys
    /// and tokens fresh, after each of those that serve had a turn. If one hangs, nothing is said.
    pub(super) fn feed_watchdog(&self, workers: Workers) {
        let Some(span) = self.watchdog else { return };
        let manager = self.clone();
        tasks::spawn(async move {
            loop {
                workers.each_had_a_turn().await;
                manager.tell("WATCHDOG=1").await;
                tokio::time::sleep(span / 2).await;
            }
        });
    }

    async fn tell(&self, state: &str) {
        let Some(address) = &self.socket else { return };
        let told = tokio::time::timeout(limits::NOTIFY_TIMEOUT, notify::send(address, state)).await;
        if let Err(error) = told.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
            warn!(%error, state = state.replace('\n', " "), "the service manager can't be told");
        }
    }
}

/// The span, if it is this process that is watched.
fn watchdog(environment: Environment<'_>) -> Option<Duration> {
    let own_pid = std::process::id().to_string();
    if environment("WATCHDOG_PID").is_some_and(|pid| pid != own_pid) {
        return None;
    }
    let microseconds = environment("WATCHDOG_USEC")?.parse().ok().filter(|it| *it > 0)?;
    Some(Duration::from_micros(microseconds).max(limits::WATCHDOG_SPAN_MIN))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
