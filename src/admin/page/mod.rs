//! `/`: the status as a page for people.
//!
//! One answer holds all of it: no script, no image, nothing that is loaded. What is shown is the
//! [`Status`] that `/status` has as JSON. Claims stand in it, so all that is not markup of this
//! source is escaped (`markup`), and the policy of the page forbids what would slip through.
//!
//! It reads well on a telephone and on a screen, by day and by night.

mod head;
mod live;
mod markup;
mod refusals;
mod rules;
mod span;
mod tables;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use super::status::Status;
use markup::Html;

const STYLE: &str = include_str!("style.css");

/// Whether the page asks for itself again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Still,
    Live,
}

impl Mode {
    /// Of the part of the target behind `?`.
    pub(super) fn of(query: Option<&str>) -> Self {
        if query == Some("live") { Self::Live } else { Self::Still }
    }
}

/// The page.
pub(super) fn answer(status: &Status, mode: Mode) -> Response<Full<Bytes>> {
    let Ok(policy) = HeaderValue::from_str(&policy()) else {
        // Without its policy it is not shown.
        return super::text(StatusCode::INTERNAL_SERVER_ERROR, "the page can't be shown\n");
    };
    let mut answer = super::text(StatusCode::OK, &page(status, mode));
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    answer
}

/// Nothing is allowed but this very style: neither a script, nor to be framed, nor to send a form
/// (Content Security Policy Level 3).
fn policy() -> String {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn page(status: &Status, mode: Mode) -> String {
    let mut html = Html::default();
    html.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.markup("<meta name=\"color-scheme\" content=\"light dark\">\n");
    if mode == Mode::Live {
        html.markup("<meta http-equiv=\"refresh\" content=\"5\">\n");
    }
    html.markup("<title>octobroker</title>\n<style>");
    html.markup(STYLE);
    html.markup("</style>\n</head>\n<body>\n");
    head::put(&mut html, status, mode);
    html.markup("<main>\n");
    rules::put(&mut html, &status.rules);
    refusals::put(&mut html, &status.refusals, status.now);
    tables::issuers(&mut html, &status.issuers);
    tables::accounts(&mut html, &status.service_accounts);
    live::identities(&mut html, status);
    live::stand_ins(&mut html, status);
    live::own(&mut html, status.own_identity.as_ref());
    tables::config(&mut html, status);
    html.markup("</main>\n");
    html.put(
        "<footer><p>octobroker {} ({}) · as JSON: <a href=\"/status\">/status</a> · \
         <a href=\"/metrics\">/metrics</a></p></footer>\n",
        &[&status.version, &status.revision],
    );
    html.markup("</body>\n</html>\n");
    html.finish()
}

#[cfg(test)]
mod tests;
