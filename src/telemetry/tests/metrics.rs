//! The page of metrics, read with a strict parser, before and after traffic.

use std::collections::BTreeSet;
use std::time::Duration;

use super::page::parse;
use crate::telemetry::{
    AccessTokenResult, Code, Door, ExchangeOutcome, HandshakeFailure, Labels, Metrics,
    RefreshOutcome, RequestOutcome, Verification,
};

fn metrics() -> Metrics {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Metrics::new(&Labels {
        issuers: names(&["github", "cluster"]),
        service_accounts: names(&["release-bot", "reader"]),
        rules: vec![
            ("web-production".into(), "release-bot".into()),
            ("agents".into(), "reader".into()),
        ],
        listeners: names(&["main"]),
    })
    .unwrap()
}

fn request(door: Door, rule: Option<&str>, code: Option<Code>) -> RequestOutcome<'_> {
    RequestOutcome {
        door,
        rule,
        service_account: None,
        code,
        total: Duration::from_millis(20),
        overhead: Duration::from_micros(30),
    }
}

fn sample(metrics: &Metrics, key: &str) -> Option<f64> {
    parse(&metrics.render()).get(key).copied()
}

fn series(metrics: &Metrics) -> BTreeSet<String> {
    parse(&metrics.render()).into_keys().collect()
}

#[test]
fn known_series_stand_at_0_before_anything_happened() {
    let samples = parse(&metrics().render());

    for key in [
        r#"octobroker_requests_total{code="ok",door="bearer",rule="agents",service_account="reader"}"#,
        r#"octobroker_requests_total{code="loop_detected",door="none",rule="",service_account=""}"#,
        r#"octobroker_requests_total{code="stand_in_unknown",door="stand_in",rule="",service_account=""}"#,
        r#"octobroker_request_duration_seconds_count{door="ambient"}"#,
        r#"octobroker_overhead_duration_seconds_bucket{door="bearer",le="0.00001"}"#,
        r"octobroker_requests_in_flight",
        r#"octobroker_connections_open{listener="main"}"#,
        "octobroker_panics_total",
        r#"octobroker_upstream_responses_total{service_account="reader",status_class="5xx"}"#,
        r"octobroker_upstream_response_seconds_count",
        r#"octobroker_token_verifications_total{issuer="unknown",outcome="issuer_unknown"}"#,
        r#"octobroker_token_verifications_total{issuer="github",outcome="cached"}"#,
        r#"octobroker_exchanges_total{outcome="rate_limited",service_account="release-bot"}"#,
        r#"octobroker_access_token_requests_total{result="remembered_failure"}"#,
        r#"octobroker_access_tokens_rejected_total{service_account="reader"}"#,
        r"octobroker_access_tokens_cached",
        r"octobroker_verified_tokens_cached",
        r"octobroker_used_tokens_remembered",
        r#"octobroker_jwks_refreshes_total{issuer="cluster",outcome="failed"}"#,
        r#"octobroker_jwks_last_success_timestamp_seconds{issuer="cluster"}"#,
        r#"octobroker_jwks_keys{issuer="github"}"#,
        r"octobroker_config_last_reload_successful",
    ] {
        assert_eq!(samples.get(key), Some(&0.0), "{key}");
    }
    let refusals = samples.keys().filter(|key| key.contains(r#"door="bearer",rule="","#));
    assert_eq!(refusals.count(), Code::ALL.len() + 1);
}

#[test]
fn the_build_is_told() {
    let page = metrics().render();

    let build = page.lines().find(|line| line.starts_with("octobroker_build_info")).unwrap();
    assert!(build.contains(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")), "{build}");
    assert!(build.ends_with(" 1"), "{build}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_is_told() {
    let samples = parse(&metrics().render());

    for name in [
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_threads",
    ] {
        assert!(samples[name] > 0.0, "{name}");
    }
    assert!(samples.contains_key("process_cpu_seconds_total"));
}

#[test]
fn a_request_is_counted_under_its_rules_own_account() {
    let metrics = metrics();
    let outcome = RequestOutcome {
        service_account: Some("reader"),
        ..request(Door::Bearer, Some("web-production"), None)
    };

    metrics.request_ended(&outcome);
    metrics.request_ended(&RequestOutcome { door: Door::Exchange, ..outcome });

    for door in ["bearer", "exchange"] {
        let key = format!(
            "octobroker_requests_total{{code=\"ok\",door=\"{door}\",rule=\"web-production\",\
             service_account=\"release-bot\"}}"
        );
        assert_eq!(sample(&metrics, &key), Some(1.0), "{key}");
    }
}

#[test]
fn a_request_is_in_both_histograms_of_its_door() {
    let metrics = metrics();

    metrics.request_ended(&request(Door::Bearer, Some("agents"), None));

    for (key, value) in [
        (r#"octobroker_request_duration_seconds_bucket{door="bearer",le="0.01"}"#, 0.0),
        (r#"octobroker_request_duration_seconds_bucket{door="bearer",le="0.025"}"#, 1.0),
        (r#"octobroker_request_duration_seconds_bucket{door="bearer",le="+Inf"}"#, 1.0),
        (r#"octobroker_request_duration_seconds_sum{door="bearer"}"#, 0.02),
        (r#"octobroker_request_duration_seconds_count{door="none"}"#, 0.0),
        (r#"octobroker_overhead_duration_seconds_bucket{door="bearer",le="0.000025"}"#, 0.0),
        (r#"octobroker_overhead_duration_seconds_bucket{door="bearer",le="0.00005"}"#, 1.0),
        (r#"octobroker_overhead_duration_seconds_count{door="bearer"}"#, 1.0),
    ] {
        assert_eq!(sample(&metrics, key), Some(value), "{key}");
    }
}

#[test]
fn names_that_are_not_configured_make_no_new_series() {
    let metrics = metrics();
    let before = series(&metrics);

    for door in [Door::Bearer, Door::StandIn, Door::None] {
        for code in Code::ALL.map(Some).into_iter().chain([None]) {
            let outcome = RequestOutcome {
                service_account: Some("evil"),
                ..request(door, Some("evil\"} 1\n"), code)
            };
            metrics.request_ended(&outcome);
        }
    }
    metrics.upstream_answered(Some("evil"), 999, Duration::from_secs(1));
    metrics.token_verified(Some("evil"), Verification::Refused(Code::SignatureInvalid));
    metrics.token_verified(None, Verification::Refused(Code::IssuerUnknown));
    metrics.keys_refreshed("evil", RefreshOutcome::Ok, 3, 1.0);

    assert_eq!(series(&metrics), before);
    let key = r#"octobroker_upstream_responses_total{service_account="",status_class="5xx"}"#;
    assert_eq!(sample(&metrics, key), Some(1.0));
}

#[test]
fn the_number_of_series_has_a_bound_that_traffic_does_not_move() {
    let metrics = metrics();
    let storm = |salt: usize| {
        let evil = format!("evil-{salt}");
        for name in ["web-production", "agents", "reader", "release-bot", "github", &evil] {
            for code in Code::ALL.map(Some).into_iter().chain([None]) {
                for door in Door::ALL {
                    metrics.request_ended(&request(door, Some(name), code));
                    let outcome = request(door, None, code);
                    metrics
                        .request_ended(&RequestOutcome { service_account: Some(name), ..outcome });
                }
                metrics.token_verified(
                    Some(name),
                    code.map_or(Verification::Ok, Verification::Refused),
                );
            }
            metrics.exchanged(name, ExchangeOutcome::Failed, Duration::ZERO);
            metrics.access_token_rejected(name);
            drop(metrics.connection_opened(name));
            metrics.handshake_failed(name, HandshakeFailure::NoTls);
        }
    };

    storm(0);
    let most = series(&metrics);
    (1..20).for_each(storm);

    assert_eq!(series(&metrics), most);
    let requests = most.iter().filter(|key| key.starts_with("octobroker_requests_total"));
    assert!(requests.count() <= 5 * 41 * (1 + 2 + 2));
    assert!(!most.iter().any(|key| key.contains("evil")));
}

#[test]
fn names_that_run_together_alike_are_kept_apart() {
    let pairs = [("web", "-bot"), ("web-", "bot")];
    let metrics = Metrics::new(&Labels {
        rules: pairs.map(|(rule, account)| (rule.into(), account.into())).to_vec(),
        ..Labels::default()
    })
    .unwrap();

    metrics.request_ended(&request(Door::Bearer, Some("web"), None));

    for ((rule, account), count) in pairs.into_iter().zip([1.0, 0.0]) {
        let key = format!(
            "octobroker_requests_total{{code=\"ok\",door=\"bearer\",rule=\"{rule}\",\
             service_account=\"{account}\"}}"
        );
        assert_eq!(sample(&metrics, &key), Some(count), "{key}");
    }
}

#[test]
fn what_is_open_is_counted_until_it_is_dropped() {
    let metrics = metrics();
    let connections = r#"octobroker_connections_open{listener="main"}"#;

    let connection = metrics.connection_opened("main");
    let requests = [metrics.request_started(), metrics.request_started()];

    assert_eq!(sample(&metrics, connections), Some(1.0));
    assert_eq!(sample(&metrics, "octobroker_requests_in_flight"), Some(2.0));
    drop((connection, requests));
    assert_eq!(sample(&metrics, connections), Some(0.0));
    assert_eq!(sample(&metrics, "octobroker_requests_in_flight"), Some(0.0));
}

#[test]
fn each_event_moves_its_own_series() {
    let metrics = metrics();

    metrics.upstream_answered(Some("reader"), 404, Duration::from_millis(3));
    metrics.token_verified(Some("github"), Verification::Cached);
    metrics.exchanged("reader", ExchangeOutcome::Refused, Duration::from_millis(7));
    metrics.access_token_requested(AccessTokenResult::Joined);
    metrics.access_token_rejected("release-bot");
    metrics.cached(7, u64::MAX, 0);
    metrics.used_tokens_remembered(5);

    for (key, value) in [
        (
            r#"octobroker_upstream_responses_total{service_account="reader",status_class="4xx"}"#,
            1.0,
        ),
        (r#"octobroker_upstream_response_seconds_bucket{le="0.0025"}"#, 0.0),
        (r#"octobroker_upstream_response_seconds_bucket{le="0.005"}"#, 1.0),
        (r#"octobroker_token_verifications_total{issuer="github",outcome="cached"}"#, 1.0),
        (r#"octobroker_exchanges_total{outcome="refused",service_account="reader"}"#, 1.0),
        (r#"octobroker_exchange_duration_seconds_bucket{le="0.005"}"#, 0.0),
        (r#"octobroker_exchange_duration_seconds_bucket{le="0.01"}"#, 1.0),
        (r#"octobroker_access_token_requests_total{result="joined"}"#, 1.0),
        (r#"octobroker_access_tokens_rejected_total{service_account="release-bot"}"#, 1.0),
        ("octobroker_access_tokens_cached", 7.0),
        ("octobroker_used_tokens_remembered", 5.0),
        ("octobroker_verified_tokens_cached", 9_223_372_036_854_775_807.0),
    ] {
        assert_eq!(sample(&metrics, key), Some(value), "{key}");
    }
}

#[test]
fn only_a_listener_that_speaks_tls_counts_handshakes() {
    let metrics = metrics();
    let word = |reason: &HandshakeFailure| {
        let reason = reason.as_str();
        format!("octobroker_tls_handshake_failures_total{{listener=\"main\",reason=\"{reason}\"}}")
    };
    assert!(!metrics.render().contains("octobroker_tls_handshake_failures_total"));

    metrics.tls_offered("main");
    metrics.handshake_failed("main", HandshakeFailure::RefusedByClient);

    for reason in HandshakeFailure::ALL {
        let count = f64::from(u8::from(reason == HandshakeFailure::RefusedByClient));
        assert_eq!(sample(&metrics, &word(&reason)), Some(count), "{reason:?}");
    }
}

#[test]
fn a_failed_refresh_leaves_keys_and_time_as_they_were() {
    let metrics = metrics();

    metrics.keys_refreshed("github", RefreshOutcome::Ok, 4, 1_700_000_000.0);
    metrics.keys_refreshed("github", RefreshOutcome::Failed, 0, 1_700_000_900.0);

    for (key, value) in [
        (r#"octobroker_jwks_refreshes_total{issuer="github",outcome="ok"}"#, 1.0),
        (r#"octobroker_jwks_refreshes_total{issuer="github",outcome="failed"}"#, 1.0),
        (r#"octobroker_jwks_keys{issuer="github"}"#, 4.0),
        (r#"octobroker_jwks_last_success_timestamp_seconds{issuer="github"}"#, 1_700_000_000.0),
    ] {
        assert_eq!(sample(&metrics, key), Some(value), "{key}");
    }
}

#[test]
fn one_configuration_is_told_at_a_time() {
    let metrics = metrics();

    metrics.config_loaded("aaaa", 1_700_000_000.0);
    metrics.config_loaded("bbbb", 1_700_000_100.0);

    assert_eq!(sample(&metrics, r#"octobroker_config_info{digest="aaaa"}"#), None);
    assert_eq!(sample(&metrics, r#"octobroker_config_info{digest="bbbb"}"#), Some(1.0));
    assert_eq!(sample(&metrics, "octobroker_config_last_reload_successful"), Some(1.0));
    let key = "octobroker_config_last_reload_success_timestamp_seconds";
    assert_eq!(sample(&metrics, key), Some(1_700_000_100.0));
}

#[test]
fn the_names_of_an_earlier_configuration_count_on_for_a_while() {
    let labels = |name: &str| Labels {
        issuers: vec![name.to_owned()],
        service_accounts: vec![name.to_owned()],
        rules: vec![(name.to_owned(), name.to_owned())],
        listeners: Vec::new(),
    };
    let metrics = Metrics::new(&labels("n0")).unwrap();
    let total = |name: &str| {
        format!(
            "octobroker_requests_total{{code=\"ok\",door=\"bearer\",rule=\"{name}\",\
             service_account=\"{name}\"}}"
        )
    };
    let keys = |name: &str| format!("octobroker_jwks_keys{{issuer=\"{name}\"}}");
    let end = |name: &str| {
        metrics.request_ended(&RequestOutcome {
            door: Door::Bearer,
            rule: Some(name),
            service_account: Some(name),
            code: None,
            total: Duration::ZERO,
            overhead: Duration::ZERO,
        });
    };
    end("n0");
    metrics.keys_refreshed("n0", RefreshOutcome::Ok, 3, 1.0);

    metrics.configured(&labels("n1"));
    // A request that had begun before.
    end("n0");
    metrics.keys_refreshed("n0", RefreshOutcome::Ok, 3, 1.0);

    assert_eq!(sample(&metrics, &total("n0")), Some(2.0));
    assert_eq!(sample(&metrics, &total("n1")), Some(0.0));
    assert_eq!((sample(&metrics, &keys("n0")), sample(&metrics, &keys("n1"))), (None, Some(0.0)));
    for number in 2..=crate::limits::RETIRED_NAMES {
        metrics.configured(&labels(&format!("n{number}")));
    }
    assert_eq!(sample(&metrics, &total("n0")), Some(2.0));
    let bound = metrics.render().lines().count();
    metrics.configured(&labels("last"));
    assert_eq!(sample(&metrics, &total("n0")), None);
    metrics.configured(&labels("very last"));
    assert!(!metrics.render().contains("\"n0\""), "{}", metrics.render());
    assert!(metrics.render().lines().count() <= bound + 64);
}
