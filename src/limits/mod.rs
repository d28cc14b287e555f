//! Every bound in the program, with its reason. Those in [`Limits`] an operator may move; the
//! constants are properties of the protocols or of this program's own promises.

mod movable;

use std::time::Duration;

pub use movable::Limits;

/// Clock differences between a CI platform, Octopus and us that are forgiven (security: T13).
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(30);

/// One of which more is kept takes the place of several where verified tokens are remembered, so that
/// their number bounds their memory as well. Of usual ones 100-200 bytes are kept.
pub const VERIFIED_TOKEN_BYTES: usize = 2 << 10;

/// Deepest nesting of a JSON document that somebody else wrote.
pub const JSON_DEPTH: usize = 32;

/// Longest subject, in bytes: Octopus stores subjects of this order, longer ones are an attack.
pub const SUBJECT_BYTES: usize = 1 << 10;

/// Largest discovery document, in bytes. Real ones have 1-4 KiB.
pub const DISCOVERY_BYTES: usize = 64 << 10;

/// Largest key set document, in bytes. Google's and Microsoft's have 4-15 KiB.
pub const JWKS_BYTES: usize = 256 << 10;

/// Most keys taken from a key set; those after them are left out.
pub const JWKS_KEYS: usize = 100;

/// Key sets are read again this often.
pub const JWKS_REFRESH: Duration = Duration::from_secs(15 * 60);

/// An unknown key id, or a signature that does not hold with a known one, asks for a refresh at once,
/// then at most once in this time, so that made-up tokens can't turn the broker on its issuer.
pub const JWKS_UNKNOWN_KEY_COOLDOWN: Duration = Duration::from_secs(10);

/// First pause after a failed key fetch; it doubles up to [`JWKS_RETRY_MAX`].
pub const JWKS_RETRY_MIN: Duration = Duration::from_secs(1);

/// Longest pause after a failed key fetch.
pub const JWKS_RETRY_MAX: Duration = Duration::from_secs(30);

/// Keys of an issuer that can't be reached serve this long, then they are forgotten.
pub const JWKS_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest wait for one document of an issuer.
pub const ISSUER_TIMEOUT: Duration = Duration::from_secs(5);

/// Readiness waits at most this long for the first key fetches.
pub const FIRST_KEYS_TIMEOUT: Duration = Duration::from_secs(10);

/// Redirects followed, on the same origin only, when a document of an issuer is read.
pub const REDIRECTS: usize = 3;

/// A secret's file is looked at this often, at most, for a change.
pub const SECRET_FILE_LOOK: Duration = Duration::from_secs(1);

/// Longest ID token of our own, in bytes: what a broker accepts by default from others.
pub const OWN_TOKEN_BYTES: usize = 16 << 10;

/// Largest answer of a platform that is asked for an ID token, in bytes: a token and a few fields.
pub const OWN_TOKEN_ANSWER_BYTES: usize = 64 << 10;

/// Longest wait for one answer of a platform, and for a token's file: both are close by.
pub const OWN_TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A platform that is sick, busy or out of reach is asked this many times more in one go.
pub const OWN_TOKEN_RETRIES: u32 = 3;

/// Pause before the first of them; it doubles with each.
pub const OWN_TOKEN_RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Our own ID token is renewed this long before it expires, or at half its life if that is later:
/// time for several failures, and yet a token for which GitHub gives 5 min is used for 4.
pub const OWN_TOKEN_RENEW_BEFORE_EXPIRY: Duration = Duration::from_secs(60);

/// First pause after our own ID token could not be had; it doubles up to [`OWN_TOKEN_PAUSE_MAX`].
pub const OWN_TOKEN_PAUSE_MIN: Duration = Duration::from_secs(1);

/// Longest pause after our own ID token could not be had: below the renewal's head start, so that
/// it has more than one try.
pub const OWN_TOKEN_PAUSE_MAX: Duration = Duration::from_secs(20);

/// A command that prints an ID token may take this long: cloud CLIs start slowly.
pub const TOKEN_COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Of what such a command writes to stderr, this many bytes are kept for the log.
pub const TOKEN_COMMAND_STDERR_BYTES: usize = 4 << 10;

/// A used token is remembered this much longer than anybody could accept it, for the time between
/// the two looks at the clock.
pub const USED_TOKEN_MARGIN: Duration = Duration::from_secs(5);

/// It is looked at most this often which used tokens can be forgotten: a look at 100,000 takes a
/// millisecond.
pub const USED_TOKENS_LOOK: Duration = Duration::from_secs(1);

/// What has ended is forgotten at most this often where much is remembered, when something new comes or
/// it is counted: it is only memory, and a look at 100,000 takes milliseconds.
pub const SWEEP_TIME: Duration = Duration::from_secs(60);

/// Life of a stand-in for a service account with an API key: that of Octopus's access tokens.
pub const API_KEY_COVER: Duration = Duration::from_secs(60 * 60);

/// Largest request to the exchange door, in bytes: an ID token and three short fields.
pub const EXCHANGE_REQUEST_BYTES: usize = 64 << 10;

/// Largest answer of the token endpoint, in bytes.
pub const EXCHANGE_ANSWER_BYTES: usize = 64 << 10;

/// Longest access token, in bytes.
pub const ACCESS_TOKEN_BYTES: usize = 16 << 10;

/// No access token is kept longer than this, whatever `expires_in` says: Octopus's own live 1 h.
pub const ACCESS_TOKEN_LIFE_MAX: Duration = Duration::from_secs(60 * 60);

/// Life of an access token whose `expires_in` is missing or unusable.
pub const ACCESS_TOKEN_LIFE_UNKNOWN: Duration = Duration::from_secs(60);

/// An access token is renewed this long before it expires, or at half its life if that is later.
pub const RENEW_BEFORE_EXPIRY: Duration = Duration::from_secs(120);

/// An access token is not used in its last seconds: the request has yet to reach Octopus.
pub const UNUSABLE_BEFORE_EXPIRY: Duration = Duration::from_secs(5);

/// A refusal by Octopus is remembered this long, so that a loop can't flood its token endpoint.
pub const REFUSAL_REMEMBERED: Duration = Duration::from_secs(10);

/// First pause after an exchange that failed for Octopus's sake; it doubles up to
/// [`SICK_PAUSE_MAX`].
pub const SICK_PAUSE_MIN: Duration = Duration::from_secs(1);

/// Longest pause after an exchange that failed for Octopus's sake.
pub const SICK_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Longest pause that a `Retry-After` of the token endpoint may ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(10 * 60);

/// The published token endpoint is read again after this.
pub const TOKEN_ENDPOINT_LIFE: Duration = Duration::from_secs(6 * 60 * 60);

/// When even a fresh access token was answered with 401, the next forced exchange for the same
/// identity waits this long.
pub const REJECTION_COOLDOWN: Duration = Duration::from_secs(30);

/// A request body up to this size is held whole, so that the request can be sent once more.
pub const REPLAY_BODY_BYTES: usize = 64 << 10;

/// Largest request body that a narrowed rule reads to judge it: a release with hundreds of package
/// versions has a few KiB.
pub const JUDGED_BODY_BYTES: usize = 64 << 10;

/// Most spaces, projects or environments that a rule may list: they are compared one by one.
pub const NARROWING_NAMES: usize = 1_000;

/// Longest name of a space, project or environment, in bytes; Octopus takes 200 characters.
pub const NARROWING_NAME: usize = 800;

/// What is read, at most, of the body of a refused request, so that its caller sees the answer.
pub const REFUSED_BODY_BYTES: usize = 1 << 20;

/// How long, at most, the body of a refused request is read.
pub const REFUSED_BODY_TIME: Duration = Duration::from_secs(1);

/// Connections to Octopus that are being opened at once, TLS included: far fewer than a server's usual
/// accept queue holds (Kestrel's 512), and no more than a core shakes hands with in a tenth of a second.
pub const UPSTREAM_OPENINGS: usize = 64;

/// Connections that each thread opens as soon as a request finds none idle. With as many, a request
/// waits for one that comes back, for [`UPSTREAM_RETURN_TIME`], before it opens a further one.
pub const UPSTREAM_READILY_OPENED: usize = 64;

/// How long: long enough for a crowd of a thousand quick requests, short beside one that is slow.
pub const UPSTREAM_RETURN_TIME: Duration = Duration::from_millis(250);

/// Idle upstream connections kept, for each thread that serves: as many as it may have busy in a
/// burst. One that is closed for want of room is opened again at once, and a handshake costs more
/// than ten requests.
pub const UPSTREAM_IDLE_CONNECTIONS: usize = 1_024;

/// An idle upstream connection is closed after this: below Kestrel's 130 s and common balancers'
/// 60 s, so that ours is the side that closes.
pub const UPSTREAM_IDLE_TIME: Duration = Duration::from_secs(50);

/// An address that does not answer for so long gets company from the next (RFC 8305 5).
pub const CONNECT_ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// So many addresses are tried side by side: each takes a descriptor.
pub const CONNECT_ATTEMPTS: usize = 3;

/// An upstream connection is not reused beyond this age, so that a moved server is noticed.
pub const UPSTREAM_CONNECTION_AGE: Duration = Duration::from_secs(10 * 60);

/// How much is read from a caller's connection at once, in bytes, and may wait to be written to it:
/// twice as much would need more memory and no less work, half of it a tenth more work.
pub const BUFFER_BYTES: usize = 128 << 10;

/// Pieces that are written are first copied into one, up to so many bytes: the head of a message and
/// a small body.
pub const GATHERED_BYTES: usize = 2048;

/// Largest upstream answer head, in bytes.
pub const UPSTREAM_HEAD_BYTES: usize = 64 << 10;

/// Largest certificate or key file of a listener, in bytes: a chain of four has 8 KiB.
pub const TLS_FILE_BYTES: usize = 256 << 10;

/// Largest file of CA certificates, in bytes: all of Mozilla's are 220 KiB.
pub const CA_FILE_BYTES: usize = 4 << 20;

/// A listener's certificate files are looked at this often for a change.
pub const TLS_FILES_LOOK: Duration = Duration::from_secs(5);

/// A TLS handshake must be over after this.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// One address may have this part of all requests waiting before it is known who sends them: a
/// quarter.
pub const STRANGERS_SHARE: usize = 4;

/// Requests side by side on one HTTP/2 connection.
pub const HTTP2_STREAMS: u32 = 100;

/// What waits, at most, for one HTTP/2 stream's window to open, in bytes.
pub const HTTP2_SEND_BUFFER: usize = 64 << 10;

/// HTTP/2 connections are looked at this often for standing still.
pub const HTTP2_LOOK: Duration = Duration::from_secs(1);

/// Most rules in a configuration.
pub const RULES: usize = 1_000;

/// Most OIDC identities that one rule is given in Octopus: more than somebody reads through. Beyond,
/// a wildcard stands for the longest list.
pub const PLANNED_SUBJECTS: usize = 16;

/// Most users, teams, identities or keys that are read from Octopus in one list.
pub const ADMINISTERED_ITEMS: usize = 10_000;

/// Largest answer of Octopus's administration, in bytes: 100 users with their logins have 200 KiB.
pub const ADMINISTRATION_ANSWER_BYTES: usize = 4 << 20;

/// What Octopus refuses for its rate limit is asked again so often; a bucket refills within a minute.
pub const ADMINISTRATION_RETRIES: u32 = 8;

/// Pause before it is asked again, where Octopus names none.
pub const ADMINISTRATION_PAUSE: Duration = Duration::from_secs(2);

/// Longest pause that Octopus may ask for: somebody sits and waits.
pub const ADMINISTRATION_PAUSE_MAX: Duration = Duration::from_secs(30);

/// A key that ends within this is told: time for two weekly looks.
pub const KEY_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Most tests in one file of rule tests.
pub const RULE_TESTS: usize = 1_000;

/// Most conditions in one rule.
pub const CONDITIONS: usize = 32;

/// Longest pattern in a rule, in bytes.
pub const PATTERN_BYTES: usize = 512;

/// Names of issuers, accounts and rules that are configured no more, and whose counters stand on:
/// of each kind. Of a rule that is some ten series, of an issuer some twenty.
pub const RETIRED_NAMES: usize = 200;

/// The files of the configuration are looked at this often: a change is in force within seconds,
/// and a look costs a few microseconds.
pub const CONFIG_LOOK: Duration = Duration::from_secs(2);

/// systemd takes what it is told at once. Only one that hangs makes anybody wait, and a program that
/// serves must not hang with it.
pub const NOTIFY_TIMEOUT: Duration = Duration::from_secs(1);

/// A watchdog that wants to hear more often than this is not one: saying so must cost nothing.
pub const WATCHDOG_SPAN_MIN: Duration = Duration::from_millis(100);

/// A configuration that names new issuers serves when their keys are there, or after this.
pub const RELOAD_KEYS_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest configuration file, in bytes.
pub const CONFIG_BYTES: usize = 1 << 20;

/// Of the rules that a refused token missed, this many are logged: a refusal must not cost a
/// megabyte of log.
pub const LOGGED_MISSES: usize = 20;

/// Claim values are cut at this many characters in the log.
pub const LOGGED_VALUE_CHARS: usize = 256;

/// Refusals kept to be asked about, at most; and as many of the other requests.
pub const DECISIONS: usize = 1_000;

/// Their bytes, at most: a refusal has 1-2 KiB, more where many rules were tried.
pub const REFUSAL_BYTES: usize = 2 << 20;

/// The bytes of the others, at most: 0.7 KiB each.
pub const DECISION_BYTES: usize = 1 << 20;

/// Of requests with one id, this many are shown: ids come from callers, who may reuse them.
pub const DECISIONS_SHOWN: usize = 10;

/// Bytes of the log that wait to be written, at most; further lines are lost, and counted. Some 8,000
/// lines of requests.
pub const LOG_BYTES: usize = 8 << 20;

/// From so many waiting bytes on, requests wait too: sooner than that one line of theirs is lost.
pub const LOG_BYTES_SLOW: usize = 4 << 20;

/// Bytes of whole lines that are written in one call, at most, but for a line that is longer.
pub const LOG_BYTES_AT_ONCE: usize = 32 << 10;

/// So long, at most, lines gather after a write until the next: under load a call for each line
/// would cost more than all else that is done for a request. A single line is written at once.
pub const LOG_GATHER_TIME: Duration = Duration::from_millis(2);

/// How long a request waits for room in the log, before it is refused as `overloaded`.
pub const LOG_WAIT: Duration = Duration::from_secs(5);

/// How long the program's end waits for the log.
pub const LOG_FLUSH: Duration = Duration::from_secs(1);

/// Of so many peers, at most, failed authentications are remembered.
pub const FAILING_PEERS: u64 = 10_000;

/// A peer without a failure can be forgotten after this; its patience is whole again long before.
pub const FAILING_PEER_REMEMBERED: Duration = Duration::from_secs(60);

/// Most threads that serve connections: more would only cost memory and descriptors.
pub const WORKER_THREADS: usize = 16;

/// File descriptors kept for issuers, exchange, admin and the log, and three for each thread, below
/// the process's limit.
pub const DESCRIPTOR_RESERVE: u64 = 128;

/// Most connections to the admin listener.
pub const ADMIN_CONNECTIONS: usize = 64;

/// Pause of the admin listener when a connection can't be accepted.
pub const ADMIN_ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection to the admin listener without a request is closed after this: two scrapes apart.
pub const ADMIN_IDLE_TIME: Duration = Duration::from_secs(120);

/// A connection to the admin listener ends after this, busy or not, so that one that reads nothing
/// does not keep its place for ever.
pub const ADMIN_CONNECTION_TIME: Duration = Duration::from_secs(10 * 60);

/// What is being answered then has so long to end.
pub const ADMIN_LAST_ANSWER_TIME: Duration = Duration::from_secs(10);

/// Largest request head on the admin listener, in bytes.
pub const ADMIN_HEAD_BYTES: usize = 16 << 10;

/// Identities, and as many stand-ins, that the status lists: what a person looks through. How many
/// there are is said besides.
pub const STATUS_ROWS: usize = 100;

/// Refusals that the status lists; the others are found by their ids.
pub const STATUS_REFUSALS: usize = 50;

/// Of the rules that a refused token missed, the page shows this many.
pub const STATUS_MISSES: usize = 5;

/// Texts that others wrote are cut at this many characters in the status: a subject has no more.
pub const STATUS_TEXT_CHARS: usize = 1 << 10;
