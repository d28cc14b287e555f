//! The last refusals, each with what its token lacked.

use std::fmt::Display;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::markup::Html;
use super::span::Span;
use crate::admin::status::{Moment, Refusal};
use crate::limits;

pub(super) fn put(html: &mut Html, refusals: &[Refusal], now: Moment) {
    html.markup("<section id=\"refusals\">\n<h2>Last refusals</h2>\n");
    if refusals.is_empty() {
        html.markup("<p class=\"none\">Nobody was refused since the start.</p>\n");
    } else {
        let (first, more) = refusals.split_at(refusals.len().min(FIRST));
        cards(html, first, now);
        if !more.is_empty() {
            html.put("<details><summary>{} more</summary>\n", &[&more.len()]);
            cards(html, more, now);
            html.markup("</details>\n");
        }
    }
    html.markup("</section>\n");
}

/// So many are seen at once; they must not push down what stands below.
const FIRST: usize = 6;

fn cards(html: &mut Html, refusals: &[Refusal], now: Moment) {
    html.markup("<ol class=\"cards refusals\">\n");
    for refusal in refusals {
        card(html, refusal, now);
    }
    html.markup("</ol>\n");
}

fn card(html: &mut Html, refusal: &Refusal, now: Moment) {
    html.put("<li><h3><code>{}</code></h3> ", &[&refusal.code]);
    let time: &dyn Display = &refusal.time;
    match humantime::parse_rfc3339(&refusal.time) {
        Ok(at) => {
            let ago = Span::of(Moment::of(at).until(now));
            html.put("<time class=\"count\" datetime=\"{}\">{} ago</time>\n", &[time, &ago]);
        }
        Err(_) => html.put("<span class=\"count\">{}</span>\n", &[time]),
    }
    html.put("<p><code>{} {}</code></p>\n", &[&refusal.method, &refusal.path]);
    html.markup("<dl>\n");
    let id = utf8_percent_encode(&refusal.request_id, NON_ALPHANUMERIC);
    html.put(
        "<dt>request</dt><dd><a href=\"/decisions/{}\"><code>{}</code></a></dd>\n",
        &[&id, &refusal.request_id],
    );
    html.put("<dt>from</dt><dd>{}</dd>\n", &[&refusal.peer]);
    let rows = [
        ("<dt>issuer</dt><dd><code>{}</code></dd>\n", &refusal.issuer),
        ("<dt>subject</dt><dd><code>{}</code></dd>\n", &refusal.subject),
        ("<dt>rule</dt><dd>{}</dd>\n", &refusal.rule),
        ("<dt>account</dt><dd>{}</dd>\n", &refusal.service_account),
        ("<dt>detail</dt><dd>{}</dd>\n", &refusal.detail),
    ];
    for (markup, text) in rows {
        if let Some(text) = text {
            html.put(markup, &[text]);
        }
    }
    html.markup("</dl>\n");
    misses(html, refusal);
    html.markup("</li>\n");
}

fn misses(html: &mut Html, refusal: &Refusal) {
    let missed = &refusal.missed;
    if missed.is_empty() {
        return;
    }
    html.markup("<table><thead><tr><th scope=\"col\">rule</th><th scope=\"col\">claim</th>");
    html.markup(
        "<th scope=\"col\">expected</th><th scope=\"col\">actual</th></tr></thead><tbody>\n",
    );
    for miss in missed.iter().take(limits::STATUS_MISSES) {
        html.put(
            "<tr><td data-label=\"rule\">{}</td><td data-label=\"claim\"><code>{}</code></td>\
             <td data-label=\"expected\"><code>{}</code></td>\
             <td data-label=\"actual\"><code class=\"missed\">{}</code></td></tr>\n",
            &[&miss.rule, &miss.claim, &miss.expected, &miss.actual],
        );
    }
    html.markup("</tbody></table>\n");
    let more = missed.len().saturating_sub(limits::STATUS_MISSES);
    if more > 0 {
        html.put("<p class=\"quiet\">and {} more rules that missed</p>\n", &[&more]);
    }
}
