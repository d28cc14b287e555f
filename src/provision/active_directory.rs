//! The external login of a service account in Active Directory: by it, membership in groups there
//! decides its teams here.

use serde_json::{Map, Value, json};

/// Octopus's name for the provider.
const PROVIDER: &str = "Active Directory";

/// Who the account is in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveDirectory {
    /// `CORP\svc-release`
    pub sam: String,
    /// `svc-release@corp.example`
    pub upn: Option<String>,
    /// Its address of mail.
    pub email: Option<String>,
}

impl ActiveDirectory {
    /// Who a login says that an account is; `None` if it is of another provider.
    pub fn of_login(login: &Value) -> Option<Self> {
        let is_ours = login.get("IdentityProviderName").and_then(Value::as_str) == Some(PROVIDER);
        let claim = |name| value(login, name).filter(|value| !value.is_empty()).map(str::to_owned);
        let sam = claim("sam").filter(|_| is_ours)?;
        Some(Self { sam, upn: claim("upn"), email: claim("email") })
    }

    /// As Octopus writes an external login; `display_name` is what people see.
    pub fn login(&self, display_name: &str) -> Value {
        let mut claims = Map::new();
        for (name, value) in self.claims() {
            claims.insert(name.to_owned(), json!({ "Value": value, "IsIdentifyingClaim": true }));
        }
        let shown = json!({ "Value": display_name, "IsIdentifyingClaim": false });
        claims.insert("dn".to_owned(), shown);
        json!({ "IdentityProviderName": PROVIDER, "Claims": claims })
    }

    /// Whether a login is this account's in the directory, whatever else it says. The directory does
    /// not know case.
    pub fn is_of(&self, login: &Value) -> bool {
        login.get("IdentityProviderName").and_then(Value::as_str) == Some(PROVIDER)
            && value(login, "sam").is_some_and(|sam| sam.eq_ignore_ascii_case(&self.sam))
    }

    /// Whether a login says all that this does.
    pub fn is_said_by(&self, login: &Value) -> bool {
        let is_said = |(name, wanted): (&str, &str)| {
            value(login, name).is_some_and(|said| said.eq_ignore_ascii_case(wanted))
        };
        self.is_of(login) && self.claims().all(is_said)
    }

    /// What identifies it, by the names of Octopus and of the configuration.
    pub fn claims(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let upn = self.upn.as_deref().map(|upn| ("upn", upn));
        let email = self.email.as_deref().map(|email| ("email", email));
        [("sam", self.sam.as_str())].into_iter().chain(upn).chain(email)
    }
}

/// The value of a claim of a login.
fn value<'a>(login: &'a Value, claim: &str) -> Option<&'a str> {
    login.get("Claims")?.get(claim)?.get("Value")?.as_str()
}
