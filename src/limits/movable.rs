//! The bounds that an operator may move, with their defaults.

use std::time::Duration;

use super::DESCRIPTOR_RESERVE;

/// The bounds that an operator may move (`limits:` in the configuration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest ID token, in bytes. Real ones are 1-4 KiB; cluster tokens with many groups reach 8.
    pub id_token_bytes: usize,
    /// Longest request head, in bytes: request line and all header lines.
    pub head_bytes: usize,
    /// Longest target of a request, in bytes: Octopus's own clients stay below 2 KiB.
    pub target_bytes: usize,
    /// Most header lines in a request.
    pub headers: usize,
    /// A request head must be complete this long after its first byte.
    pub head_timeout: Duration,
    /// A connection without a request is closed after this.
    pub keep_alive_timeout: Duration,
    /// Most client connections per process.
    pub connections: usize,
    /// Most of them of one peer, on listeners that other machines reach.
    pub peer_connections: usize,
    /// Refused credentials of one peer a second, on listeners that other machines reach; those
    /// beyond are refused as `rate_limited`, without a look at their signature.
    pub failed_authentications: u32,
    /// How many of them at once.
    pub failed_authentications_burst: u32,
    /// Most requests being served at once; the next is refused as `overloaded`.
    pub concurrent_requests: usize,
    /// Most verified ID tokens remembered.
    pub verified_tokens: u64,
    /// Most access tokens remembered.
    pub access_tokens: u64,
    /// Most stand-ins that are live.
    pub stand_ins: usize,
    /// Most used ID tokens remembered, of issuers whose tokens serve once: 80 bytes each.
    pub used_tokens: usize,
    /// Longest wait for one token exchange, discovery of its endpoint included.
    pub exchange_timeout: Duration,
    /// Longest wait of a request for its turn when Octopus's rate limit is spent, repetitions after a
    /// 429 and further exchanges after a 429 of the token endpoint included.
    pub rate_limit_wait: Duration,
    /// Longest wait for running requests after a stop was asked for.
    pub drain: Duration,
}

impl Limits {
    /// True if a peer may do as much as by `other`.
    pub fn bears_with_peers_like(&self, other: &Self) -> bool {
        let of_peers = |limits: &Self| {
            (
                limits.peer_connections,
                limits.failed_authentications,
                limits.failed_authentications_burst,
            )
        };
        of_peers(self) == of_peers(other)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            id_token_bytes: 16 << 10,
            head_bytes: 64 << 10,
            target_bytes: 8 << 10,
            headers: 100,
            head_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(60),
            connections: 10_000,
            peer_connections: 1_000,
            failed_authentications: 50,
            failed_authentications_burst: 200,
            concurrent_requests: 2_000,
            verified_tokens: 100_000,
            access_tokens: 10_000,
            stand_ins: 10_000,
            used_tokens: 100_000,
            exchange_timeout: Duration::from_secs(10),
            rate_limit_wait: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// The same, lowered to what a process with so many descriptors and so many bytes of memory can
    /// hold. Each connection may need a second descriptor for its connection to Octopus, over
    /// HTTP/2 each request does; and issuers, exchanges and the admin listener need some too.
    #[must_use]
    pub fn within(self, descriptors: Option<u64>, memory: Option<u64>) -> Self {
        let by_descriptors = descriptors.map(|all| {
            let left = all.saturating_sub(DESCRIPTOR_RESERVE.min(all / 2)) / 2;
            (left, left)
        });
        let by_memory = memory.map(|all| {
            let left = all.saturating_sub(MEMORY_RESERVE.min(all / 2));
            (left / CONNECTION_MEMORY, left / REQUEST_MEMORY)
        });
        let bounds = by_descriptors.into_iter().chain(by_memory);
        bounds.fold(self, |limits, (connections, requests)| {
            let count = |bound: u64| usize::try_from(bound).unwrap_or(usize::MAX).max(1);
            Self {
                connections: limits.connections.min(count(connections)),
                concurrent_requests: limits.concurrent_requests.min(count(requests)),
                ..limits
            }
        })
    }
}

/// What the program takes by itself, with its caches in moderate use.
const MEMORY_RESERVE: u64 = 24 << 20;

/// What a connection takes at most: an idle one 9 KiB, one with half a head up to 140 KiB while its
/// buffer grows. One that was sent heads of 62 KiB in a row has kept 290 KiB.
const CONNECTION_MEMORY: u64 = 304 << 10;

/// What a request that is being served takes, on the whole: its held body, and the buffers of both
/// its connections. A hundred uploads to a server that stopped took 310 KiB each.
const REQUEST_MEMORY: u64 = 320 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_what_it_can_hold_and_never_nothing() {
        let mib = |count: u64| Some(count << 20);
        for (descriptors, memory, connections, requests) in [
            (None, None, 10_000, 2_000),
            (Some(1 << 20), mib(1 << 20), 10_000, 2_000),
            (Some(20_128), None, 10_000, 2_000),
            (Some(1_024), None, 448, 448),
            (Some(64), None, 16, 16),
            (Some(3), None, 1, 1),
            (None, mib(64), 134, 128),
            (None, mib(128), 350, 332),
            (None, Some(1), 1, 1),
            (Some(64), mib(64), 16, 16),
        ] {
            let limits = Limits::default().within(descriptors, memory);
            let found = (limits.connections, limits.concurrent_requests);
            assert_eq!(found, (connections, requests), "{descriptors:?} {memory:?}");
        }
    }
}
