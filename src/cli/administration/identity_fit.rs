//! What Octopus has, asked as an administrator, for a token that it may refuse: which OIDC identity of
//! the service account should let it in, and the one string that differs.

use serde::Serialize;

use crate::provision::{
    Administrator, AdministratorError, Difference, Fit, FoundAccount, Presented, WantedAccount,
};
use crate::telemetry::escaped;

/// How the identities of a service account take a token.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct IdentityFit {
    /// The name of the account in Octopus; `None` if there is none of this id.
    pub(in crate::cli) username: Option<String>,
    /// Whether Octopus would let the token in, as far as identities go.
    pub(in crate::cli) matches: bool,
    /// Whether it is no switched-off account.
    is_active: bool,
    /// The identity that lets it in, or that comes nearest.
    identity: Option<Named>,
    /// What differs of the nearest.
    differences: Vec<Line>,
    /// The same for people.
    pub(in crate::cli) summary: String,
}

/// An identity.
#[derive(Debug, Serialize)]
struct Named {
    id: String,
    name: String,
}

/// A string that differs.
#[derive(Debug, Serialize)]
struct Line {
    field: &'static str,
    in_octopus: String,
    in_token: String,
    hint: Option<&'static str>,
}

impl IdentityFit {
    /// Asks Octopus. Only the account is read.
    pub(in crate::cli) async fn ask(
        administrator: &Administrator,
        wanted: &WantedAccount,
        token: Presented<'_>,
    ) -> Result<Self, AdministratorError> {
        let account = FoundAccount::find(administrator, wanted).await?;
        Ok(Self::of(account.as_ref(), wanted, token))
    }

    fn of(account: Option<&FoundAccount>, wanted: &WantedAccount, token: Presented<'_>) -> Self {
        let Some(account) = account else {
            let id = wanted.id.as_deref().unwrap_or_default();
            return Self {
                username: None,
                matches: false,
                is_active: false,
                identity: None,
                differences: Vec::new(),
                summary: format!("Octopus has no service account with the id {id}: correct `id`."),
            };
        };
        let username = escaped(&account.user.username);
        let (identity, differences, summary) = match Fit::of(account, token) {
            Fit::NoIdentity => {
                let sentence = format!(
                    "{username} has no OIDC identity in Octopus: make this one, or have `octobroker \
                     apply` make it."
                );
                (None, Vec::new(), sentence)
            }
            Fit::Matches(identity) => {
                let name = escaped(&identity.name);
                let sentence = format!(
                    "The OIDC identity \"{name}\" ({}) of {username} matches the token.",
                    escaped(&identity.id)
                );
                (Some(identity), Vec::new(), sentence)
            }
            Fit::Differs { nearest, differences } => {
                let told: Vec<String> = differences.iter().map(told).collect();
                let sentence = format!(
                    "The OIDC identity \"{}\" ({}) of {username} should match, and does not: {}.",
                    escaped(&nearest.name),
                    escaped(&nearest.id),
                    told.join("; ")
                );
                (Some(nearest), differences, sentence)
            }
        };
        let off =
            if account.user.is_active { "" } else { " The account is switched off in Octopus." };
        Self {
            username: Some(account.user.username.clone()),
            matches: identity.is_some() && differences.is_empty(),
            is_active: account.user.is_active,
            identity: identity.map(|identity| Named { id: identity.id, name: identity.name }),
            differences: differences.into_iter().map(Line::of).collect(),
            summary: format!("{summary}{off}"),
        }
    }

    /// Whether Octopus lets the token in.
    pub(in crate::cli) fn lets_in(&self) -> bool {
        self.matches && self.is_active
    }
}

impl Line {
    fn of(difference: Difference) -> Self {
        let Difference { field, expected, presented, hint } = difference;
        Self { field, in_octopus: expected, in_token: presented, hint }
    }
}

/// A difference in a clause.
fn told(difference: &Difference) -> String {
    let Difference { field, expected, presented, hint } = difference;
    let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!(
        "its {field} is \"{}\", and the token's is \"{}\"{hint}",
        escaped(expected),
        escaped(presented)
    )
}
