//! What a broker must never send, whatever its callers do.
//!
//! Each rule yields a sentence for the test's report. Sentences name headers, never their values.

use super::credentials::{Carrier, query_pairs};
use super::record::Recorded;
use crate::jwt;

/// What the rules need to know about this server.
pub(super) struct Standards<'a> {
    /// Values of `Host` that mean this server.
    pub(super) authorities: &'a [String],
    /// Issuers whose tokens are workload credentials.
    pub(super) issuers: Vec<String>,
    /// Whether this is a key of this server.
    pub(super) knows_api_key: &'a dyn Fn(&str) -> bool,
    /// The request goes to the token endpoint.
    pub(super) is_exchange: bool,
    /// What may stand in `X-Forwarded-For`.
    pub(super) caller_address: Option<String>,
}

impl Standards<'_> {
    /// Every rule that the request breaks.
    pub(super) fn broken_by(&self, request: &Recorded) -> Vec<String> {
        let mut broken = Vec::new();
        self.check_credentials(&Carrier::all(request), &mut broken);
        check_query(request, &mut broken);
        self.check_host(request, &mut broken);
        check_framing(request, &mut broken);
        for (name, value) in &request.headers {
            let is_wanted =
                name == "x-forwarded-for" && Some(value) == self.caller_address.as_ref();
            broken.extend(objection(name, value).filter(|_| !is_wanted));
        }
        let line = format!("{} {}", request.method, request.path());
        broken.iter().map(|why| format!("{line}: {why}")).collect()
    }

    fn check_credentials(&self, carriers: &[Carrier], broken: &mut Vec<String>) {
        let names: Vec<_> = carriers.iter().map(Carrier::name).collect();
        if carriers.len() > 1 {
            broken.push(format!("several credentials at once ({})", names.join(", ")));
        }
        if self.is_exchange && !carriers.is_empty() {
            broken.push(format!("a credential comes with the exchange ({})", names.join(", ")));
        }
        if carriers.contains(&Carrier::Cookie) {
            broken.push("a cookie is sent".to_owned());
        }
        for carrier in carriers {
            let Some(secret) = carrier.secret() else {
                continue;
            };
            if self.is_workload_token(secret) {
                broken.push(format!("a workload's token is in {}", carrier.name()));
            }
            if secret.starts_with("API-") && !(self.knows_api_key)(secret) {
                broken.push(format!("an unknown API key is in {}", carrier.name()));
            }
        }
    }

    fn is_workload_token(&self, secret: &str) -> bool {
        jwt::Parts::read(secret)
            .and_then(|parts| parts.payload.get("iss")?.as_str().map(str::to_owned))
            .is_some_and(|issuer| self.issuers.contains(&issuer))
    }

    fn check_host(&self, request: &Recorded, broken: &mut Vec<String>) {
        match request.header_values("host").as_slice() {
            [host] if self.authorities.iter().any(|own| own.eq_ignore_ascii_case(host)) => {}
            [] => broken.push("there is no Host".to_owned()),
            [host] => broken.push(format!("the Host is foreign ({host})")),
            _ => broken.push("there are several Hosts".to_owned()),
        }
        if !request.target.starts_with('/') {
            broken.push("the target is not in origin form".to_owned());
        }
        if request.target.contains('#') {
            broken.push("the target has a fragment".to_owned());
        }
    }
}

fn check_query(request: &Recorded, broken: &mut Vec<String>) {
    for (name, _) in query_pairs(request) {
        let name = name.to_ascii_lowercase();
        if name == "access_token" || name == "id_token" {
            broken.push(format!("{name} is in the query"));
        }
    }
}

/// Two framings of one body are the door of request smuggling (RFC 9112, section 6.1).
fn check_framing(request: &Recorded, broken: &mut Vec<String>) {
    let lengths = request.header_values("content-length");
    let codings = request.header_values("transfer-encoding");
    if !lengths.is_empty() && !codings.is_empty() {
        broken.push("both Content-Length and Transfer-Encoding are sent".to_owned());
    }
    if lengths.len() > 1 {
        broken.push("there are several Content-Lengths".to_owned());
    }
    if !matches!(codings.as_slice(), [] | ["chunked"]) {
        broken.push("the Transfer-Encoding is not exactly chunked".to_owned());
    }
}

/// What is wrong with this one header, by itself.
fn objection(name: &str, value: &str) -> Option<String> {
    let hop_by_hop = || Some(format!("the hop-by-hop header {name} is passed on"));
    match name {
        "connection" => value
            .split(',')
            .map(|option| option.trim().to_ascii_lowercase())
            .any(|option| option != "keep-alive" && option != "close")
            .then(|| "Connection names other headers".to_owned()),
        "te" if value.eq_ignore_ascii_case("trailers") => None,
        "te" | "keep-alive" | "trailer" | "upgrade" => hop_by_hop(),
        "forwarded" | "octobroker-service-account" => Some(format!("{name} is passed on")),
        _ if name.starts_with("proxy-") => hop_by_hop(),
        _ if name.starts_with("x-forwarded-") => Some(format!("{name} is passed on")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::{Algorithm, SigningKey};

    fn broken(target: &str, headers: &[(&str, &str)]) -> Vec<String> {
        let authorities = ["octopus.test:80".to_owned()];
        let standards = Standards {
            authorities: &authorities,
            issuers: vec!["https://ci.test".to_owned()],
            knows_api_key: &|key| key == "API-KNOWN",
            is_exchange: target == "/token/v1",
            caller_address: None,
        };
        standards.broken_by(&Recorded {
            method: "GET".into(),
            target: target.into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Recorded::default()
        })
    }

    #[test]
    fn a_proper_request_breaks_no_rule() {
        for extra in [
            ("authorization", "Bearer opaque"),
            ("x-octopus-apikey", "API-KNOWN"),
            ("connection", "Keep-Alive"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("x-http-method-override", "PUT"),
        ] {
            let headers = [("host", "octopus.test:80"), extra];
            assert_eq!(broken("/api?skip=0", &headers), [""; 0], "{extra:?}");
        }
    }

    #[test]
    fn each_forbidden_header_breaks_a_rule() {
        for extra in [
            ("cookie", "a=b"),
            ("connection", "keep-alive, X-Secret"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic x"),
            ("proxy-connection", "close"),
            ("te", "gzip"),
            ("trailer", "X-Sum"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "gzip, chunked"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-host", "x"),
            ("forwarded", "for=10.0.0.1"),
            ("octobroker-service-account", "deployer"),
            ("x-octopus-apikey", "API-STOLEN"),
            ("authorization", "Bearer API-STOLEN"),
            ("host", "second"),
        ] {
            let headers = [("host", "octopus.test:80"), extra];
            assert_eq!(broken("/api", &headers).len(), 1, "{extra:?}");
        }
    }

    #[test]
    fn sees_two_carriers_two_framings_and_secrets_in_the_query() {
        let host = ("host", "octopus.test:80");
        let bearer = ("authorization", "Bearer opaque");
        let key = ("x-octopus-apikey", "API-KNOWN");

        assert_eq!(broken("/api", &[host, bearer, key]).len(), 1);
        assert_eq!(broken("/api?ApiKey=API-KNOWN", &[host, bearer]).len(), 1);
        assert_eq!(broken("/api?Access_Token=x", &[host]).len(), 1);
        assert_eq!(broken("/api?id_token=x", &[host]).len(), 1);
        assert_eq!(broken("/token/v1", &[host, bearer]).len(), 1);
        assert_eq!(broken("/api", &[]).len(), 1);
        assert_eq!(broken("/api", &[("host", "evil.test")]).len(), 1);
        assert_eq!(broken("http://octopus.test/api", &[host]).len(), 1);
        let framing = [host, ("content-length", "1"), ("transfer-encoding", "chunked")];
        assert_eq!(broken("/api", &framing).len(), 1);
    }

    #[test]
    fn knows_a_workload_token_by_its_issuer() {
        let key = SigningKey::shared(Algorithm::Es256);
        let token = jwt::encode(&json!({}), &json!({"iss": "https://ci.test"}), &key);
        let other = jwt::encode(&json!({}), &json!({"iss": "https://other.test"}), &key);
        let host = ("host", "octopus.test:80");

        let sent = format!("Bearer {token}");
        let complaints = broken("/api", &[host, ("authorization", &sent)]);
        assert_eq!(complaints, ["GET /api: a workload's token is in Authorization"]);
        let sent = format!("Bearer {other}");
        assert_eq!(broken("/api", &[host, ("authorization", &sent)]), [""; 0]);
    }
}
