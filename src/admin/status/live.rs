//! Who is known at this moment: identities with an access token, stand-ins, the broker itself.

use serde::Serialize;

use super::cut;
use super::moment::Moment;
use super::rules::GrantStatus;
use crate::ambient::AmbientIdentity;
use crate::broker::{Broker, Holding, OwnIdentity, StandInHolding};
use crate::limits;
use crate::octopus::ServiceAccount;
use crate::telemetry::error_chain;

/// One for whom an access token is at hand.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct IdentityStatus {
    /// The name of the issuer, or the `iss` of who is no configured issuer's: the broker itself.
    pub(in crate::admin) issuer: String,
    pub(in crate::admin) subject: String,
    pub(in crate::admin) audience: String,
    /// By its name, if it has one.
    pub(in crate::admin) service_account: String,
    pub(in crate::admin) access_token_seconds_left: u64,
}

#[derive(Debug, Serialize)]
pub(in crate::admin) struct StandInStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) rule: Option<String>,
    pub(in crate::admin) issuer: String,
    pub(in crate::admin) subject: String,
    pub(in crate::admin) service_account: String,
    pub(in crate::admin) age_seconds: u64,
    /// At the longest: it ends sooner if neither its ID token nor an access token lives so long.
    pub(in crate::admin) seconds_left: u64,
}

/// The broker's own identity.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct OwnStatus {
    pub(in crate::admin) service_account: String,
    #[serde(flatten)]
    pub(in crate::admin) grant: GrantStatus,
    /// Where its ID tokens come from; not there if an API key needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) platform: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) audience: Option<String>,
    /// Not there before the first request that needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) token: Option<OwnTokenStatus>,
    /// Why the last fetch gave none, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) error: Option<String>,
}

/// What the broker's own ID token says.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct OwnTokenStatus {
    pub(in crate::admin) issuer: String,
    pub(in crate::admin) subject: String,
    pub(in crate::admin) expires_at: Moment,
    pub(in crate::admin) seconds_left: u64,
    pub(in crate::admin) can_renew: bool,
}

/// The newest.
pub(super) fn identities(broker: &Broker) -> Vec<IdentityStatus> {
    let status = |holding: Holding| IdentityStatus {
        issuer: issuer_name(broker, &holding.issuer),
        subject: cut(&holding.subject),
        audience: cut(&holding.audience),
        service_account: account_name(broker, &holding).unwrap_or(holding.service_account),
        access_token_seconds_left: holding.remaining.as_secs(),
    };
    let newest = broker.access_tokens().newest(limits::STATUS_ROWS).into_iter();
    newest.map(status).collect()
}

/// Several may be one account of Octopus, with an audience each.
fn account_name(broker: &Broker, holding: &Holding) -> Option<String> {
    let is_it = |account: &&ServiceAccount| {
        let is_named = [account.id.as_ref(), Some(&account.name)];
        is_named.contains(&Some(&holding.service_account))
            && account.audience.as_deref() == Some(&*holding.audience)
    };
    broker.service_accounts().find(is_it).map(|account| account.name.clone())
}

/// The newest.
pub(super) fn stand_ins(broker: &Broker) -> Vec<StandInStatus> {
    let status = |holding: StandInHolding| {
        let identity = holding.admission.identity();
        StandInStatus {
            rule: holding.admission.rule().map(str::to_owned),
            issuer: issuer_name(broker, identity.issuer),
            subject: cut(identity.subject),
            service_account: holding.admission.service_account().name.clone(),
            age_seconds: holding.age.as_secs(),
            seconds_left: holding.remaining.as_secs(),
        }
    };
    broker.newest_stand_ins(limits::STATUS_ROWS).into_iter().map(status).collect()
}

impl OwnStatus {
    pub(super) fn of(own: &OwnIdentity, now: Moment) -> Self {
        let (token, error) = own.ambient().map(AmbientIdentity::state).unwrap_or_default();
        let token = token.map(|token| {
            let expires_at = Moment::of_unix(token.expires());
            OwnTokenStatus {
                issuer: cut(token.issuer()),
                subject: cut(token.subject()),
                expires_at,
                seconds_left: now.until(expires_at).as_secs(),
                can_renew: own.ambient().is_some_and(AmbientIdentity::can_renew),
            }
        });
        Self {
            service_account: own.service_account().name.clone(),
            grant: GrantStatus::of(own.grant()),
            platform: own.ambient().map(AmbientIdentity::platform),
            audience: own.ambient().map(|ambient| ambient.audience().to_owned()),
            token,
            error: error.map(|error| cut(&error_chain(&error))),
        }
    }
}

fn issuer_name(broker: &Broker, url: &str) -> String {
    let mut issuers = broker.verifier().issuers().map(|(issuer, _)| issuer);
    let known = issuers.find(|issuer| issuer.url == url);
    known.map_or_else(|| cut(url), |issuer| issuer.name.clone())
}
