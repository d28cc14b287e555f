//! `limits:` and `log:`

use std::time::Duration;

use super::{each_is_refused, sound};
use crate::config::{LogConfig, LogFormat};
use crate::limits::Limits;
use crate::proxy::{Issues, TokenDoor};
use crate::telemetry::Level;

#[test]
fn a_bound_is_sane_and_has_its_unit() {
    each_is_refused(&[
        (
            "limits: {id_token_size: 128KiB}",
            "1:25: limits.id_token_size",
            "at least 256B and at most 64KiB",
        ),
        (
            "limits: {id_token_size: 16KB}",
            "1:25: limits.id_token_size",
            "B, KiB or MiB, such as 64KiB",
        ),
        ("limits: {id_token_size: 1.5KiB}", "1:25: limits.id_token_size", "must be a size"),
        ("limits: {id_token_size: big}", "1:25: limits.id_token_size", "must be a size"),
        ("limits: {head_size: 4KiB}", "1:21: limits.head_size", "at least 8KiB and at most 1MiB"),
        ("limits: {head_size: 16KiB}", "1:21: limits.head_size", "would not fit into a head"),
        ("limits: {head_size: 99999999999999MiB}", "1:21: limits.head_size", "must be a size"),
        (
            "limits: {target_size: 64KiB}",
            "1:23: limits.target_size",
            "at least 1KiB and at most 60KiB",
        ),
        ("limits: {headers: 0}", "1:19: limits.headers", "at least 1 and at most 1000"),
        ("limits: {headers: -1}", "1:19: limits.headers", "must be a whole number, digits only"),
        ("limits: {headers: 1e2}", "1:19: limits.headers", "must be a whole number"),
        ("limits: {headers: 1_00}", "1:19: limits.headers", "must be a whole number"),
        ("limits: {connections: 1000001}", "1:23: limits.connections", "at most 1000000"),
        (
            "limits: {concurrent_requests: []}",
            "1:10: limits.concurrent_requests",
            "must be one value",
        ),
        ("limits: {drain: 0s}", "1:17: limits.drain", "at least 1ms"),
        (
            "limits: {drain: 30}",
            "1:17: limits.drain",
            "must be a duration: a whole number and ms, s",
        ),
        ("limits: {drain: 5M}", "1:17: limits.drain", "must be a duration: a whole number and ms"),
        ("limits: {drain: 1.5m}", "1:17: limits.drain", "must be a duration: a whole number"),
        ("limits: {drain: 1month}", "1:17: limits.drain", "must be a duration: a whole number"),
        ("limits: {drain: 2h}", "1:17: limits.drain", "at most 1h"),
        (
            "limits: {rate_limit_wait: 6m}",
            "1:27: limits.rate_limit_wait",
            "at least 0s and at most 5m",
        ),
        ("limits: {header: 3}", "1:10: limits.header", "did you mean `headers`?"),
        ("limits: 3", "1:9: limits", "must be a map"),
    ]);
}

#[test]
fn every_bound_can_be_moved() {
    let limits = sound(
        "limits:
  id_token_size: 8KiB
  head_size: 32 KiB
  target_size: 4KiB
  headers: 50
  head_timeout: 5s
  keep_alive_timeout: 30s
  connections: 100
  peer_connections: 10
  failed_authentications: 3
  failed_authentications_burst: 30
  concurrent_requests: 20
  verified_tokens: 1000
  access_tokens: '500'
  stand_ins: 50
  used_tokens: 60
  exchange_timeout: 7s
  rate_limit_wait: 0s
  drain: 10s",
    )
    .limits;

    let expected = Limits {
        id_token_bytes: 8 << 10,
        head_bytes: 32 << 10,
        target_bytes: 4 << 10,
        headers: 50,
        head_timeout: Duration::from_secs(5),
        keep_alive_timeout: Duration::from_secs(30),
        connections: 100,
        peer_connections: 10,
        failed_authentications: 3,
        failed_authentications_burst: 30,
        concurrent_requests: 20,
        verified_tokens: 1_000,
        access_tokens: 500,
        stand_ins: 50,
        used_tokens: 60,
        exchange_timeout: Duration::from_secs(7),
        rate_limit_wait: Duration::ZERO,
        drain: Duration::from_secs(10),
    };
    assert_eq!(limits, expected);
    assert_eq!(sound("limits:").limits, Limits::default());
}

#[test]
fn the_exchange_door_gives_out_one_of_two_things() {
    each_is_refused(&[
        ("token_door: {issues: token}", "1:22: token_door.issues", "one of stand-in, access-token"),
        (
            "token_door: {stand_in_lifetime: 0s}",
            "1:33: token_door.stand_in_lifetime",
            "must be at least 1s and at most 7days",
        ),
        (
            "token_door: {stand_in_lifetime: 8d}",
            "1:33: token_door.stand_in_lifetime",
            "must be at least 1s and at most 7days",
        ),
        ("token_door: {lifetime: 1h}", "1:14: token_door.lifetime", "unknown key"),
    ]);

    let door = sound("token_door: {issues: access-token, stand_in_lifetime: 1h}").token_door;
    let expected =
        TokenDoor { issues: Issues::AccessToken, stand_in_lifetime: Duration::from_secs(3600) };
    assert_eq!(door, expected);
}

#[test]
fn the_log_has_two_forms_and_five_levels() {
    each_is_refused(&[
        ("log: {format: xml}", "1:15: log.format", "`xml` must be one of json, pretty"),
        ("log: {format: JSON}", "1:15: log.format", "did you mean `json`?"),
        ("log: {level: warning}", "1:14: log.level", "did you mean `warn`?"),
        ("log: {level: [info]}", "1:7: log.level", "must be one value"),
        ("log: {lvl: info}", "1:7: log.lvl", "unknown key"),
    ]);

    let log = sound("log: {format: pretty, level: trace}").log;
    assert_eq!(log, LogConfig { format: Some(LogFormat::Pretty), level: Level::Trace });
    assert_eq!(sound("log: {}").log, LogConfig { format: None, level: Level::Info });
}
