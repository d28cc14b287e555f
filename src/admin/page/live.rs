//! Who is known at this moment.

use super::markup::Html;
use super::rules::grant;
use super::span::Span;
use crate::admin::status::{OwnStatus, Status};

pub(super) fn identities(html: &mut Html, status: &Status) {
    html.markup("<section id=\"identities\">\n<h2>Identities with an access token</h2>\n");
    if status.identities.is_empty() {
        html.markup("<p class=\"none\">None at this moment.</p>\n</section>\n");
        return;
    }
    newest(html, status.identities.len(), status.access_tokens_cached);
    html.markup("<table><thead><tr><th scope=\"col\">subject</th><th scope=\"col\">issuer</th>");
    html.markup("<th scope=\"col\">acts as</th><th scope=\"col\">access token</th></tr></thead>");
    html.markup("<tbody>\n");
    for identity in &status.identities {
        html.put(
            "<tr><td data-label=\"subject\"><code>{}</code></td><td data-label=\"issuer\">{}</td>\
             <td data-label=\"acts as\">{}</td><td data-label=\"access token\">{} left</td></tr>\n",
            &[
                &identity.subject,
                &identity.issuer,
                &identity.service_account,
                &Span::seconds(identity.access_token_seconds_left),
            ],
        );
    }
    html.markup("</tbody></table>\n</section>\n");
}

pub(super) fn stand_ins(html: &mut Html, status: &Status) {
    html.markup("<section id=\"stand-ins\">\n<h2>Live stand-ins</h2>\n");
    if status.stand_ins.is_empty() {
        html.markup("<p class=\"none\">None at this moment.</p>\n</section>\n");
        return;
    }
    newest(html, status.stand_ins.len(), status.stand_ins_live.try_into().unwrap_or(u64::MAX));
    html.markup("<table><thead><tr><th scope=\"col\">subject</th><th scope=\"col\">issuer</th>");
    html.markup("<th scope=\"col\">acts as</th><th scope=\"col\">rule</th>");
    html.markup("<th scope=\"col\">life</th></tr></thead><tbody>\n");
    for stand_in in &status.stand_ins {
        html.put(
            "<tr><td data-label=\"subject\"><code>{}</code></td><td data-label=\"issuer\">{}</td>\
             <td data-label=\"acts as\">{}</td><td data-label=\"rule\">{}</td>\
             <td data-label=\"life\">{} old, at most {} left</td></tr>\n",
            &[
                &stand_in.subject,
                &stand_in.issuer,
                &stand_in.service_account,
                &stand_in.rule.as_deref().unwrap_or_default(),
                &Span::seconds(stand_in.age_seconds),
                &Span::seconds(stand_in.seconds_left),
            ],
        );
    }
    html.markup("</tbody></table>\n</section>\n");
}

/// That not all are listed.
fn newest(html: &mut Html, listed: usize, all: u64) {
    if u64::try_from(listed).is_ok_and(|listed| listed < all) {
        html.put("<p class=\"quiet\">The newest {} of {}.</p>\n", &[&listed, &all]);
    }
}

/// The broker's own identity.
pub(super) fn own(html: &mut Html, own: Option<&OwnStatus>) {
    let Some(own) = own else { return };
    html.markup("<section id=\"own\">\n<h2>The broker itself</h2>\n<dl>\n");
    html.put("<dt>acts as</dt><dd><b>{}</b></dd>\n", &[&own.service_account]);
    match &own.platform {
        Some(platform) => html.put("<dt>token from</dt><dd>{}</dd>\n", &[platform]),
        None => html.markup("<dt>by</dt><dd>API key</dd>\n"),
    }
    if let Some(audience) = &own.audience {
        html.put("<dt>audience</dt><dd><code>{}</code></dd>\n", &[audience]);
    }
    match &own.token {
        Some(token) => {
            html.put("<dt>issuer</dt><dd><code>{}</code></dd>\n", &[&token.issuer]);
            html.put("<dt>subject</dt><dd><code>{}</code></dd>\n", &[&token.subject]);
            let left = Span::seconds(token.seconds_left);
            html.put(
                "<dt>token ends</dt><dd><time>{}</time>, {} left",
                &[&token.expires_at, &left],
            );
            html.markup(if token.can_renew { "</dd>\n" } else { "; it can't be renewed</dd>\n" });
        }
        None if own.platform.is_some() => {
            html.markup("<dt>token</dt><dd class=\"quiet\">none was needed yet</dd>\n");
        }
        None => {}
    }
    if let Some(error) = &own.error {
        html.put("<dt>because</dt><dd class=\"fault\">{}</dd>\n", &[error]);
    }
    grant(html, &own.grant);
    html.markup("</dl>\n</section>\n");
}
