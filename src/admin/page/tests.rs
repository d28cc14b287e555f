//! The page as a whole, with hostile words in every place that takes one.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::admin::status::{
    AccountStatus, BudgetStatus, ConditionStatus, ConfigStatus, GrantStatus, IdentityStatus,
    IssuerStatus, Miss, Moment, OwnStatus, OwnTokenStatus, Refusal, ReloadStatus, RuleStatus,
    StandInStatus,
};
use crate::limits;

const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\" autofocus onfocus=\"alert(1)",
    "' style='position:fixed",
    "</style></title><img src=//evil.example>",
    "javascript:alert(1)//\u{202e}\u{0}\u{1b}[2J",
];

const TIME: u64 = 1_795_000_000;

fn time() -> Moment {
    Moment::of(UNIX_EPOCH + Duration::from_secs(TIME))
}

/// A status in which every text that is not ours is `text`.
fn status(text: &str) -> Status {
    let one = || text.to_owned();
    Status {
        version: "0.1.0",
        revision: "unknown",
        octopus: one(),
        now: time(),
        started_at: time(),
        uptime_seconds: 61,
        config: config(text),
        is_ready: false,
        waiting_for: vec![one()],
        unwell: vec![one()],
        issuers: vec![IssuerStatus {
            name: one(),
            provider: "custom",
            url: one(),
            keys: 2,
            keys_fetched_at: Some(time()),
            keys_age_seconds: Some(7),
            error: Some(one()),
        }],
        service_accounts: vec![AccountStatus {
            name: one(),
            id: Some(one()),
            audience: Some(one()),
            has_api_key: false,
            is_agent: true,
            rate_budget: Some(BudgetStatus { limit: 20, remaining: 3, per_minute: 60, waiting: 4 }),
        }],
        rules: vec![rule(text)],
        access_tokens_cached: 120,
        verified_tokens_cached: 7,
        stand_ins_live: 1,
        identities: vec![identity(text)],
        stand_ins: vec![stand_in(text)],
        own_identity: Some(own(text)),
        refusals: vec![refusal(text, limits::STATUS_MISSES + 2)],
    }
}

fn config(text: &str) -> ConfigStatus {
    let problems = vec![text.to_owned()];
    let last_reload = Some(ReloadStatus { at: time(), is_successful: false, problems });
    ConfigStatus { generation: 2, digest: text.to_owned(), loaded_at: time(), last_reload }
}

fn grant(text: &str) -> GrantStatus {
    let names = || vec![text.to_owned()];
    GrantStatus {
        allow: names(),
        spaces: Some(names()),
        projects: Some(names()),
        environments: Some(names()),
    }
}

fn rule(text: &str) -> RuleStatus {
    let one = || text.to_owned();
    RuleStatus {
        name: one(),
        issuer: one(),
        service_account: one(),
        audience: one(),
        conditions: vec![ConditionStatus { claim: one(), expected: one() }],
        grant: grant(text),
        matched: 12,
    }
}

fn identity(text: &str) -> IdentityStatus {
    let one = || text.to_owned();
    IdentityStatus {
        issuer: one(),
        subject: one(),
        audience: one(),
        service_account: one(),
        access_token_seconds_left: 3_000,
    }
}

fn stand_in(text: &str) -> StandInStatus {
    let one = || text.to_owned();
    StandInStatus {
        rule: Some(one()),
        issuer: one(),
        subject: one(),
        service_account: one(),
        age_seconds: 9,
        seconds_left: 90,
    }
}

fn own(text: &str) -> OwnStatus {
    let one = || text.to_owned();
    OwnStatus {
        service_account: one(),
        grant: grant(text),
        platform: Some("file"),
        audience: Some(one()),
        token: Some(OwnTokenStatus {
            issuer: one(),
            subject: one(),
            expires_at: time(),
            seconds_left: 5,
            can_renew: false,
        }),
        error: Some(one()),
    }
}

fn refusal(text: &str, missed: usize) -> Refusal {
    let one = || text.to_owned();
    let miss = || Miss { rule: one(), claim: one(), expected: one(), actual: one() };
    Refusal {
        time: one(),
        request_id: one(),
        code: one(),
        status: 403,
        method: one(),
        path: one(),
        peer: one(),
        issuer: Some(one()),
        subject: Some(one()),
        rule: Some(one()),
        service_account: Some(one()),
        detail: Some(one()),
        missed: std::iter::repeat_with(miss).take(missed).collect(),
    }
}

/// Each tag of a page, without its brackets.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0).collect()
}

#[test]
fn hostile_words_add_no_tag_and_no_attribute() {
    // Links have ids in them.
    let shape = |text| {
        let page = page(&status(text), Mode::Still);
        let page = page.replace(STYLE, "");
        let tags = tags(&page).into_iter().map(|tag| {
            let parts = tag.split('"').step_by(2).map(str::to_owned);
            parts.collect::<Vec<_>>()
        });
        tags.collect::<Vec<_>>()
    };
    let calm = shape("calm");
    assert!(calm.len() > 200, "{}", calm.len());
    for text in HOSTILE {
        assert_eq!(shape(text), calm, "{text}");
    }
}

#[test]
fn every_text_is_there_and_none_is_raw() {
    let calm = page(&status("canary"), Mode::Still).matches("canary").count();
    for text in HOSTILE {
        let page = page(&status(text), Mode::Still);
        assert!(!page.contains(text), "{text}");
        assert!(!page.contains(['\u{202e}', '\u{0}', '\u{1b}']));
    }
    // Of 7 misses 5 are shown, with 4 texts each; then the rules with 10, the broker itself with 9, its
    // refusal with 12, the live ones with 7, and what is configured with 11.
    assert_eq!(calm, 5 * 4 + 10 + 9 + 12 + 7 + 11, "texts of the page");
}

#[test]
fn what_is_left_out_is_said() {
    let page = page(&status("x"), Mode::Still);

    assert!(page.contains("and 2 more rules that missed"));
    assert!(page.contains("The newest 1 of 120."));
    assert!(page.contains("matched 12 times"));
    assert!(page.contains("value=\"3\"></meter> 3 of 20 left, 60 a minute"));
}

#[test]
fn only_the_live_page_asks_for_itself_again() {
    let asks = |query| page(&status("x"), Mode::of(query)).contains("http-equiv=\"refresh\"");

    assert!(asks(Some("live")));
    for query in [None, Some(""), Some("live="), Some("live=https://evil.example"), Some("x")] {
        assert!(!asks(query), "{query:?}");
    }
}
