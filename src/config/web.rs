//! URLs in a configuration.

use url::{Host, Url};

use super::problem::Problems;
use super::reader::{refuse, text};
use super::yaml::Node;

/// What may follow the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Query {
    /// The URL is a base, or a name that is compared.
    Refused,
    /// The URL is fetched as it is.
    Allowed,
}

/// A URL that may carry tokens or keys: https, or http to this very machine. As written, and
/// parsed.
///
/// No sentence shows the value: it may hold a password, which is one of the things refused.
pub(super) fn url<'a>(
    node: &'a Node,
    query: Query,
    problems: &mut Problems,
) -> Option<(&'a str, Url)> {
    let text = text(node, problems)?;
    match parse(text, query) {
        Ok(url) => Some((text, url)),
        Err(sentence) => {
            refuse(node, sentence, problems);
            None
        }
    }
}

/// The same, if the text is known already.
pub(super) fn parse(text: &str, query: Query) -> Result<Url, &'static str> {
    // The parser takes these out or mends them; what is compared must be what was written.
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err("a URL holds no space and no control character; remove it");
    }
    let url = Url::parse(text).map_err(|_| "is not a URL; write https://, host and path")?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err("must be https; http is for this machine only (localhost, 127.0.0.0/8, \
                        ::1)");
        }
        _ => return Err("must begin with https://"),
    }
    let behind_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    if behind_scheme.is_empty() || text.contains('\\') {
        return Err("is not a URL; write https://, host and path");
    }
    if matches!(url.host_str(), Some("https" | "http")) && url.path().starts_with("//") {
        return Err("begins with https:// twice; remove one");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or a password; remove what stands before the @");
    }
    if url.fragment().is_some() {
        return Err("must not hold a fragment; remove the # and what follows");
    }
    if query == Query::Refused && url.query().is_some() {
        return Err("must not hold a query; remove the ? and what follows");
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_or_local_urls_pass() {
        let rows = [
            ("https://acme.octopus.app", None),
            ("https://acme.example:8443/octopus/", None),
            ("http://localhost:8080", None),
            ("http://127.1.2.3:8080/x", None),
            ("http://[::1]", None),
            ("http://acme.example", Some("must be https")),
            ("http://localhost.evil.example", Some("must be https")),
            ("http://127.0.0.1.evil.example", Some("must be https")),
            ("http://10.0.0.1", Some("must be https")),
            ("http://[::ffff:10.0.0.1]", Some("must be https")),
            ("ftp://acme.example", Some("must begin with https://")),
            ("file:///etc/passwd", Some("must begin with https://")),
            ("localhost:8080", Some("must begin with https://")),
            ("acme.example", Some("is not a URL")),
            ("https:acme.example", Some("is not a URL")),
            ("https:\\\\acme.example", Some("is not a URL")),
            ("https://acme.example\\x", Some("is not a URL")),
            ("https://", Some("is not a URL")),
            ("https://https://acme.example", Some("twice; remove one")),
            (" https://acme.example", Some("no space")),
            ("https://acme\t.example", Some("no space")),
            ("https://acme.example/\u{a0}", Some("no space")),
            ("https://u@acme.example", Some("user name")),
            ("https://u:p@acme.example", Some("user name")),
            ("https://:p@acme.example", Some("user name")),
            ("https://acme.example/#", Some("fragment")),
            ("https://acme.example/?", Some("query")),
        ];
        for (text, expected) in rows {
            let outcome = parse(text, Query::Refused).err();
            match expected {
                None => assert_eq!(outcome, None, "{text}"),
                Some(phrase) => assert!(outcome.unwrap().contains(phrase), "{text}: {outcome:?}"),
            }
        }
        assert!(parse("https://acme.example/keys?v=1", Query::Allowed).is_ok());
    }
}
