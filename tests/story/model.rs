//! What must come of a story, told without caches: per identity and account the access token that
//! was given last, and until when Octopus is to be left alone.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use octobroker::broker::{Admission, Credential, Holder};
use octobroker::secret::Secret;
use octobroker::telemetry::Code;

use crate::Step;
use crate::octopus::Mood;
use crate::world::{Key, STAND_IN_LIFE, World, subject_of};

/// Forgiven between clocks, in seconds.
const LEEWAY: u64 = 30;

pub(crate) struct Model {
    world: World,
    jobs: Vec<Job>,
    logins: Vec<Login>,
    known: HashMap<Key, Known>,
    /// The credential that was used last.
    last: Option<(Key, Admission)>,
}

struct Job {
    token: String,
    expires: u64,
}

struct Login {
    stand_in: Secret,
    key: Key,
    token: String,
    expires: u64,
    issued: u64,
}

/// Seconds after which a failure does not count in a row with the next.
const FORGOTTEN_AFTER: u64 = 600;

/// What is known of an identity as an account.
#[derive(Default)]
struct Known {
    good: Option<Good>,
    /// No exchange before.
    quiet_until: u64,
    /// But with other tokens than this: one that is refused at its end says nothing of the next.
    quiet_for: Option<String>,
    failures: u32,
}

#[derive(Clone)]
struct Good {
    text: String,
    since: u64,
    life: u64,
}

impl Good {
    fn is_usable(&self, now: u64) -> bool {
        let life = self.life * 1_000;
        (now - self.since) * 1_000 < life - (life / 4).min(5_000)
    }

    /// Nobody needs to renew it.
    fn is_fresh(&self, now: u64) -> bool {
        let life = self.life * 1_000;
        (now - self.since) * 1_000 < life - (life / 2).min(120_000)
    }
}

impl Model {
    pub(crate) fn new(world: World) -> Self {
        Self { world, jobs: Vec::new(), logins: Vec::new(), known: HashMap::new(), last: None }
    }

    pub(crate) async fn take(&mut self, step: &Step) {
        match step {
            Step::Begin { subject, life } => {
                let life = Duration::from_secs(*life);
                let token = self.world.mint(&format!("job:{subject}"), life);
                self.jobs.push(Job { token, expires: self.world.now() + life.as_secs() });
            }
            Step::Ask { job, account, callers } => {
                drop(self.ask(*job, *account, *callers).await);
            }
            Step::LogIn { job, account } => self.log_in(*job, *account).await,
            Step::Use { login } => self.redeem(*login).await,
            Step::Revoke => self.revoke().await,
            Step::Pass(seconds) => self.world.clock.advance(Duration::from_secs(*seconds)),
            Step::Reach { end, is_before } => {
                let ends = self.ends();
                if let Some(left) = ends.get(end % ends.len().max(1)) {
                    let left = left - u64::from(*is_before);
                    self.world.clock.advance(Duration::from_secs(left));
                }
            }
            Step::Change(mood) => *self.world.octopus.mood.lock().expect("no panic") = *mood,
        }
    }

    /// In how many seconds the next few things end: tokens, stand-ins, pauses.
    fn ends(&self) -> Vec<u64> {
        let jobs = self.jobs.iter().flat_map(|job| [job.expires, job.expires + LEEWAY]);
        let logins = self.logins.iter().map(|login| login.issued + STAND_IN_LIFE);
        let known = self.known.values().flat_map(|known| {
            let good = known.good.iter().flat_map(|good| {
                let end = good.since + good.life;
                [end - (good.life / 2).min(120), end - (good.life / 4).min(5), end]
            });
            good.chain([known.quiet_until]).collect::<Vec<_>>()
        });
        let now = self.world.now();
        let mut ends: Vec<u64> =
            jobs.chain(logins).chain(known).filter_map(|end| end.checked_sub(now)).collect();
        ends.retain(|left| *left > 0);
        ends.sort_unstable();
        ends.truncate(6);
        ends
    }

    /// A job's request; gives its admission if it may use an access token.
    async fn ask(
        &mut self,
        job: usize,
        account: u8,
        callers: usize,
    ) -> Option<(Admission, (String, u64))> {
        let job = &self.jobs[self.jobs.len() - 1 - job % self.jobs.len()];
        let (token, expires) = (job.token.clone(), job.expires);
        let account = if account == 0 { "one" } else { "two" };
        let before = self.exchanges();
        let admitted = self.world.admit(&token, account).await;
        let is_live = self.world.now() < expires + LEEWAY;
        let admission = match admitted {
            Ok(admission) => admission,
            Err(error) => {
                assert!(!is_live, "a live token is refused: {error}");
                assert_eq!(error.code(), Code::TokenExpired);
                assert_eq!(self.exchanges(), before);
                return None;
            }
        };
        assert!(is_live, "a token is admitted {} s after its end", self.world.now() - expires);
        let key = (account.to_owned(), subject_of(&token));
        let can_renew = self.world.now() < expires;
        let whose = (&key, &*token, expires);
        let is_given = self.obtain(whose, &admission, callers, (true, can_renew)).await;
        is_given.then_some((admission, (token, expires)))
    }

    /// Asks for the access token of an admission, so many at once, and judges what comes of it.
    async fn obtain(
        &mut self,
        (key, token, expires): (&Key, &str, u64),
        admission: &Admission,
        callers: usize,
        (may_exchange, can_renew): (bool, bool),
    ) -> bool {
        let now = self.world.now();
        let before = self.exchanges();
        let outcomes = join_all((0..callers).map(|_| self.world.credential(admission))).await;
        self.world.settle().await;
        let exchanged = self.world.octopus.exchanges.lock().expect("no panic")[before..].to_vec();
        assert!(exchanged.len() <= 1, "{} exchanges for one", exchanged.len());
        assert!(exchanged.iter().all(|other| other == key), "{exchanged:?} for {key:?}");
        let known = self.known.entry(key.clone()).or_default();
        let is_meant = known.quiet_for.as_ref().is_none_or(|other| other == token);
        let is_quiet = now < known.quiet_until && is_meant;
        let usable = known.good.clone().filter(|good| good.is_usable(now));
        let mood = *self.world.octopus.mood.lock().expect("no panic");
        let is_needed = usable.is_none() && !is_quiet && may_exchange;
        let is_allowed = match &usable {
            Some(good) => !good.is_fresh(now) && !is_quiet && can_renew,
            None => is_needed,
        };
        assert!(exchanged.is_empty() || is_allowed, "an exchange that nobody needs");
        assert!(!exchanged.is_empty() || !is_needed, "no exchange, and nothing at hand");
        let is_had = usable.is_some() || (is_needed && matches!(mood, Mood::Well { .. }));
        let given = format!("at.{}.{}.", key.0, key.1);
        for outcome in &outcomes {
            match outcome {
                Ok(text) => assert!(is_had && text.starts_with(&given), "{text} for {key:?}"),
                Err(failure) => assert!(!is_had, "{failure} although one is there"),
            }
        }
        if let (Some(good), Some(Ok(text))) = (&usable, outcomes.first()) {
            assert_eq!(text, &good.text, "the one at hand serves");
        }
        if !exchanged.is_empty() {
            known.learn(mood, now, format!("{given}{before}"));
            let is_for_one = now + LEEWAY >= expires && matches!(mood, Mood::Refuses);
            known.quiet_for = is_for_one.then(|| token.to_owned());
        }
        self.last = is_had.then(|| (key.clone(), admission.clone()));
        is_had
    }

    async fn log_in(&mut self, job: usize, account: u8) {
        let Some((admission, (token, expires))) = self.ask(job, account, 1).await else { return };
        let key =
            (admission.service_account().name.clone(), admission.identity().subject.to_owned());
        let issued = self.world.now();
        if let Ok(stand_in) = self.world.broker.issue_stand_in(admission) {
            self.logins.push(Login { stand_in, key, token, expires, issued });
        }
    }

    async fn redeem(&mut self, login: usize) {
        if self.logins.is_empty() {
            return;
        }
        let login = &self.logins[self.logins.len() - 1 - login % self.logins.len()];
        let (key, token, now) = (login.key.clone(), login.token.clone(), self.world.now());
        let expires = login.expires;
        let is_alive = now < login.issued + STAND_IN_LIFE;
        let can_exchange = now < login.expires;
        let good = self.known.get(&key).and_then(|known| known.good.clone());
        let is_covered = good.is_some_and(|good| good.is_usable(now));
        let holder = self.world.broker.redeem(&login.stand_in);
        let Some(Holder::Workload(admission)) = holder else {
            assert!(!(is_alive && can_exchange), "a live stand-in is refused");
            return;
        };
        assert!(is_alive && (can_exchange || is_covered), "a stand-in outlives its time");
        assert_eq!(admission.service_account().name, key.0);
        assert_eq!(admission.identity().subject, key.1);
        self.obtain((&key, &token, expires), &admission, 1, (can_exchange, can_exchange)).await;
    }

    async fn revoke(&mut self) {
        let Some((key, admission)) = self.last.take() else { return };
        let known = self.known.entry(key).or_default();
        let now = self.world.now();
        let Some(good) = known.good.clone().filter(|good| good.is_fresh(now)) else { return };
        let Ok(Credential::AccessToken(obtained)) = self.world.obtained(&admission).await else {
            panic!("a fresh token is not given");
        };
        assert_eq!(obtained.token().expose(), good.text);
        assert!(self.world.broker.access_tokens().reject(&admission, &obtained));
        known.good = None;
    }

    fn exchanges(&self) -> usize {
        self.world.octopus.exchanges.lock().expect("no panic").len()
    }
}

impl Known {
    /// What an exchange in this mood leaves behind.
    fn learn(&mut self, mood: Mood, now: u64, text: String) {
        // What is long past is forgotten.
        if now >= self.quiet_until + FORGOTTEN_AFTER {
            self.failures = 0;
        }
        self.failures += 1;
        let backoff = (1 << (self.failures - 1).min(10)).min(30);
        self.quiet_until = now
            + match mood {
                Mood::Well { life } => {
                    self.failures = 0;
                    self.good = Some(Good { text, since: now, life });
                    0
                }
                Mood::Refuses => 10,
                Mood::Sick => backoff,
                Mood::Busy { pause } => pause.max(1),
            };
    }
}
