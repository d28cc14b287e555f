//! Tests of the room through its door.

mod audit;
mod logging;
mod metrics;
mod page;

use std::io;

use super::error_chain;

#[derive(Debug, thiserror::Error)]
#[error("issuer can't be reached")]
struct Outer {
    source: io::Error,
}

#[test]
fn an_error_is_printed_with_its_sources() {
    let error = Outer { source: io::Error::other("connection refused") };

    let text = error_chain(&error);

    assert_eq!(text, "issuer can't be reached: connection refused");
}

#[test]
fn an_error_without_source_is_printed_alone() {
    assert_eq!(error_chain(&io::Error::other("disk full")), "disk full");
}
