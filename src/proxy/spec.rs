//! A listener, as the operator wants it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::tls::TlsFiles;

/// Where the broker listens for API requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Where.
    pub bind: Bind,
    /// Whether a request without credential acts as the broker itself.
    pub is_ambient: bool,
    /// Names, beside loopback ones, under which a loopback listener may be asked.
    pub hosts: Vec<String>,
    /// The URL under which callers know it, virtual directory included, if not by their `Host`.
    pub public_url: Option<String>,
    /// The certificate, if it speaks TLS.
    pub tls: Option<TlsFiles>,
}

/// An address to listen on. Shown as it is written in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// Address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix {
        /// The socket's file.
        path: PathBuf,
        /// Who may connect, as permission bits of the file.
        mode: u32,
    },
}

impl ListenerSpec {
    /// A plain listener on an address.
    pub const fn local(address: SocketAddr) -> Self {
        Self {
            bind: Bind::Tcp(address),
            is_ambient: false,
            hosts: Vec::new(),
            public_url: None,
            tls: None,
        }
    }

    /// A label in logs and metrics.
    pub fn name(&self) -> String {
        self.bind.to_string()
    }

    /// True for a TCP listener that this machine alone reaches, and therefore also the web pages
    /// that its users look at.
    pub fn is_loopback(&self) -> bool {
        matches!(self.bind, Bind::Tcp(address) if address.ip().is_loopback())
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "{address}"),
            Self::Unix { path, .. } => write!(formatter, "unix:{}", path.display()),
        }
    }
}
