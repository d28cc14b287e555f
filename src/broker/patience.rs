//! Waiting out a rate limit of Octopus's token endpoint: all who want the same token share each try,
//! and each waits for the next one as long as its own patience lasts.
//!
//! Nothing else is waited for: a refusal stays one, and a server that is not well tells nobody when
//! it will be.

use std::time::Duration;

use tokio::time::Instant;

use super::Admission;
use super::access_tokens::{AccessTokens, ExchangeFailure, Obtained};

impl AccessTokens {
    /// The access token for an admission: the one at hand while it is usable, else a new one, for
    /// which all who ask at the same time wait together; and, where Octopus limits the rate of
    /// exchanges, again when it may be asked again, if `patience` and the ID token last so long.
    pub async fn obtain(
        &self,
        admission: &Admission,
        patience: Instant,
    ) -> Result<Obtained, ExchangeFailure> {
        let outcome = Box::pin(self.obtain_patiently(admission, patience)).await;
        self.note(&outcome);
        outcome
    }

    async fn obtain_patiently(
        &self,
        admission: &Admission,
        patience: Instant,
    ) -> Result<Obtained, ExchangeFailure> {
        let mut has_waited = false;
        loop {
            let outcome = self.find_or_exchange(admission).await;
            let Some(pause) = self.pause_after(&outcome, admission, patience) else {
                return outcome;
            };
            if !std::mem::replace(&mut has_waited, true) {
                self.note_wait(admission);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// How long to wait for another try, if that makes sense.
    fn pause_after(
        &self,
        outcome: &Result<Obtained, ExchangeFailure>,
        admission: &Admission,
        patience: Instant,
    ) -> Option<Duration> {
        let failure = outcome.as_ref().err()?;
        let pause = failure.retry_after;
        let has_sense = failure.error.is_rate_limit()
            && pause <= patience.saturating_duration_since(Instant::now())
            && self.may_exchange_after(pause, admission);
        has_sense.then_some(pause)
    }
}
