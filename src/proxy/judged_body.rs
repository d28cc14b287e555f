//! The body that a rule judges: held whole, judged, and forwarded byte for byte.

use bytes::Bytes;
use http::{HeaderMap, header};
use hyper::body::{Body, Incoming};

use super::Proxy;
use super::forward::not_allowed;
use super::intake::Intake;
use super::journey::Journey;
use super::refusal::Refusal;
use crate::broker::Admission;
use crate::limits;
use crate::octopus::{BodyProblem, NotAllowed};
use crate::telemetry::Code;

impl Proxy {
    /// Holds and judges the body of a request whose rule wants to see it; gives what was judged.
    pub(super) async fn judge_body(
        &self,
        headers: &HeaderMap,
        (intake, admission): (&Intake, Option<&Admission>),
        body: &mut Option<Incoming>,
        journey: &mut Journey,
    ) -> Result<Option<Bytes>, Refusal> {
        let (Some(admission), Some(call)) = (admission, intake.call()) else {
            return Ok(None);
        };
        let grant = admission.grant();
        if !grant.wants_body(&call) {
            return Ok(None);
        }
        if !is_plain_json(headers) {
            return Err(not_allowed(&NotAllowed::Body(BodyProblem::NotSentAsJson)));
        }
        let held = Box::pin(self.held_to_judge(body, journey)).await?;
        grant.judge_body(&call, &held).map_err(|error| not_allowed(&error))?;
        Ok(Some(held))
    }

    async fn held_to_judge(
        &self,
        body: &mut Option<Incoming>,
        journey: &mut Journey,
    ) -> Result<Bytes, Refusal> {
        // One that says it is too large stays with its caller, unread.
        let is_too_large =
            |body: &Incoming| body.size_hint().lower() > limits::JUDGED_BODY_BYTES as u64;
        if body.as_ref().is_some_and(is_too_large) {
            return Err(too_large());
        }
        let Some(incoming) = body.take() else { return Ok(Bytes::new()) };
        let held = self.hold(incoming, (limits::JUDGED_BODY_BYTES, None), journey).await;
        held.map_err(|refusal| {
            if refusal.code == Code::BodyTooLarge { too_large().closing() } else { refusal }
        })
    }
}

fn too_large() -> Refusal {
    Refusal::new(Code::BodyTooLarge)
        .with_detail("the rule is narrowed, so the body is judged, and it is too large for that")
}

/// One reading alone: JSON in UTF-8, not packed into anything.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let is_packed = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = match (kinds.next(), kinds.next()) {
        (Some(kind), None) => kind.to_str().unwrap_or_default().to_ascii_lowercase(),
        _ => return false,
    };
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts.next() == Some("application/json");
    let is_utf8 = |part: &str| match part.split_once('=') {
        Some(("charset", charset)) => charset.trim_matches('"') == "utf-8",
        Some((name, _)) => !name.contains("charset"),
        None => true,
    };
    is_json && parts.all(is_utf8) && !is_packed
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn only_plain_json_is_judged() {
        let rows: &[(&[(HeaderName, &str)], bool)] = &[
            (&[(header::CONTENT_TYPE, "application/json")], true),
            (&[(header::CONTENT_TYPE, "Application/JSON; charset=UTF-8")], true),
            (&[(header::CONTENT_TYPE, "application/json;charset=\"utf-8\"; x=y")], true),
            (&[(header::CONTENT_TYPE, "application/json; charset=utf-16")], false),
            (&[(header::CONTENT_TYPE, "application/json; charset =utf-7")], false),
            (&[(header::CONTENT_TYPE, "application/x-www-form-urlencoded")], false),
            (&[(header::CONTENT_TYPE, "text/json")], false),
            (&[], false),
            (
                &[
                    (header::CONTENT_TYPE, "application/json"),
                    (header::CONTENT_TYPE, "application/json"),
                ],
                false,
            ),
            (
                &[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")],
                false,
            ),
            (
                &[
                    (header::CONTENT_TYPE, "application/json"),
                    (header::CONTENT_ENCODING, "Identity"),
                ],
                true,
            ),
        ];
        for (lines, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in *lines {
                headers.append(name, value.parse().unwrap());
            }
            assert_eq!(is_plain_json(&headers), *expected, "{lines:?}");
        }
    }
}
