//! The operator's own entries in `allow`.

use http::Method;

use super::{capabilities, judged};
use crate::octopus::{CallPattern, CallPatternError, Grant, Narrowing};

fn grant(allowed: &str, method: &str, path: &str) -> Grant {
    let pattern = CallPattern::new(method.parse().unwrap(), path).unwrap();
    Grant::new(capabilities(allowed), vec![pattern], Narrowing::none())
}

#[test]
fn an_entry_opens_calls_of_its_shape() {
    // Method and path of the entry; calls that it opens; calls that it does not.
    let rows = [
        (
            "POST /api/*/channels",
            "POST /api/Spaces-1/channels|POST /API/spaces/web/Channels/|POST /api/channels|\
             POST /api/Spaces-1/%63hannels",
            "GET /api/Spaces-1/channels|PUT /api/Spaces-1/channels|POST /api/Spaces-1/channels/x|\
             POST /api/Spaces-1/x/channels|POST /channels|POST /api/Spaces-1",
        ),
        ("POST /api/{space}/channels", "POST /api/Spaces-1/channels|POST /api/channels", ""),
        ("POST /api/spaces/*/channels", "POST /api/Spaces-1/channels|POST /api/channels", ""),
        (
            "POST /api/Spaces-1/channels",
            "POST /api/Spaces-1/channels|POST /api/spaces/spaces-1/channels",
            "POST /api/Spaces-2/channels|POST /api/channels|POST /api/spaces/web/channels",
        ),
        (
            "POST /api/channels",
            "POST /api/channels",
            "POST /api/Spaces-1/channels|POST /api/spaces/default/channels",
        ),
        (
            "GET /api/*/novelties/*",
            "GET /api/Spaces-1/novelties/x|HEAD /api/novelties/x|OPTIONS /api/novelties/x",
            "GET /api/Spaces-1/novelties|GET /api/Spaces-1/novelties/x/y|POST /api/novelties/x",
        ),
        (
            "DELETE /api/*/projects/**",
            "DELETE /api/Spaces-1/projects/Projects-1|DELETE /api/projects/Projects-1/logo",
            "DELETE /api/Spaces-1/environments/x",
        ),
        ("POST /api/**", "POST /api/Spaces-1/channels|POST /api/channels", "POST /mcp"),
        ("POST /**", "POST /api/Spaces-1/channels|POST /mcp", "PUT /api/Spaces-1/channels/x"),
        ("POST /mcp", "POST /mcp|POST /MCP/", "GET /mcp|POST /mcp/x|POST /api/mcp"),
    ];
    for (entry, opened, closed) in rows {
        let (method, path) = entry.split_once(' ').unwrap();
        let grant = grant("push-packages", method, path);
        for call in opened.split('|') {
            assert_eq!(judged(&grant, call), Ok(()), "{entry}: {call}");
        }
        for call in closed.split('|').filter(|call| !call.is_empty()) {
            assert!(judged(&grant, call).is_err(), "{entry}: {call}");
        }
    }
}

#[test]
fn no_entry_opens_administration() {
    let calls = [
        "POST /api/users/Users-1/apikeys",
        "POST /api/users/Users-1/%61pikeys",
        "POST /api/Spaces-1/users/Users-1/apikeys",
        "POST /api/teams",
        "POST /api/oauthclients",
        "POST /token/v1/",
    ];
    for path in ["/**", "/api/**", "/api/*/**", "/api/users/**", "/api/*/users/*/apikeys"] {
        for allowed in ["push-packages", "everything"] {
            let grant = grant(allowed, "POST", path);
            for call in calls {
                assert!(judged(&grant, call).is_err(), "{path} {allowed}: {call}");
            }
        }
    }
    let grant = grant("administer", "POST", "/api/users/**");
    assert_eq!(judged(&grant, calls[0]), Ok(()));
}

#[test]
fn what_could_be_read_in_two_ways_is_no_pattern() {
    let rows = [
        ("api/x", CallPatternError::Relative),
        ("", CallPatternError::Relative),
        ("/api/x?y=1", CallPatternError::Query),
        ("/api/x#y", CallPatternError::Query),
        ("/api/Spaces-*/x", CallPatternError::Star),
        ("/api/***", CallPatternError::Star),
        ("/api/**/x", CallPatternError::Middle),
        ("/api//x", CallPatternError::Unplain),
        ("/api/x/", CallPatternError::Unplain),
        ("/api/../x", CallPatternError::Unplain),
        ("/api/%61", CallPatternError::Unplain),
        ("/api/a;b", CallPatternError::Unplain),
    ];
    for (path, expected) in rows {
        assert_eq!(CallPattern::new(Method::GET, path), Err(expected), "{path}");
    }
}

#[test]
fn an_entry_for_administration_alone_is_known_as_one() {
    let rows = [
        ("POST", "/api/users/*/apikeys", true),
        ("PUT", "/api/teams/*", true),
        ("DELETE", "/api/spaces/Spaces-1", true),
        ("POST", "/token/v1", true),
        ("GET", "/api/users", false),
        ("POST", "/api/*/channels", false),
        ("POST", "/api/**", false),
    ];
    for (method, path, expected) in rows {
        let pattern = CallPattern::new(method.parse().unwrap(), path).unwrap();
        assert_eq!(pattern.only_administers(), expected, "{method} {path}");
    }
}
