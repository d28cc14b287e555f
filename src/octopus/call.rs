//! An API call, as a grant judges it.

use http::Method;

use super::routes::Route;

/// What is asked of Octopus, its body aside.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method that Octopus will act on.
    pub method: &'a Method,
    /// The path below the virtual directory, raw.
    pub path: &'a str,
    /// The query, raw, without its `?`.
    pub query: &'a str,
    /// What it is for.
    pub route: Route,
}

impl<'a> Call<'a> {
    /// A call with this effective method and this target below the virtual directory.
    pub fn new(method: &'a Method, target: &'a str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method, path, query, route: Route::of(method, path) }
    }

    /// Whether it changes nothing (RFC 9110 9.2.1).
    pub(super) fn is_read(&self) -> bool {
        self.method.is_safe()
    }
}
