//! The carriers of credentials on a request, and whom they authenticate.

use super::record::Recorded;

/// One credential with the carrier that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// `Authorization: Bearer`
    Bearer(String),
    /// `Authorization` of another scheme.
    OtherAuthorization,
    /// `X-Octopus-ApiKey`, also when it is empty.
    ApiKeyHeader(String),
    /// `X-NuGet-ApiKey`
    NuGetHeader(String),
    /// `?apikey=` in any case
    Query(String),
    /// Cookies, whatever they hold.
    Cookie,
}

impl Carrier {
    /// Every carrier on the request; a repeated header is two.
    pub(super) fn all(request: &Recorded) -> Vec<Self> {
        let mut found: Vec<_> = request
            .headers
            .iter()
            .filter_map(|(name, value)| match name.as_str() {
                "authorization" => Some(authorization(value)),
                "x-octopus-apikey" => Some(Self::ApiKeyHeader(value.clone())),
                "x-nuget-apikey" => Some(Self::NuGetHeader(value.clone())),
                "cookie" => Some(Self::Cookie),
                _ => None,
            })
            .collect();
        found.extend(
            query_pairs(request)
                .filter(|(name, _)| name.eq_ignore_ascii_case("apikey"))
                .map(|(_, value)| Self::Query(value)),
        );
        found
    }

    /// The name of the carrier, for complaints.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bearer(_) | Self::OtherAuthorization => "Authorization",
            Self::ApiKeyHeader(_) => "X-Octopus-ApiKey",
            Self::NuGetHeader(_) => "X-NuGet-ApiKey",
            Self::Query(_) => "query apikey",
            Self::Cookie => "Cookie",
        }
    }

    /// The secret in it.
    pub(super) fn secret(&self) -> Option<&str> {
        match self {
            Self::Bearer(secret)
            | Self::ApiKeyHeader(secret)
            | Self::NuGetHeader(secret)
            | Self::Query(secret) => Some(secret),
            Self::OtherAuthorization | Self::Cookie => None,
        }
    }
}

fn authorization(value: &str) -> Carrier {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Carrier::Bearer(token.trim().to_owned())
        }
        _ => Carrier::OtherAuthorization,
    }
}

/// Names and values of the query, decoded.
pub(super) fn query_pairs(request: &Recorded) -> impl Iterator<Item = (String, String)> {
    form_pairs(request.query().unwrap_or_default())
}

/// Names and values of `application/x-www-form-urlencoded` text, decoded.
pub(super) fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (percent_decoded(name), percent_decoded(value)))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => escaped(&mut bytes).unwrap_or(b'%'),
            other => other,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The byte of two hexadecimal digits; reads nothing when they are not there.
fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let mut ahead = bytes.clone();
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let value = digit(ahead.next())? * 16 + digit(ahead.next())?;
    *bytes = ahead;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_carrier_in_any_case() {
        let request = Recorded {
            target: "/api?skip=0&%41pIkEy=API-%58".into(),
            headers: [
                ("authorization", "bearer abc"),
                ("authorization", "Basic abc"),
                ("x-octopus-apikey", ""),
                ("x-nuget-apikey", "API-N"),
                ("cookie", "a=b"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            ..Recorded::default()
        };

        assert_eq!(
            Carrier::all(&request),
            [
                Carrier::Bearer("abc".into()),
                Carrier::OtherAuthorization,
                Carrier::ApiKeyHeader(String::new()),
                Carrier::NuGetHeader("API-N".into()),
                Carrier::Cookie,
                Carrier::Query("API-X".into()),
            ]
        );
    }

    #[test]
    fn decodes_forms() {
        let pairs: Vec<_> = form_pairs("a=b+c&d=%2Fe%&f").collect();

        let expected = [("a", "b c"), ("d", "/e%"), ("f", "")];
        assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }
}
