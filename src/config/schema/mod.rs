//! The JSON Schema of the configuration, for editors.
//!
//! Each section describes its keys beside the code that reads them ([`Key`], [`Shape`]); the known
//! keys and the schema both come of that, so that they can't drift apart. The schema is only an
//! editor's help: what it lets pass is read, and judged, by the same code as ever.

mod document;
pub(super) mod presets;
mod shape;

pub use document::schema;
pub(super) use shape::{Form, Key, Shape, names, words};
