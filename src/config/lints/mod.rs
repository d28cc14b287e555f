//! Lints: what a sound file can still get wrong. Each has an id, a severity and a place.
//!
//! A lint is a pure function over the tree and what was built of it. It never repeats what a
//! reader of the section has already refused.

mod table;

pub(super) use table::SUB2;
pub use table::{LINTS, Lint};
