//! TCP to a server of several addresses (RFC 8305): one that swallows what is sent to it must not
//! take all the time that a connection has.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::limits;

/// Connects to the address that answers first; those that are silent get company one by one.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = tokio::net::lookup_host((host, port)).await?;
    first_of(alternated(addresses), TcpStream::connect).await
}

async fn first_of<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = None;
    loop {
        if attempts.len() < limits::CONNECT_ATTEMPTS {
            attempts.extend(waiting.next().map(&connect));
        }
        let can_go_on = waiting.len() > 0 && attempts.len() < limits::CONNECT_ATTEMPTS;
        tokio::select! {
            outcome = attempts.next() => match outcome {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failure = failure.or(Some(error)),
                None => {
                    let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
                    return Err(failure.unwrap_or_else(none));
                }
            },
            () = tokio::time::sleep(limits::CONNECT_ATTEMPT_DELAY), if can_go_on => {}
        }
    }
}

/// The system's order, but families take turns: what fails for one address of IPv6 mostly fails for
/// all of them (RFC 8305 4).
fn alternated(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let all: Vec<SocketAddr> = addresses.collect();
    let is_v4 = all.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|address| address.is_ipv4() == is_v4);
    let longest = first.len().max(second.len());
    (0..longest)
        .flat_map(|at| [first.get(at).copied(), second.get(at).copied()])
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::Instant;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);

        let order = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(alternated(found.into_iter()), order);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_silent_costs_a_moment() {
        let begun = Instant::now();
        let connect = |address: SocketAddr| async move {
            if address.port() == 3 { Ok(address) } else { pending().await }
        };

        let found = first_of(addresses(&["[::1]:1", "[::1]:2", "[::1]:3"]), connect).await;

        assert_eq!(found.unwrap().port(), 3);
        assert_eq!(begun.elapsed(), limits::CONNECT_ATTEMPT_DELAY * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refuses_costs_nothing_and_the_first_fault_is_told() {
        let begun = Instant::now();
        let refuse =
            |address: SocketAddr| ready(Err::<(), _>(io::Error::other(address.port().to_string())));

        let found = first_of(addresses(&["[::1]:1", "[::1]:2"]), refuse).await;

        assert_eq!(found.unwrap_err().to_string(), "1");
        assert_eq!(begun.elapsed(), std::time::Duration::ZERO);
        assert!(first_of(Vec::new(), refuse).await.is_err());
    }
}
