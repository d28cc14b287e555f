//! What each peer may cost: connections, requests that are waited for before anybody knows who sends
//! them, and credentials that are refused.
//!
//! A peer is an address, of IPv6 its first 64 bits, which are one site's. On a loopback listener or
//! a Unix socket all callers are this machine, so a bound there would let one process lock the
//! others out: those have no peer. Memory is bounded: an address with an open connection has an
//! entry, and failures of so many addresses at most are remembered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::bounded_map::{BoundedMap, Entry};
use crate::clock::{Clock, Reading};
use crate::limits::{self, Limits};

/// Whose connections and failures are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

/// All peers.
#[derive(Debug)]
pub(super) struct Peers {
    open: Arc<Counts>,
    awaited: Arc<Counts>,
    failures: BoundedMap<Peer, Arc<Mutex<Patience>>>,
    connections: usize,
    /// Failures that are forgiven: so many a second, and so many at once.
    per_second: f64,
    burst: f64,
    clock: Arc<dyn Clock>,
}

/// How much each peer has of something; nothing is kept of one that has none.
type Counts = Mutex<HashMap<Peer, usize>>;

/// One of those that a peer may have, until this is dropped.
#[derive(Debug)]
pub(super) struct PeerPlace {
    counts: Arc<Counts>,
    peer: Peer,
}

/// What is left of a peer's failures.
#[derive(Debug)]
struct Patience {
    left: f64,
    /// On the monotonic clock.
    since: Duration,
}

impl Entry for Arc<Mutex<Patience>> {
    fn has_ended(&self, now: Reading) -> bool {
        let patience = self.lock().unwrap_or_else(PoisonError::into_inner);
        now.elapsed.saturating_sub(patience.since) >= limits::FAILING_PEER_REMEMBERED
    }
}

impl Peer {
    pub(super) fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl Peers {
    pub(super) fn new(limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            open: Arc::default(),
            awaited: Arc::default(),
            failures: BoundedMap::new(limits::FAILING_PEERS, Arc::clone(&clock)),
            connections: limits.peer_connections,
            per_second: f64::from(limits.failed_authentications),
            burst: f64::from(limits.failed_authentications_burst),
            clock,
        }
    }

    /// Takes a place for a connection, if the peer has one left.
    pub(super) fn connect(&self, peer: Peer) -> Option<PeerPlace> {
        PeerPlace::take(&self.open, peer, self.connections)
    }

    /// Takes a place for a request whose credential is still to come, if the peer has one left of its
    /// share of `all` places: these may be another number after a reload.
    pub(super) fn wait_for(&self, peer: Peer, all: usize) -> Option<PeerPlace> {
        PeerPlace::take(&self.awaited, peer, all.div_ceil(limits::STRANGERS_SHARE))
    }

    /// How long a peer has to wait before a credential of it is looked at; nothing if none of its
    /// failures stands against it.
    pub(super) fn pause(&self, peer: Peer) -> Option<Duration> {
        let patience = self.failures.get(&peer)?;
        let mut patience = patience.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut patience);
        (patience.left < 1.0)
            .then(|| Duration::from_secs_f64((1.0 - patience.left) / self.per_second))
    }

    /// A credential of this peer was refused. Gives the pause if it was one too many.
    pub(super) fn failed(&self, peer: Peer) -> Option<Duration> {
        let fresh = || {
            let patience = Patience { left: self.burst, since: self.clock.elapsed() };
            Arc::new(Mutex::new(patience))
        };
        let patience = self.failures.get_or_insert_with(peer, fresh);
        let mut patience = patience.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut patience);
        if patience.left < 1.0 {
            return Some(Duration::from_secs_f64((1.0 - patience.left) / self.per_second));
        }
        patience.left -= 1.0;
        None
    }

    fn refill(&self, patience: &mut Patience) {
        let now = self.clock.elapsed();
        let passed = now.saturating_sub(patience.since).as_secs_f64();
        patience.left = passed.mul_add(self.per_second, patience.left).min(self.burst);
        patience.since = now;
    }
}

impl PeerPlace {
    fn take(counts: &Arc<Counts>, peer: Peer, most: usize) -> Option<Self> {
        let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(peer).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Self { counts: Arc::clone(counts), peer })
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn peers() -> (Peers, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(0));
        let limits = Limits {
            peer_connections: 2,
            failed_authentications: 5,
            failed_authentications_burst: 20,
            ..Limits::default()
        };
        (Peers::new(&limits, Arc::clone(&clock) as _), clock)
    }

    fn peer(address: &str) -> Peer {
        Peer::new(address.parse().unwrap())
    }

    #[test]
    fn a_peer_is_an_address_or_a_site() {
        assert_eq!(peer("192.0.2.1"), peer("::ffff:192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1:2"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    }

    #[test]
    fn a_peer_has_so_many_connections_and_gets_them_back() {
        let (peers, _) = peers();
        let first = peers.connect(peer("192.0.2.1")).unwrap();
        let second = peers.connect(peer("192.0.2.1")).unwrap();

        assert!(peers.connect(peer("192.0.2.1")).is_none());
        assert!(peers.connect(peer("192.0.2.2")).is_some());
        drop(first);
        assert!(peers.connect(peer("192.0.2.1")).is_some());
        drop(second);
        assert!(peers.open.lock().unwrap().is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn a_peer_has_a_share_of_the_requests_that_are_waited_for() {
        let (peers, _) = peers();
        let (one, other) = (peer("192.0.2.1"), peer("192.0.2.2"));
        let taken: Vec<_> = std::iter::from_fn(|| peers.wait_for(one, 40)).collect();

        assert_eq!(taken.len(), 40 / limits::STRANGERS_SHARE);
        assert!(peers.wait_for(other, 40).is_some());
        assert!(peers.wait_for(one, 80).is_some(), "there are more places now");
        assert!(peers.wait_for(peer("192.0.2.3"), 1).is_some(), "one is a share of any");
        assert!(peers.connect(peer("192.0.2.1")).is_some(), "connections are counted apart");
    }

    #[test]
    fn failures_are_forgiven_at_a_rate() {
        let (peers, clock) = peers();
        let (one, other) = (peer("192.0.2.1"), peer("192.0.2.2"));
        for _ in 0..20 {
            assert_eq!((peers.pause(one), peers.failed(one)), (None, None));
        }

        assert_eq!(peers.failed(one), Some(Duration::from_millis(200)));
        assert_eq!(peers.pause(one), Some(Duration::from_millis(200)));
        assert_eq!((peers.pause(other), peers.failed(other)), (None, None));

        clock.advance(Duration::from_millis(400));
        assert_eq!([peers.failed(one), peers.failed(one)], [None, None]);
        assert!(peers.failed(one).is_some());
        clock.advance(Duration::from_secs(3600));
        let forgiven = (0..100).take_while(|_| peers.failed(one).is_none()).count();
        assert_eq!(forgiven, 20, "patience does not grow beyond its burst");
    }

    #[test]
    fn failures_of_many_addresses_take_bounded_memory() {
        let (peers, _) = peers();
        for number in 0..100_000_u32 {
            peers.failed(Peer::new(IpAddr::V4(number.to_be_bytes().into())));
        }

        assert_eq!(peers.failures.count(), limits::FAILING_PEERS);
    }
}
