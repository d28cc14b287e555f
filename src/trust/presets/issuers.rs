//! The `iss` of a provider's tokens: fixed, or of a known shape.

/// Which issuers a provider has.
#[derive(Debug)]
pub struct IssuerUrls {
    /// The URL if the operator writes none.
    pub fixed: Option<&'static str>,
    /// The URLs that the operator may write; the first that fits counts.
    pub shapes: &'static [Shape],
    /// What to write for `url:`; ends the sentence "`url` is missing; …" and others.
    pub advice: &'static str,
}

/// URLs of one form.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Text, with `{name}` for a part without `/` (in a host that has other text: without `.`,
    /// too), `{guid}` for one that is a GUID; or `*` for any URL.
    pub text: &'static str,
    /// Whose tokens it signs.
    pub tenancy: Tenancy,
}

/// Whose tokens an issuer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// One customer's: the issuer itself says whose token it is.
    Single,
    /// Every customer's: only a claim says whose token it is.
    Shared,
}

/// Any URL: what the customer runs, wherever that is.
pub(super) const ANY: &str = "*";

impl IssuerUrls {
    /// Whose tokens the issuer signs; `None` if it is none of this provider's.
    pub fn tenancy(&self, url: &str) -> Option<Tenancy> {
        // Beside its known issuers a vendor's host has none, not even where any host may have one.
        let is_vendors = self.is_vendors(url);
        let counts = |shape: &&Shape| !is_vendors || shape.has_vendors_host(url);
        let shape = self.shapes.iter().filter(counts).find(|shape| shape.fits(url));
        shape.map(|shape| shape.tenancy)
    }

    /// True if it is one of this provider's issuers.
    pub fn fits(&self, url: &str) -> bool {
        self.tenancy(url).is_some()
    }

    /// True if a vendor runs it, and the host alone tells.
    pub fn is_vendors(&self, url: &str) -> bool {
        self.shapes.iter().any(|shape| shape.has_vendors_host(url))
    }
}

impl Shape {
    /// Of one customer.
    pub(super) const fn single(text: &'static str) -> Self {
        Self { text, tenancy: Tenancy::Single }
    }

    /// Of all customers.
    pub(super) const fn shared(text: &'static str) -> Self {
        Self { text, tenancy: Tenancy::Shared }
    }

    fn fits(&self, url: &str) -> bool {
        if self.text == ANY {
            return true;
        }
        let (host, path) = split(self.text);
        let (found_host, found_path) = split(url);
        host_fits(host, found_host)
            && path.matches('/').count() == found_path.matches('/').count()
            && path.split('/').zip(found_path.split('/')).all(part_fits)
    }

    fn has_vendors_host(&self, url: &str) -> bool {
        let (host, _) = split(self.text);
        self.text != ANY && host != HOST && host_fits(host, split(url).0)
    }
}

/// A host of the customer.
const HOST: &str = "{host}";

/// Host and path; the host of what is no https URL fits nothing.
fn split(url: &str) -> (&str, &str) {
    let Some(rest) = url.strip_prefix("https://") else {
        return ("", url);
    };
    rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""))
}

fn host_fits(wanted: &str, found: &str) -> bool {
    if wanted == HOST {
        return !found.is_empty();
    }
    wanted.matches('.').count() == found.matches('.').count()
        && wanted.split('.').zip(found.split('.')).all(part_fits)
}

fn part_fits((wanted, found): (&str, &str)) -> bool {
    match wanted {
        "{guid}" => is_guid(found),
        name if name.starts_with('{') => !found.is_empty(),
        text => text == found,
    }
}

/// In lower case, as issuers write it.
fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || is_hex(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_fits_part_by_part() {
        let rows = [
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example/", false),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example.evil.example", false),
            ("https://a.example/{slug}", "https://a.example/acme", true),
            ("https://a.example/{slug}", "https://a.example/", false),
            ("https://a.example/{slug}", "https://a.example/acme/x", false),
            ("https://a.{sub}.example", "https://a.acme.example", true),
            ("https://a.{sub}.example", "https://a.x.acme.example", false),
            (
                "https://{host}/_services/token",
                "https://git.acme.example:8443/_services/token",
                true,
            ),
            ("https://{host}/_services/token", "https://git.acme.example/x/_services/token", false),
            ("https://{host}/_services/token", "https:///_services/token", false),
            ("https://a.example/{guid}/v2", "https://a.example/common/v2", false),
            (
                "https://a.example/{guid}/v2",
                "https://a.example/8d3f6c1e-2b4a-4f7d-9c0e-1a2b3c4d5e6f/v2",
                true,
            ),
            (ANY, "https://anything.example/at/all", true),
        ];
        for (text, url, expected) in rows {
            assert_eq!(Shape::single(text).fits(url), expected, "{text} {url}");
        }
    }
}
