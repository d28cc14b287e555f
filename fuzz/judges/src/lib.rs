//! What must hold for any bytes that come from outside: one judge for each door at which they are
//! read. A judge panics if something does not hold; what it takes for right it works out itself, in
//! another way than the product.
//!
//! The fuzz targets hand made-up bytes to these; `tests/fuzz.rs` hands over all seeds, on stable.

pub mod claims;
pub mod config;
pub mod exchange_answer;
pub mod glob;
pub mod id_token;
pub mod jwks;
pub mod rate_headers;
pub mod target;
