//! A pretend Octopus of a few lines: it exchanges according to its mood, and writes down for whom.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use octobroker::clock::{Clock, ManualClock};
use octobroker::identity::IdToken;
use octobroker::octopus::{AccessToken, ExchangeError, ServiceAccount, TokenExchange};
use octobroker::secret::Secret;

use crate::world::{Key, subject_of};

/// What it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// A token for so many seconds.
    Well { life: u64 },
    /// The identity is refused.
    Refuses,
    /// 503.
    Sick,
    /// 429, with a pause in seconds.
    Busy { pause: u64 },
}

#[derive(Debug)]
pub(crate) struct Octopus {
    pub(crate) mood: Mutex<Mood>,
    /// For whom, in order.
    pub(crate) exchanges: Mutex<Vec<Key>>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Octopus {
    fn answer(
        &self,
        account: &ServiceAccount,
        id_token: &IdToken,
    ) -> Result<AccessToken, ExchangeError> {
        let key = (account.name.clone(), subject_of(id_token.expose()));
        let mut exchanges = self.exchanges.lock().expect("no panic");
        let text = format!("at.{}.{}.{}", key.0, key.1, exchanges.len());
        exchanges.push(key);
        let status = StatusCode::SERVICE_UNAVAILABLE;
        match *self.mood.lock().expect("no panic") {
            Mood::Well { life } => {
                let asked = self.clock.reading();
                let token = AccessToken::new(&Secret::new(text), asked, Duration::from_secs(life));
                Ok(token.expect("a header value"))
            }
            Mood::Refuses => {
                let status = StatusCode::BAD_REQUEST;
                Err(ExchangeError::Refused { status, reason: String::new() })
            }
            Mood::Sick => Err(ExchangeError::Sick { status, retry_after: None }),
            Mood::Busy { pause } => {
                Err(ExchangeError::RateLimited { retry_after: Some(Duration::from_secs(pause)) })
            }
        }
    }
}

impl TokenExchange for Octopus {
    fn exchange<'a>(
        &'a self,
        account: &'a ServiceAccount,
        id_token: &'a IdToken,
    ) -> Pin<Box<dyn Future<Output = Result<AccessToken, Arc<ExchangeError>>> + Send + 'a>> {
        Box::pin(async move {
            // Others get a chance to ask meanwhile.
            tokio::task::yield_now().await;
            self.answer(account, id_token).map_err(Arc::new)
        })
    }
}
