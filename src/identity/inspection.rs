//! The checks of a token one by one, for whoever wants to know why it is refused.
//!
//! The same functions as in [`Verifier::verify`], in the same order. It does not end at the first
//! failure, so that all that is wrong is seen at once; and it makes no
//! [`VerifiedToken`](super::VerifiedToken): an inspection lets nobody in.

use std::sync::Arc;

use super::claims::{Claims, End};
use super::id_token::IdToken;
use super::issuer::Issuer;
use super::json::Json;
use super::payload::Payload;
use super::times;
use super::trusted::{Reading, Trusted};
use super::verifier::{Verifier, VerifyError};

/// One check, in the order in which the broker makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Three parts of base64url, the first two of them JSON.
    Form,
    /// The algorithm, and what else the header may not say.
    Header,
    /// `iss` is one of the configured issuers.
    Issuer,
    /// The issuer has the key.
    Key,
    /// It signed the token.
    Signature,
    /// The claims have their types.
    Claims,
    /// `exp`, `nbf`, `iat`, lifetime and age.
    Times,
    /// `aud` is one of ours.
    Audience,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Self; 8] = [
        Self::Form,
        Self::Header,
        Self::Issuer,
        Self::Key,
        Self::Signature,
        Self::Claims,
        Self::Times,
        Self::Audience,
    ];

    /// The word, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Header => "header",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Times => "times",
            Self::Audience => "audience",
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    /// It holds.
    Held,
    /// It does not: at the first of these the broker stops.
    Failed(VerifyError),
    /// It was not to be made.
    Skipped,
    /// It can't be made after what failed before.
    Impossible,
}

/// Whether keys are had to check the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// As the broker has them: from the issuer or from a file.
    Fetched,
    /// No keys, no network: the signature is not checked.
    Spared,
}

/// All that can be said of a token.
#[derive(Debug)]
pub struct Inspection {
    /// In order; each check once.
    pub checks: Vec<(Check, CheckOutcome)>,
    /// The members of the header, if it is JSON.
    pub header: Option<Json>,
    /// The payload, if it is JSON.
    pub payload: Option<Json>,
    /// The configured issuer that the token names.
    pub issuer: Option<Arc<Issuer>>,
    /// The claims, if they have their types.
    pub claims: Option<Claims>,
    /// The one audience of ours, if the token has it.
    pub audience: Option<String>,
}

impl Inspection {
    /// Of something that is no token at all.
    pub fn of_no_token(error: VerifyError) -> Self {
        let mut inspection = Self::nothing_read(None);
        inspection.note(Check::Form, Err(error));
        inspection.give_up(Check::ALL.split_at(1).1);
        inspection
    }

    /// The first failure, which is the broker's answer, but for checks that don't count here.
    pub fn failure(&self, uncounted: &[Check]) -> Option<(Check, &VerifyError)> {
        self.checks.iter().find_map(|(check, outcome)| match outcome {
            CheckOutcome::Failed(error) if !uncounted.contains(check) => Some((*check, error)),
            _ => None,
        })
    }

    fn nothing_read(header: Option<Json>) -> Self {
        Self {
            checks: Vec::new(),
            header,
            payload: None,
            issuer: None,
            claims: None,
            audience: None,
        }
    }

    /// A token whose parts can't be read; gives the payload if only the algorithm is at fault.
    fn note_unread(&mut self, error: VerifyError, token: &IdToken) -> Option<Payload> {
        if error != VerifyError::Algorithm {
            self.note(Check::Form, Err(error));
            return None;
        }
        // The header is JSON and names an algorithm that there is not: no fault of form.
        self.note(Check::Form, Ok(()));
        self.note(Check::Header, Err(error));
        token.payload_json().map(Payload::of)
    }

    /// Key and signature: two checks of one look at the issuer's keys.
    async fn note_signature(
        &mut self,
        (token, reading): (&IdToken, &Reading),
        trusted: Option<&Trusted>,
        keys: Keys,
    ) {
        let [key, signature] = match (trusted, keys) {
            (_, Keys::Spared) => [CheckOutcome::Skipped, CheckOutcome::Skipped],
            (None, Keys::Fetched) => [CheckOutcome::Impossible, CheckOutcome::Impossible],
            (Some(trusted), Keys::Fetched) => {
                match trusted.verify_signature(token, &reading.header).await {
                    Ok(_) => [CheckOutcome::Held, CheckOutcome::Held],
                    Err(VerifyError::Signature) => {
                        [CheckOutcome::Held, CheckOutcome::Failed(VerifyError::Signature)]
                    }
                    Err(error) => [CheckOutcome::Failed(error), CheckOutcome::Impossible],
                }
            }
        };
        self.checks.extend([(Check::Key, key), (Check::Signature, signature)]);
    }

    fn give_up(&mut self, checks: &[Check]) {
        self.checks.extend(checks.iter().map(|check| (*check, CheckOutcome::Impossible)));
    }

    fn note(&mut self, check: Check, outcome: Result<(), VerifyError>) {
        let outcome = outcome.map_or_else(CheckOutcome::Failed, |()| CheckOutcome::Held);
        self.checks.push((check, outcome));
    }
}

impl Verifier {
    /// Makes every check on a token, its times as of `now` (seconds since 1970).
    pub async fn inspect(&self, token: &IdToken, keys: Keys, now: f64) -> Inspection {
        let header = token.header_json().and_then(|json| Json::parse(&json).ok());
        let mut inspection = Inspection::nothing_read(header);
        let reading = match Reading::of(token) {
            Ok(reading) => reading,
            Err(error) => {
                let payload = inspection.note_unread(error, token);
                return self.inspect_rest(inspection, payload, now);
            }
        };
        inspection.note(Check::Form, Ok(()));
        let named = self.named(&reading.payload);
        let header = reading.check_header(named.issuer());
        let trusted_keys = named.trusted().filter(|_| header.is_ok());
        inspection.note(Check::Header, header);
        inspection.note(Check::Issuer, named.known().map(drop));
        inspection.note_signature((token, &reading), trusted_keys, keys).await;
        self.inspect_payload(inspection, (reading.payload, End::Required), now)
    }

    /// Makes those checks that a bare claim set allows: no header, no signature; and without `exp`,
    /// if that is optional, no times.
    pub fn inspect_claims(&self, payload: &Json, end: End, now: f64) -> Inspection {
        let payload = Payload::of(payload.to_document().into_bytes());
        let mut inspection = Inspection::nothing_read(None);
        let skipped = |check| (check, CheckOutcome::Skipped);
        inspection.checks.extend([Check::Form, Check::Header].map(skipped));
        inspection.note(Check::Issuer, self.named(&payload).known().map(drop));
        inspection.checks.extend([Check::Key, Check::Signature].map(skipped));
        self.inspect_payload(inspection, (payload, end), now)
    }

    /// What is left where header or payload could not be read.
    fn inspect_rest(
        &self,
        mut inspection: Inspection,
        payload: Option<Payload>,
        now: f64,
    ) -> Inspection {
        let Some(payload) = payload else {
            let made = inspection.checks.len();
            inspection.give_up(Check::ALL.split_at(made).1);
            return inspection;
        };
        inspection.note(Check::Issuer, self.named(&payload).known().map(drop));
        inspection.give_up(&[Check::Key, Check::Signature]);
        self.inspect_payload(inspection, (payload, End::Required), now)
    }

    fn inspect_payload(
        &self,
        mut inspection: Inspection,
        (payload, end): (Payload, End),
        now: f64,
    ) -> Inspection {
        let trusted = self.named(&payload).trusted();
        inspection.issuer = trusted.map(|trusted| Arc::clone(&trusted.issuer));
        inspection.payload = payload.json().cloned();
        let claims = match trusted {
            Some(trusted) => trusted.claims(payload, end),
            None => Claims::read(payload.into_json(), None, end).map_err(VerifyError::Claims),
        };
        let rest = [Check::Times, Check::Audience];
        let claims = match claims {
            Ok(claims) => claims,
            Err(error) => {
                inspection.note(Check::Claims, Err(error));
                inspection.give_up(&rest);
                return inspection;
            }
        };
        inspection.note(Check::Claims, Ok(()));
        if let Some(trusted) = trusted {
            let issuer = &trusted.issuer;
            if claims.all().any(|(name, _)| name == "exp") {
                inspection.note(Check::Times, times::check(&claims.registered.times, issuer, now));
            } else {
                inspection.checks.push((Check::Times, CheckOutcome::Skipped));
            }
            let audience = self.audience(&claims, issuer);
            inspection.audience = audience.as_ref().ok().map(ToString::to_string);
            inspection.note(Check::Audience, audience.map(drop));
        } else {
            inspection.give_up(&rest);
        }
        inspection.claims = Some(claims);
        inspection
    }
}
