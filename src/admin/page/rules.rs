//! Who may do what.

use super::markup::Html;
use crate::admin::status::{GrantStatus, RuleStatus};

pub(super) fn put(html: &mut Html, rules: &[RuleStatus]) {
    html.markup("<section id=\"rules\">\n<h2>Who may do what</h2>\n");
    if rules.is_empty() {
        html.markup("<p class=\"none\">There are no rules: no ID token is let through.</p>\n");
    } else {
        html.markup("<p class=\"quiet\">The first rule that matches decides.</p>\n");
        html.markup("<ol class=\"cards\">\n");
        for rule in rules {
            card(html, rule);
        }
        html.markup("</ol>\n");
    }
    html.markup("</section>\n");
}

fn card(html: &mut Html, rule: &RuleStatus) {
    html.put("<li><h3>{}</h3> ", &[&rule.name]);
    match rule.matched {
        0 => html.markup("<span class=\"count quiet\">never matched</span>\n"),
        1 => html.markup("<span class=\"count\">matched once</span>\n"),
        count => html.put("<span class=\"count\">matched {} times</span>\n", &[&count]),
    }
    html.put(
        "<p>A token of <b>{}</b> for <code>{}</code> acts as <b>{}</b></p>\n",
        &[&rule.issuer, &rule.audience, &rule.service_account],
    );
    html.markup("<dl>\n<dt>if</dt><dd><ul>");
    for condition in &rule.conditions {
        let texts: [&dyn std::fmt::Display; 2] = [&condition.claim, &condition.expected];
        html.put("<li><code>{}</code> is <code>{}</code></li>", &texts);
    }
    html.markup("</ul></dd>\n");
    grant(html, &rule.grant);
    html.markup("</dl></li>\n");
}

/// What may be done, and where, in rows of a list of descriptions.
pub(super) fn grant(html: &mut Html, grant: &GrantStatus) {
    html.markup("<dt>may</dt><dd>");
    for allowed in &grant.allow {
        html.put("<span class=\"chip\">{}</span> ", &[allowed]);
    }
    html.markup("</dd>\n");
    let GrantStatus { spaces, projects, environments, .. } = grant;
    let rows = [
        ("<dt>in spaces</dt><dd>", spaces),
        ("<dt>of projects</dt><dd>", projects),
        ("<dt>in environments</dt><dd>", environments),
    ];
    for (markup, names) in rows {
        let Some(names) = names else { continue };
        html.markup(markup);
        for name in names {
            html.put("<span class=\"chip\">{}</span> ", &[name]);
        }
        html.markup("</dd>\n");
    }
}
