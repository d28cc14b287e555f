//! With what a request goes to Octopus: an access token or an API key of its service account; and the
//! one use of an ID token that serves once.

use std::time::Duration;

use tokio::time::Instant;

use super::Proxy;
use super::journey::Journey;
use super::refusal::Refusal;
use crate::broker::{Admission, Credential, ExchangeFailure, UseError};
use crate::telemetry::error_chain;

impl Proxy {
    /// When the patience of a request ends that begins to wait now.
    pub(super) fn patience(&self) -> Instant {
        Instant::now() + self.limits.rate_limit_wait
    }

    /// Refuses an ID token that has served, where each serves once, before anything is done for it.
    pub(super) fn check_unused(&self, admission: &Admission) -> Result<(), Refusal> {
        self.broker.used_tokens().check(admission).map_err(used)
    }

    /// The credential for a request or a login. With it an ID token that serves once has served.
    pub(super) async fn first_credential(
        &self,
        admission: &Admission,
        patience: Instant,
        journey: &mut Journey,
    ) -> Result<Credential, Refusal> {
        let credential = self.credential(admission, patience, journey).await?;
        self.broker.used_tokens().take(admission).map_err(used)?;
        Ok(credential)
    }

    pub(super) async fn credential(
        &self,
        admission: &Admission,
        patience: Instant,
        journey: &mut Journey,
    ) -> Result<Credential, Refusal> {
        use crate::telemetry::AccessTokenResult::{Miss, RememberedFailure};

        // What is at hand is not waited for, and needs no clock.
        let (outcome, waited) = match self.broker.credential_at_hand(admission) {
            Some(credential) => (Ok(credential), Duration::ZERO),
            None => self.awaited_credential(admission, patience).await,
        };
        match outcome {
            Ok(credential) => {
                if let Credential::AccessToken(obtained) = &credential {
                    journey.exchanged(obtained.result, waited);
                }
                Ok(credential)
            }
            Err(failure) => {
                let result = if failure.is_remembered { RememberedFailure } else { Miss };
                journey.exchanged(result, waited);
                Err(Refusal::new(failure.code())
                    .with_detail(error_chain(&*failure.error))
                    .retrying_after(failure.retry_after))
            }
        }
    }

    /// And how long it took.
    async fn awaited_credential(
        &self,
        admission: &Admission,
        patience: Instant,
    ) -> (Result<Credential, ExchangeFailure>, Duration) {
        let start = self.clock.elapsed();
        let outcome = self.broker.credential(admission, patience).await;
        (outcome, self.clock.elapsed().saturating_sub(start))
    }
}

fn used(error: UseError) -> Refusal {
    Refusal::new(error.code()).with_detail(error.to_string())
}
