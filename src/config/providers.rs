//! `provider:` of an issuer, and the `url:` that goes with it.

use url::Url;

use super::lints::{ISS1, ISS3, Lint};
use super::nearest::suggestion;
use super::problem::Problems;
use super::reader::{Section, refuse, refuse_for, scalar, shown, text};
use super::web::{self, Query};
use super::yaml::{Node, Place};
use crate::http_client::is_loopback;
use crate::identity::{KeySource, TokenKind};
use crate::trust::presets::{self, Preset};

/// The provider; `None` if that was reported.
pub(super) fn preset(section: &Section<'_>, problems: &mut Problems) -> Option<&'static Preset> {
    let advice = "write whose tokens it signs, such as `provider: github-actions`, or `provider: \
                  custom`";
    let node = section.required("provider", advice, problems)?;
    let written = scalar(node, problems)?;
    let found = presets::find(&written.text);
    if found.is_none() {
        let names = presets::ALL.iter().map(|preset| preset.name);
        let list: Vec<&str> = names.clone().collect();
        let near = suggestion(&written.text, names);
        let sentence = format!(
            "{} is not known{near}; known are {}; for another write `provider: custom` with `url:` \
             and `algorithms:`",
            shown(written),
            list.join(", ")
        );
        refuse(node, sentence, problems);
    }
    found
}

/// How an issuer's tokens name it.
pub(super) struct IssuerName<'a> {
    /// Compared byte for byte: the `iss`; of SPIFFE `spiffe://` and the trust domain.
    pub(super) text: String,
    /// Where its discovery document is, if that is known.
    pub(super) discovery: Option<KeySource>,
    /// Where it is written, or would be.
    pub(super) place: &'a Place,
}

/// The URL that the operator wrote, or the provider's own; of SPIFFE the trust domain.
pub(super) fn name<'a>(
    section: &Section<'a>,
    preset: &'static Preset,
    place: &'a Place,
    problems: &mut Problems,
) -> Option<IssuerName<'a>> {
    let trust_domain = section.value("trust_domain");
    match (preset.kind, trust_domain) {
        (TokenKind::JwtSvid, _) => {
            let domain = section.required("trust_domain", "such as acme.example", problems)?;
            let text = format!("spiffe://{}", trust_domain_name(domain, problems)?);
            let discovery = match section.value("url") {
                None => None,
                Some(node) => {
                    let (text, parsed) = issuer_url(node, problems)?;
                    Some(discovery(text, &parsed))
                }
            };
            Some(IssuerName { text, discovery, place: &domain.place })
        }
        (TokenKind::IdToken, Some(node)) => {
            let sentence = "is for `provider: spiffe` alone; write `url:`, or leave it out";
            problems.add(&node.place, sentence);
            None
        }
        (TokenKind::IdToken, None) => {
            let (text, parsed, place) = url(section, preset, place, problems)?;
            let discovery = Some(discovery(text, &parsed));
            Some(IssuerName { text: text.to_owned(), discovery, place })
        }
    }
}

fn url<'a>(
    section: &Section<'a>,
    preset: &'static Preset,
    place: &'a Place,
    problems: &mut Problems,
) -> Option<(&'a str, Url, &'a Place)> {
    let node = match (section.value("url"), preset.urls.fixed) {
        (None, Some(fixed)) => {
            return Some((fixed, web::parse(fixed, Query::Refused).ok()?, place));
        }
        _ => section.required("url", preset.urls.advice, problems)?,
    };
    let (text, parsed) = issuer_url(node, problems)?;
    if let Some((lint, fault)) = fault(text, &parsed, preset) {
        refuse_for(lint, node, fault, problems);
        return None;
    }
    Some((text, parsed, &node.place))
}

/// SPIFFE ID 2.1: lower case, digits, `.`, `-` and `_`.
fn trust_domain_name<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a str> {
    let text = text(node, problems)?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    if text.chars().all(is_plain) {
        return Some(text);
    }
    let sentence = "is no trust domain: write its name alone, such as acme.example, in lower case \
                    and without spiffe://";
    refuse(node, sentence, problems);
    None
}

/// OpenID Connect Discovery 1.0 §4: a slash at the end of the issuer is not doubled.
fn discovery(issuer: &str, parsed: &Url) -> KeySource {
    let mut document = parsed.clone();
    let path = parsed.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    document.set_path(&format!("{path}/.well-known/openid-configuration"));
    KeySource::Discovery { document, issuer: issuer.to_owned() }
}

/// An issuer's URL is a name: the `iss` of each token is compared with it byte for byte, so it is
/// kept as written, a slash at its end included.
fn issuer_url<'a>(node: &'a Node, problems: &mut Problems) -> Option<(&'a str, Url)> {
    let text = text(node, problems)?;
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let has_upper_case = |part: &str| part.contains(|c: char| c.is_ascii_uppercase());
    let fault = if has_upper_case(scheme) || has_upper_case(host) {
        "must have scheme and host in lower case: the `iss` of a token is compared byte for byte; \
         write it as the tokens do"
    } else if text.contains('*') {
        "is a name and no pattern: each issuer is written out; replace the *"
    } else {
        match web::parse(text, Query::Refused) {
            Ok(url) => return Some((text, url)),
            Err(fault) => fault,
        }
    };
    refuse_for(&ISS1, node, fault, problems);
    None
}

/// Why a URL is none of the provider's. On this very machine anything may stand in for it.
fn fault(text: &str, parsed: &Url, preset: &'static Preset) -> Option<(&'static Lint, String)> {
    if is_loopback(parsed) || (preset.urls.is_vendors(text) && preset.urls.fits(text)) {
        return None;
    }
    if let Some(vendor) = presets::vendor_of(text)
        && vendor.name != preset.name
        // A host may be that of two providers, as Entra's is.
        && !preset.urls.is_vendors(text)
    {
        let sentence = format!(
            "is an issuer of {}; write `provider: {}`, which knows what its tokens prove",
            vendor.title, vendor.name
        );
        return Some((&ISS3, sentence));
    }
    let slashless = text.trim_end_matches('/');
    let slashed = format!("{slashless}/");
    let sentence = if preset.urls.fits(text) {
        return None;
    } else if preset.urls.fits(slashless) {
        format!("has a slash at its end that the `iss` of {} has not; remove it", preset.title)
    } else if preset.urls.fits(&slashed) {
        format!("lacks the slash at its end that the `iss` of {} has; add it", preset.title)
    } else {
        format!("is no issuer of {}; {}", preset.title, preset.urls.advice)
    };
    Some((&ISS1, sentence))
}
