//! The judges of `fuzz/judges` on all seeds of `fuzz/seeds`, and on seeds that were damaged: what the
//! fuzz targets do for hours, done for seconds with every test run. A seed is named after its row of
//! the catalogue of bad inputs, or says itself what it is.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a judge ends a test at the first thing that does not hold"
)]

#[path = "../fuzz/judges/src/lib.rs"]
pub mod judges;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use octobroker::identity::{IdToken, KeySet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use proptest::{option, sample::select};

type Judge = fn(&[u8]);

const JUDGES: [(&str, Judge); 8] = [
    ("claims", judges::claims::judge),
    ("config", judges::config::judge),
    ("exchange_answer", judges::exchange_answer::judge),
    ("glob", judges::glob::judge),
    ("id_token", judges::id_token::judge),
    ("jwks", judges::jwks::judge),
    ("rate_headers", judges::rate_headers::judge),
    ("target", judges::target::judge),
];

#[test]
fn every_seed_is_judged_right() {
    for (name, judge) in JUDGES {
        for (seed, bytes) in seeds(name) {
            holds(judge, &format!("{name}/{seed}"), &bytes);
        }
    }
}

/// Always the same damage, so that a run that fails fails again.
#[test]
fn damaged_seeds_are_judged_right() {
    const ROUNDS: usize = 12;
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for (name, judge) in JUDGES {
        let seeds = seeds(name);
        for (seed, bytes) in &seeds {
            for round in 0..ROUNDS {
                let (_, other) = &seeds[chance.below(seeds.len())];
                let damaged = chance.damage(bytes, other);
                holds(judge, &format!("{name}/{seed}, round {round}"), &damaged);
            }
        }
    }
}

#[test]
fn every_judge_has_a_target_and_seeds_and_nothing_is_left_over() {
    let judges: Vec<String> = JUDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let manifest = read("fuzz/Cargo.toml");
    let bins = manifest.split("[[bin]]\n").skip(1).filter_map(|bin| bin.split('"').nth(1));
    let mut bins: Vec<&str> = bins.collect();
    bins.sort_unstable();

    assert_eq!(bins, judges);
    assert_eq!(names("fuzz/seeds"), judges);
    assert_eq!(
        names("fuzz/targets"),
        judges.iter().map(|name| format!("{name}.rs")).collect::<Vec<_>>()
    );
    for name in &judges {
        let target = read(&format!("fuzz/targets/{name}.rs"));
        assert!(target.contains(&format!("judges::{name}::judge")), "{name}");
    }
}

#[test]
fn a_judge_can_say_no_and_the_good_seeds_are_good() {
    let judged =
        |judge: Judge, bytes: &[u8]| catch_unwind(AssertUnwindSafe(|| judge(bytes))).is_ok();
    let is_never = |_: &[u8]| panic!("never");

    assert!(!judged(is_never, b""));
    let keys = fs::read(folder("fuzz/seeds/jwks/good")).expect("a seed");
    let token = IdToken::parse(judges::jwks::TOKEN, 1_000).expect("a token");
    assert!(KeySet::parse(&keys).expect("a key set").verifies(&token).is_ok());
    let config = read("fuzz/seeds/config/good");
    let path = Path::new("octobroker.yaml");
    assert!(octobroker::config::parse(&config, path, &|_| None).is_ok());
}

/// The same chance with each run, as everywhere here.
fn always_the_same() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(1_795_000_000);
    ProptestConfig { cases: 512, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(always_the_same())]

    /// Damage seldom makes escapes: here are nothing but those, and what they stand for.
    #[test]
    fn made_up_paths_are_judged_right(
        pieces in vec(select(&PIECES[..]), 0..12),
        query in option::of("[aApPiIkKeEyY&;=%612_x]{0,16}"),
    ) {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        judges::target::judge(format!("/{}{query}", pieces.concat()).as_bytes());
    }

    #[test]
    fn made_up_patterns_are_judged_right(
        pattern in "([ab/:?é]|\\*{1,3}|\\\\[*?/\\\\]){0,10}",
        text in "[ab/:*?\\\\é]{0,16}",
    ) {
        judges::glob::judge(format!("{pattern}\n{text}").as_bytes());
    }
}

const PIECES: [&str; 24] = [
    "/", "%", "%2", "%25", "%32", "%35", "%65", "%66", "%2e", "%2F", "%5c", "%3b", "%00", "%20",
    "%ef", "%bc", "%8e", "2e", "5", "e", ".", ";", " ", "a",
];

/// Fails with the name of the input beside what the judge says.
fn holds(judge: Judge, name: &str, bytes: &[u8]) {
    let is_right = catch_unwind(AssertUnwindSafe(|| judge(bytes))).is_ok();
    assert!(is_right, "{name}: {}", bytes.escape_ascii());
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let home = format!("fuzz/seeds/{name}");
    let seeds = names(&home).into_iter().map(|seed| {
        let bytes = fs::read(folder(&format!("{home}/{seed}"))).expect("a seed");
        (seed, bytes)
    });
    let seeds: Vec<_> = seeds.collect();
    assert!(!seeds.is_empty(), "{name} has no seeds");
    seeds
}

fn names(home: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(home)).expect("a folder of the project");
    let entry = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> =
        entries.map(|found| entry(found).into_string().expect("a plain name")).collect();
    names.sort();
    names
}

fn read(file: &str) -> String {
    fs::read_to_string(folder(file)).expect("a file of the project")
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Xorshift: chance enough to damage bytes, and the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }

    /// One to three of: a bit turned, bytes lost, bytes twice, something spiteful put in, the end of
    /// another input.
    fn damage(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        const SPITE: [&[u8]; 12] = [
            b"%25", b"%2e", b"/", b"..", b"\xff", b"\\", b"\"", b"\n", b"**", b"e999", b"{", b"\0",
        ];
        let mut damaged = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(damaged.len() + 1);
            let length = self.below(8).min(damaged.len() - at);
            match self.below(5) {
                0 if at < damaged.len() => damaged[at] ^= 1 << self.below(8),
                1 => drop(damaged.drain(at..at + length)),
                2 => damaged.extend_from_within(at..at + length),
                3 => {
                    let spite = SPITE[self.below(SPITE.len())];
                    drop(damaged.splice(at..at, spite.iter().copied()));
                }
                _ => {
                    damaged.truncate(at);
                    damaged.extend_from_slice(&other[self.below(other.len() + 1)..]);
                }
            }
        }
        damaged
    }
}
