//! A listener, as the operator wants it.

use std::net::SocketAddr;

/// Where the broker listens for API requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Address and port; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Names, beside loopback ones, under which a loopback listener may be asked.
    pub hosts: Vec<String>,
    /// The URL under which callers know it, virtual directory included, if not by their `Host`.
    pub public_url: Option<String>,
}

impl ListenerSpec {
    /// A label in logs and metrics.
    pub fn name(&self) -> String {
        self.bind.to_string()
    }

    /// True if only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.bind.ip().is_loopback()
    }
}
