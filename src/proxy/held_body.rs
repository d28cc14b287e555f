//! The caller's body: on its way to Octopus, or held whole first.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;

use super::Proxy;
use super::journey::Journey;
use super::refusal::Refusal;
use crate::http_client::{self, ReadError};
use crate::octopus::{BodyFault, Progress, RequestBody};
use crate::telemetry::{Code, error_chain};

impl Proxy {
    /// A body that the caller is still sending. Its connection learns when it is read whole: from
    /// then on it looks whether the caller has gone.
    pub(super) fn streamed(&self, incoming: Incoming, journey: &Journey) -> RequestBody {
        let body = RequestBody::streamed(incoming, self.upstream.idle_timeout, journey.steps());
        journey.reads(body.progress());
        body
    }

    /// Holds a body of at most so many bytes, which must have come within a time if one is given: in
    /// any case something must come within `idle_timeout`.
    pub(super) async fn hold(
        &self,
        incoming: Incoming,
        (bytes_max, within): (usize, Option<Duration>),
        journey: &mut Journey,
    ) -> Result<Bytes, Refusal> {
        let body = self.streamed(incoming, journey);
        let progress = body.progress();
        let start = self.clock.elapsed();
        let read = http_client::read_capped(body, bytes_max);
        let held = match within {
            Some(within) => tokio::time::timeout(within, read).await.ok(),
            None => Some(read.await),
        };
        journey.held(self.clock.elapsed().saturating_sub(start));
        journey.sent(progress.bytes());
        let too_late = || Err(Refusal::new(Code::RequestTimeout).closing());
        held.map_or_else(too_late, |held| held.map_err(|error| refused(&progress, &error)))
    }
}

fn refused(progress: &Progress, error: &ReadError) -> Refusal {
    if matches!(error, ReadError::TooLarge) {
        return Refusal::new(Code::BodyTooLarge).closing();
    }
    if progress.fault() == Some(BodyFault::Stalled) {
        return Refusal::new(Code::RequestTimeout).closing();
    }
    Refusal::new(Code::BadRequest).with_detail(error_chain(error)).closing().caller_gone()
}
