//! The broker's own identity, made of what the configuration says about it.

use std::sync::Arc;

use super::generation::Generation;
use crate::ambient::{AmbientError, AmbientIdentity, AmbientSurroundings, TokenSource};
use crate::broker::OwnIdentity;
use crate::clock::Clock;
use crate::config::Config;
use crate::http_client::TlsRoots;
use crate::octopus::ServiceAccount;

/// Finds where ID tokens for a service account come from. Nothing is fetched.
pub fn find_ambient(
    source: &TokenSource,
    account: &ServiceAccount,
    clock: &Arc<dyn Clock>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<AmbientIdentity, AmbientError> {
    let surroundings = AmbientSurroundings {
        environment,
        clock: Arc::clone(clock),
        tls_roots: TlsRoots::system(),
        exists: &|path| path.exists(),
    };
    AmbientIdentity::find(source, account.audience.as_deref().unwrap_or_default(), surroundings)
}

/// The broker's own identity, if it is configured to have one. If it has the source and audience of
/// an earlier one, it is that one, with the token that is at hand.
pub(super) fn build(
    config: &Config,
    clock: &Arc<dyn Clock>,
    environment: &dyn Fn(&str) -> Option<String>,
    earlier: Option<&Generation>,
) -> Result<Option<OwnIdentity>, AmbientError> {
    let Some((ambient, account)) = config.own_account() else { return Ok(None) };
    if account.api_key.is_some() {
        return Ok(Some(OwnIdentity::new(None, account.clone(), ambient.grant.clone())));
    }
    let earlier = earlier.filter(|earlier| {
        earlier.config.own_account().is_some_and(|(before, account_before)| {
            before.source == ambient.source && account_before.audience == account.audience
        })
    });
    let earlier = earlier.and_then(|earlier| earlier.broker.own_identity());
    if let Some((earlier, found)) = earlier.and_then(|earlier| Some((earlier, earlier.ambient()?)))
    {
        let own = OwnIdentity::new(Some(found.clone()), account.clone(), ambient.grant.clone());
        return Ok(Some(own.keeping(earlier)));
    }
    let found = find_ambient(&ambient.source, account, clock, environment)?;
    Ok(Some(OwnIdentity::new(Some(found), account.clone(), ambient.grant.clone())))
}
