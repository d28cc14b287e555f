//! `--octopus`: what stands in Octopus for the token, asked as an administrator. The token itself stays
//! here.

use super::ExplainFlags;
use super::report::Explanation;
use crate::cli::administration::{IdentityFit, failed};
use crate::cli::{Environment, Exit, complain};
use crate::config::Config;
use crate::identity::{Inspection, Json};
use crate::provision::{Administrator, Presented, WantedAccount};

/// Whom to ask, and about whom.
pub(super) struct Octopus {
    administrator: Administrator,
    accounts: Vec<WantedAccount>,
}

impl Octopus {
    /// `None` if it is not to be asked.
    pub(super) fn of(
        flags: &ExplainFlags,
        config: &Config,
        environment: Environment<'_>,
    ) -> Result<Option<Self>, Exit> {
        if !flags.octopus {
            return Ok(None);
        }
        let upstream = config.upstream.clone();
        let administrator = flags.credential.administrator(upstream, environment)?;
        Ok(Some(Self { administrator, accounts: config.octopus_side.clone() }))
    }

    /// Puts what it finds into the explanation; how the command ends if the broker takes the token.
    pub(super) async fn ask(&self, explanation: &mut Explanation, inspection: &Inspection) -> Exit {
        let Some(side) = &mut explanation.octopus else {
            complain("octobroker: Octopus was not asked: no rule says for which service account");
            return Exit::Ok;
        };
        let wanted = self.accounts.iter().find(|account| account.name == side.service_account);
        let Some(wanted) = wanted.filter(|_| side.needs_identity) else { return Exit::Ok };
        let audiences = inspection.payload.as_ref().map(audiences).unwrap_or_default();
        let token =
            Presented { issuer: &side.issuer, subject: &side.exact_subject, audiences: &audiences };
        match IdentityFit::ask(&self.administrator, wanted, token).await {
            Ok(fit) => {
                let exit = if fit.lets_in() { Exit::Ok } else { Exit::Refused };
                side.found = Some(fit);
                exit
            }
            Err(error) => failed(&error),
        }
    }
}

/// One text, or several.
fn audiences(payload: &Json) -> Vec<String> {
    let Json::Object(members) = payload else { return Vec::new() };
    match members.get("aud") {
        Some(Json::String(one)) => vec![one.as_str().to_owned()],
        Some(Json::Array(several)) => {
            several.iter().filter_map(Json::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
