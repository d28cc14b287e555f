//! `octopus:` — the server.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::lints::URL1;
use super::problem::Problems;
use super::reader::{Section, refuse, text};
use super::schema::{Form, Key, Shape, names};
use super::tls::roots;
use super::values::{duration, set, word};
use super::web::{self, Query};
use super::yaml::Node;
use crate::octopus::{TokenEndpoint, Upstream};

/// The section.
pub(super) const FORM: Form = Form::of(&[
    Key::new("url", Shape::Url, "The server's base URL, virtual directory included.")
        .required()
        .example("https://acme.octopus.app"),
    Key::new("ca_file", Shape::Text, "A file with CA certificates, in addition to the system's."),
    Key::new(
        "token_endpoint",
        Shape::AnyOf(&[Shape::Word(&["rebase", "published"]), Shape::Url]),
        "Where tokens are exchanged: the published path on `url`, the published URL, or this URL.",
    )
    .default("rebase"),
    Key::new("connect_timeout", Shape::Duration, "For a connection, TLS included.").default("5s"),
    Key::new(
        "idle_timeout",
        Shape::Duration,
        "Longest silence, each way, also between two events; a whole transfer may take as long as it \
         likes.",
    )
    .default("60s"),
    Key::new(
        "forwarded_for",
        Shape::Word(&["append"]),
        "`append`: tell Octopus the caller's address, in X-Forwarded-For. What the caller wrote there \
         never goes on.",
    ),
]);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

const CONNECT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(5 * 60);

/// A day: longer silences are dead connections.
const IDLE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);

/// Reads the section; `None` if no server can be made of it.
pub(super) fn read(node: &Node, folder: &Path, problems: &mut Problems) -> Option<Upstream> {
    let section = Section::open(node, KEYS, problems)?;
    let roots = roots(section.value("ca_file"), folder, problems);
    let token_endpoint =
        section.value("token_endpoint").and_then(|node| token_endpoint(node, problems));
    let connect_timeout =
        section.value("connect_timeout").and_then(|node| duration(node, CONNECT, problems));
    let idle_timeout =
        section.value("idle_timeout").and_then(|node| duration(node, IDLE, problems));

    let forwarded_for = section.value("forwarded_for");
    let forwarded_for = forwarded_for.and_then(|node| word(node, &[("append", ())], problems));

    let advice = "write the server's base URL, such as `url: https://acme.octopus.app`";
    let url_node = section.required("url", advice, problems)?;
    let (_, url) = web::url(url_node, Query::Refused, problems)?;
    let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if ["api", "app"].iter().any(|page| last.eq_ignore_ascii_case(page)) {
        let sentence = format!(
            "the broker puts /api behind it itself; remove the /{last} at its end, if that is no \
             virtual directory of yours"
        );
        problems.add_lint(&URL1, &url_node.place, sentence);
    }
    let mut upstream = match Upstream::new(url, roots?) {
        Ok(upstream) => upstream,
        Err(error) => {
            refuse(url_node, error.to_string(), problems);
            return None;
        }
    };
    set(&mut upstream.token_endpoint, token_endpoint);
    set(&mut upstream.connect_timeout, connect_timeout);
    set(&mut upstream.idle_timeout, idle_timeout);
    upstream.is_told_address = forwarded_for.is_some();
    Some(upstream)
}

fn token_endpoint(node: &Node, problems: &mut Problems) -> Option<TokenEndpoint> {
    match text(node, problems)? {
        "rebase" => Some(TokenEndpoint::Rebase),
        "published" => Some(TokenEndpoint::Published),
        written if written.contains("://") => {
            let (_, url) = web::url(node, Query::Allowed, problems)?;
            Some(TokenEndpoint::Fixed(url))
        }
        _ => {
            let sentence = "must be rebase, published or an absolute URL, such as \
                            https://acme.octopus.app/token/v1";
            refuse(node, sentence, problems);
            None
        }
    }
}
