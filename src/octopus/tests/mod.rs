//! Routes, capabilities and narrowing: tables of calls and what becomes of them.

mod creations;
mod documentation;
mod grants;
mod narrowings;
mod patterns;
mod routes;

use http::Method;

use super::{Call, Capabilities, Capability, Grant, Narrowing, NotAllowed};

/// Of capabilities by their names.
fn capabilities(names: &str) -> Capabilities {
    let list = names.split_whitespace().map(|name| Capability::named(name).unwrap());
    Capabilities::of(&list.collect::<Vec<_>>())
}

/// With these capabilities, and nothing else.
fn grant(names: &str) -> Grant {
    Grant::new(capabilities(names), Vec::new(), Narrowing::none())
}

/// `GET /api`, judged.
fn judged(grant: &Grant, call: &str) -> Result<(), NotAllowed> {
    let (method, target) = call.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    grant.judge(&Call::new(&method, target))
}
