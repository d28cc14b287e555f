//! What the configuration names: issuers, service accounts, and the configuration itself.

use std::fmt::Display;

use super::markup::Html;
use super::span::Span;
use crate::admin::status::{AccountStatus, IssuerStatus, Status};

pub(super) fn issuers(html: &mut Html, issuers: &[IssuerStatus]) {
    html.markup("<section id=\"issuers\">\n<h2>Issuers</h2>\n");
    if issuers.is_empty() {
        html.markup("<p class=\"none\">None: no ID token is believed.</p>\n</section>\n");
        return;
    }
    html.markup("<table><thead><tr><th scope=\"col\">issuer</th><th scope=\"col\">tokens of</th>");
    html.markup("<th scope=\"col\">keys</th><th scope=\"col\">read</th></tr></thead><tbody>\n");
    for issuer in issuers {
        html.put(
            "<tr><th scope=\"row\">{}<small>{}</small></th>",
            &[&issuer.name, &issuer.provider],
        );
        html.put("<td data-label=\"tokens of\"><code>{}</code></td>", &[&issuer.url]);
        html.put("<td data-label=\"keys\">{}</td><td data-label=\"read\">", &[&issuer.keys]);
        match issuer.keys_age_seconds {
            Some(age) => html.put("{} ago", &[&Span::seconds(age)]),
            None => html.markup("never"),
        }
        if let Some(error) = &issuer.error {
            html.put("<p class=\"fault\">{}</p>", &[error]);
        }
        html.markup("</td></tr>\n");
    }
    html.markup("</tbody></table>\n</section>\n");
}

pub(super) fn accounts(html: &mut Html, accounts: &[AccountStatus]) {
    html.markup("<section id=\"accounts\">\n<h2>Service accounts</h2>\n<table><thead><tr>");
    html.markup("<th scope=\"col\">account</th><th scope=\"col\">by</th>");
    html.markup("<th scope=\"col\">Octopus's rate limit</th></tr></thead><tbody>\n");
    for account in accounts {
        html.put("<tr><th scope=\"row\">{}", &[&account.name]);
        if account.is_agent {
            html.markup(" <span class=\"chip\">agent</span>");
        }
        if let Some(id) = &account.id {
            html.put("<small><code>{}</code></small>", &[id]);
        }
        html.markup(if account.has_api_key {
            "</th><td data-label=\"by\">API key</td><td data-label=\"rate limit\">"
        } else {
            "</th><td data-label=\"by\">token exchange</td><td data-label=\"rate limit\">"
        });
        budget(html, account);
        html.markup("</td></tr>\n");
    }
    html.markup("</tbody></table>\n</section>\n");
}

/// A bar, and what it says in words.
fn budget(html: &mut Html, account: &AccountStatus) {
    let Some(budget) = &account.rate_budget else {
        html.markup("<span class=\"quiet\">none was told of</span>");
        return;
    };
    // The bar turns when a quarter is left, and again when next to nothing is.
    let (low, high) = (budget.limit / 20, budget.limit / 4);
    let numbers: [&dyn Display; 5] = [&budget.limit, &low, &high, &budget.limit, &budget.remaining];
    html.put(
        "<meter min=\"0\" max=\"{}\" low=\"{}\" high=\"{}\" optimum=\"{}\" value=\"{}\"></meter> ",
        &numbers,
    );
    html.put("{} of {} left, {} a minute", &[&budget.remaining, &budget.limit, &budget.per_minute]);
    if budget.waiting > 0 {
        html.put("<p class=\"fault\">requests that wait: {}</p>", &[&budget.waiting]);
    }
}

pub(super) fn config(html: &mut Html, status: &Status) {
    let config = &status.config;
    html.markup("<section id=\"config\">\n<h2>Configuration</h2>\n<dl>\n");
    html.put("<dt>generation</dt><dd>{}</dd>\n", &[&config.generation]);
    html.put("<dt>digest</dt><dd><code>{}</code></dd>\n", &[&config.digest]);
    let age = Span::of(config.loaded_at.until(status.now));
    html.put("<dt>in use since</dt><dd><time>{}</time>, {}</dd>\n", &[&config.loaded_at, &age]);
    if let Some(last) = &config.last_reload {
        html.put("<dt>last reload</dt><dd><time>{}</time>: ", &[&last.at]);
        html.markup(if last.is_successful { "taken" } else { "refused, the one before serves" });
        html.markup("</dd>\n");
        if !last.is_successful {
            html.markup("<dt>because</dt><dd><ul>");
            for problem in &last.problems {
                html.put("<li class=\"fault\">{}</li>", &[problem]);
            }
            html.markup("</ul></dd>\n");
        }
    }
    html.put("<dt>started</dt><dd><time>{}</time></dd>\n", &[&status.started_at]);
    html.put("<dt>checked tokens</dt><dd>{} remembered</dd>\n", &[&status.verified_tokens_cached]);
    html.markup("</dl>\n</section>\n");
}
