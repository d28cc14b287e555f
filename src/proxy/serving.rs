//! Which proxy serves. A reload replaces it; each request is served by the one that it found.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Proxy;

/// The proxy that serves from now on. Clones are the same.
#[derive(Debug, Clone)]
pub struct Serving(Arc<ArcSwap<Proxy>>);

impl Serving {
    /// Serves with `proxy`.
    pub fn with(proxy: Proxy) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(proxy)))
    }

    /// The proxy for the request that begins now. Whoever holds it is served by it to the end.
    pub fn now(&self) -> Arc<Proxy> {
        self.0.load_full()
    }

    /// Serves with `proxy` from the next request on, on connections that are open as well.
    pub fn replace(&self, proxy: Proxy) {
        self.0.store(Arc::new(proxy));
    }
}
