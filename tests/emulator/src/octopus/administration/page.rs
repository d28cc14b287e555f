//! Collections, a page at a time.

use serde_json::{Value, json};

use super::super::credentials::query_pairs;
use super::super::routes::Admitted;
use crate::answer::{self, Reply};

/// Items in a page, unless the caller says otherwise.
const TAKE: usize = 30;

/// The page that the query asks for.
pub(super) fn page(request: &Admitted, items: &[Value]) -> Reply {
    let (skip, take) = window(request);
    let shown: Vec<&Value> = items.iter().skip(skip).take(take).collect();
    let path = request.recorded.path();
    let mut links = json!({
        "Self": format!("{path}?skip={skip}&take={take}"),
        "Template": format!("{path}{{?skip,take}}"),
    });
    if skip + shown.len() < items.len()
        && let Some(links) = links.as_object_mut()
    {
        let next = format!("{path}?skip={}&take={take}", skip + take);
        links.insert("Page.Next".to_owned(), next.into());
    }
    let page = json!({
        "ItemType": "Resource",
        "TotalResults": items.len(),
        "ItemsPerPage": take,
        "NumberOfPages": items.len().div_ceil(take),
        "LastPageNumber": items.len().div_ceil(take).saturating_sub(1),
        "Items": shown,
        "Links": links,
    });
    answer::json_reply(200, &page)
}

/// `skip` and `take` of the query.
pub(super) fn window(request: &Admitted) -> (usize, usize) {
    let number = |wanted: &str| {
        let mut pairs = query_pairs(&request.recorded);
        pairs.find(|(name, _)| name == wanted).and_then(|(_, value)| value.parse().ok())
    };
    (number("skip").unwrap_or(0), number("take").unwrap_or(TAKE).max(1))
}

/// A filter of the query, in lower case.
pub(super) fn filter(request: &Admitted, wanted: &str) -> Option<String> {
    let mut pairs = query_pairs(&request.recorded);
    let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.to_lowercase()).filter(|value| !value.is_empty())
}
