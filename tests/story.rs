//! The heart without a socket: made-up stories of jobs, passing time, an Octopus in changing moods,
//! revocations and logins, held against a model that knows nothing of caches.
//!
//! What the model demands: a token is admitted while it lives and never after; an access token is
//! given to nobody but its own identity and account, and only while it is good; of those who ask at
//! once, one exchanges; nobody exchanges for what is at hand, or before a pause has passed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a broken assumption is to end it"
)]

#[path = "story/model.rs"]
mod model;
#[path = "story/octopus.rs"]
mod octopus;
#[path = "story/world.rs"]
mod world;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use model::Model;
use octopus::Mood;
use world::World;

/// One thing that happens. Jobs and logins are counted from the newest, and wrap round.
#[derive(Clone, Debug)]
enum Step {
    /// A job begins: it gets a token for one of two subjects.
    Begin { subject: u8, life: u64 },
    /// A job asks to act as one of two accounts, several times at once.
    Ask { job: usize, account: u8, callers: usize },
    /// A job logs in, and gets a stand-in.
    LogIn { job: usize, account: u8 },
    /// A stand-in is used.
    Use { login: usize },
    /// Octopus rejects the access token that was used last.
    Revoke,
    /// Seconds pass.
    Pass(u64),
    /// Time passes until something ends, or until a second before.
    Reach { end: usize, is_before: bool },
    /// Octopus answers differently from now on.
    Change(Mood),
}

fn step() -> impl Strategy<Value = Step> {
    let mood = prop_oneof![
        4 => (1..1_200_u64).prop_map(|life| Mood::Well { life }),
        1 => Just(Mood::Refuses),
        1 => Just(Mood::Sick),
        1 => (0..100_u64).prop_map(|pause| Mood::Busy { pause }),
    ];
    prop_oneof![
        2 => (0..2_u8, 30..900_u64).prop_map(|(subject, life)| Step::Begin { subject, life }),
        8 => (0..3_usize, 0..2_u8, 1..4_usize)
            .prop_map(|(job, account, callers)| Step::Ask { job, account, callers }),
        1 => (0..3_usize, 0..2_u8).prop_map(|(job, account)| Step::LogIn { job, account }),
        3 => (0..3_usize).prop_map(|login| Step::Use { login }),
        1 => Just(Step::Revoke),
        1 => prop_oneof![1..12_u64, 1..400_u64].prop_map(Step::Pass),
        5 => (any::<usize>(), any::<bool>()).prop_map(|(end, is_before)| Step::Reach { end, is_before }),
        2 => mood.prop_map(Step::Change),
    ]
}

/// So many cases, made of the same chance with each run.
fn always_the_same(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(1_795_000_000);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(always_the_same(128))]

    #[test]
    fn no_story_leads_past_the_model(steps in vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut model = Model::new(World::start(100).await);
            model.take(&Step::Begin { subject: 0, life: 600 }).await;
            for step in &steps {
                model.take(step).await;
            }
        });
    }
}

#[tokio::test]
async fn no_more_access_tokens_are_remembered_than_allowed() {
    let world = World::start(8).await;
    for subject in 0..60 {
        let token = world.mint(&format!("job:{subject}"), Duration::from_secs(600));
        let admission = world.admit(&token, "one").await.expect("an admission");
        assert!(world.credential(&admission).await.is_ok());
    }

    let remembered = world.broker.access_tokens().remembered();
    assert!((1..=8).contains(&remembered), "{remembered}");
}
