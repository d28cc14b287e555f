//! RSA keys on loan: every *living* issuer has a key of its own, without generating one per test.
//!
//! An issuer that is dropped gives its key back for the next one. An issuer that is stopped on
//! purpose leaves its key with its address, so that it comes back there with the same key.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex};

use super::{Algorithm, SigningKey};

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Pool {
    free: Vec<SigningKey>,
    kept: HashMap<SocketAddr, SigningKey>,
}

/// A key that nobody else has while this lives.
pub(crate) struct KeyLease {
    key: Option<SigningKey>,
}

impl KeyLease {
    /// The key kept for this address, or a free one, or a new one.
    pub(crate) fn take(address: SocketAddr) -> Self {
        let pooled = {
            let mut pool = POOL.lock().expect("nobody panics with the pool");
            pool.kept.remove(&address).or_else(|| pool.free.pop())
        };
        Self {
            key: Some(pooled.unwrap_or_else(|| SigningKey::generate(Algorithm::Rs256, "leased"))),
        }
    }

    pub(crate) fn key(&self) -> &SigningKey {
        self.key.as_ref().expect("a key is on loan until the end")
    }

    /// Keeps the key for whoever next takes a lease at this address.
    pub(crate) fn keep_for(mut self, address: SocketAddr) {
        if let Some(key) = self.key.take() {
            let mut pool = POOL.lock().expect("nobody panics with the pool");
            pool.kept.insert(address, key);
        }
    }
}

impl Drop for KeyLease {
    fn drop(&mut self) {
        if let (Some(key), Ok(mut pool)) = (self.key.take(), POOL.lock()) {
            pool.free.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn living_leases_differ_and_a_kept_key_returns_to_its_address() {
        let address: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let first = KeyLease::take(address);
        let second = KeyLease::take(address);
        let published = first.key().public_jwk();
        assert_ne!(published, second.key().public_jwk());

        first.keep_for(address);

        assert_eq!(KeyLease::take(address).key().public_jwk(), published);
    }
}
