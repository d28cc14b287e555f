//! Which addresses may be connected to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;
use url::{Host, Url};

/// How far a client reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Any address: the operator wrote the host down.
    Anywhere,
    /// Public addresses only: somebody else's document named the host.
    PublicOnly,
}

impl Reach {
    /// False if `host` is an address literal that may not be connected to. Names are judged when
    /// they are resolved.
    pub(super) fn allows_literal(self, host: &str) -> bool {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        literal.parse().map_or(true, |address| self.allows(address))
    }

    fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::PublicOnly => is_public(address),
        }
    }
}

/// The system's resolver, with the addresses left out that may not be connected to.
#[derive(Debug, Clone)]
pub(super) struct ReachResolver {
    reach: Reach,
}

impl ReachResolver {
    pub(super) const fn new(reach: Reach) -> Self {
        Self { reach }
    }
}

impl Service<Name> for ReachResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::other("the name has no address that may be connected to"));
            }
            Ok(allowed.into_iter())
        })
    }
}

/// True if a URL's host is this machine: `localhost` or a loopback address.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// True for addresses of the public internet (IANA's special-purpose registries left out).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] | [192, 0, 0, _] => true,
        [100, second, ..] => (64..128).contains(&second), // shared address space, RFC 6598
        [198, second, ..] if (18..20).contains(&second) => true, // benchmarks, RFC 2544
        [first, ..] if first >= 240 => true,
        _ => false,
    };
    !special
        && !address.is_private()
        && !address.is_link_local()
        && !address.is_multicast()
        && !address.is_documentation()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    match address.segments() {
        // Translated (NAT64) and tunnelled (6to4, Teredo) addresses hide an IPv4 address.
        [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0 | 0xdb8, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let rows = [
            ("140.82.121.4", true),
            ("2606:50c0:8000::153", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("2002:a00:1::", false),
        ];
        for (address, public) in rows {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let name = || "localhost".parse::<Name>().unwrap();

        let found = ReachResolver::new(Reach::Anywhere).call(name()).await.unwrap();
        assert!(found.map(|address| address.ip()).all(|address| address.is_loopback()));
        let refused = ReachResolver::new(Reach::PublicOnly).call(name()).await.unwrap_err();
        assert!(refused.to_string().contains("no address that may be connected to"), "{refused}");
    }

    #[test]
    fn a_literal_is_judged_without_a_resolver() {
        assert!(!Reach::PublicOnly.allows_literal("[::1]"));
        assert!(!Reach::PublicOnly.allows_literal("169.254.169.254"));
        assert!(Reach::PublicOnly.allows_literal("ci.example"));
        assert!(Reach::Anywhere.allows_literal("127.0.0.1"));
    }
}
