//! The top of the page: how it is, since when, and what there is below.

use super::Mode;
use super::markup::Html;
use super::span::Span;
use crate::admin::status::Status;

pub(super) fn put(html: &mut Html, status: &Status, mode: Mode) {
    html.markup("<header>\n<div class=\"title\"><h1>octobroker</h1>");
    verdict(html, status);
    html.markup("</div>\n");
    html.put(
        "<p>in front of <b>{}</b> · up <b>{}</b> · version <b>{}</b> · configuration <b>{}</b>, \
         <code>{}</code></p>\n",
        &[
            &status.octopus,
            &Span::seconds(status.uptime_seconds),
            &status.version,
            &status.config.generation,
            &status.config.digest,
        ],
    );
    html.put("<p class=\"quiet\">As of <time>{}</time>. ", &[&status.now]);
    html.markup(match mode {
        Mode::Still => "<a href=\"/?live\">Refresh every 5&nbsp;s</a></p>\n",
        Mode::Live => "Refreshed every 5&nbsp;s. <a href=\"/\">Stop</a></p>\n",
    });
    unwell(html, status);
    contents(html, status);
    html.markup("</header>\n");
}

fn verdict(html: &mut Html, status: &Status) {
    match (status.is_ready, status.unwell.len()) {
        (false, _) => html.markup("<strong class=\"verdict bad\">not ready</strong>"),
        (true, 0) => html.markup("<strong class=\"verdict good\">all is well</strong>"),
        (true, 1) => html.markup("<strong class=\"verdict fair\">1 thing is unwell</strong>"),
        (true, count) => {
            html.put("<strong class=\"verdict fair\">{} things are unwell</strong>", &[&count]);
        }
    }
}

fn unwell(html: &mut Html, status: &Status) {
    if status.unwell.is_empty() && status.is_ready {
        return;
    }
    html.markup("<ul class=\"unwell\">\n");
    if !status.is_ready {
        let awaited = status.waiting_for.join(", ");
        html.put("<li>waiting for: {}</li>\n", &[&awaited]);
    }
    for sentence in &status.unwell {
        html.put("<li>{}</li>\n", &[sentence]);
    }
    html.markup("</ul>\n");
}

/// Each section with how many there are.
fn contents(html: &mut Html, status: &Status) {
    html.markup("<nav aria-label=\"Contents\">\n");
    let entry = |html: &mut Html, markup, count: &dyn std::fmt::Display| {
        html.put(markup, &[count]);
    };
    entry(html, "<a href=\"#rules\"><b>{}</b> rules</a>\n", &status.rules.len());
    let refusals = status.refusals.len();
    entry(html, "<a href=\"#refusals\"><b>{}</b> last refusals</a>\n", &refusals);
    entry(html, "<a href=\"#issuers\"><b>{}</b> issuers</a>\n", &status.issuers.len());
    let accounts = status.service_accounts.len();
    entry(html, "<a href=\"#accounts\"><b>{}</b> service accounts</a>\n", &accounts);
    let tokens = status.access_tokens_cached;
    entry(html, "<a href=\"#identities\"><b>{}</b> access tokens</a>\n", &tokens);
    entry(html, "<a href=\"#stand-ins\"><b>{}</b> stand-ins</a>\n", &status.stand_ins_live);
    html.markup("</nav>\n");
}
