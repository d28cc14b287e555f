//! `/decisions/{request id}`: what became of a request, as the log has it.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::document_answer;
use crate::limits;
use crate::telemetry::Decisions;

/// The newest request with this id; earlier ones with the same id are its member `earlier`.
pub(super) fn answer(decisions: &Decisions, request_id: &str) -> Response<Full<Bytes>> {
    let request_id = percent_decode_str(request_id).decode_utf8_lossy();
    let lines = decisions.of(&request_id).into_iter();
    let mut found = lines.filter_map(|line| serde_json::from_str::<Map<_, _>>(&line).ok());
    let Some(mut newest) = found.next() else {
        let sentence = format!(
            "no request with this id is remembered; the last {} refusals and as many other \
             requests are, since the broker was started. The log may have it",
            limits::DECISIONS
        );
        let document = json!({ "error": sentence, "request_id": request_id });
        return document_answer(StatusCode::NOT_FOUND, &format!("{document:#}\n"));
    };
    let earlier: Vec<Value> = found.map(Value::Object).collect();
    if !earlier.is_empty() {
        newest.insert("earlier".to_owned(), Value::Array(earlier));
    }
    document_answer(StatusCode::OK, &format!("{:#}\n", Value::Object(newest)))
}
