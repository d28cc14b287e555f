//! Turns, on a clock that waits for nobody.

use http::StatusCode;

use super::*;
use crate::clock::SystemClock;
use crate::telemetry::Labels;

const PATIENCE: Duration = Duration::from_secs(30);

fn account(name: &str) -> ServiceAccount {
    ServiceAccount {
        name: name.to_owned(),
        id: None,
        audience: None,
        api_key: None,
        is_agent: false,
    }
}

fn budget() -> Arc<RateBudget> {
    let metrics = Metrics::new(&Labels::default()).unwrap();
    RateBudgets::new(Arc::new(SystemClock::new()), Arc::new(metrics)).of(&account("bot"))
}

/// An answer of a server that allows `burst` at once and 60 a minute.
fn answer(status: StatusCode, burst: u32, remaining: u32) -> Response<()> {
    Response::builder()
        .status(status)
        .header("octopus-ratelimit-policy", format!("l={burst};rpm=60"))
        .header("octopus-ratelimit", format!("r={remaining};t=1"))
        .body(())
        .unwrap()
}

fn everybody(number: u64) -> Caller {
    Caller { number, is_agent: false }
}

/// A budget that is known to be spent.
async fn spent() -> Arc<RateBudget> {
    let budget = budget();
    let turn = budget.turn(everybody(0), Instant::now() + PATIENCE).await;
    turn.answered(&answer(StatusCode::OK, 10, 0));
    let turn = budget.turn(everybody(0), Instant::now() + PATIENCE).await;
    turn.answered(&answer(StatusCode::OK, 10, 0));
    budget
}

/// In which order callers get their turns; each is asked for in this order.
async fn order(budget: &Arc<RateBudget>, callers: &[Caller]) -> Vec<(u64, bool)> {
    let (note, mut notes) = tokio::sync::mpsc::channel(100);
    for caller in callers {
        let (budget, caller, note) = (Arc::clone(budget), *caller, note.clone());
        tokio::task::yield_now().await;
        tasks::spawn(async move {
            let turn = budget.turn(caller, Instant::now() + PATIENCE).await;
            note.send((caller.number, caller.is_agent)).await.unwrap();
            turn.answered(&answer(StatusCode::OK, 10, 0));
        });
        tokio::task::yield_now().await;
    }
    drop(note);
    let mut order = Vec::new();
    while let Some(noted) = notes.recv().await {
        order.push(noted);
    }
    order
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_is_waited_for_at_its_rate() {
    let budget = spent().await;
    let start = Instant::now();

    for _ in 0..3 {
        let turn = budget.turn(everybody(0), Instant::now() + PATIENCE).await;
        turn.answered(&answer(StatusCode::OK, 10, 0));
    }

    // What is left was told rounded down: between two and three refills of a second each.
    assert!((2..=3).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn callers_take_turns() {
    let budget = spent().await;
    let many = [1, 1, 1, 1, 2, 3].map(everybody);

    let order: Vec<u64> = order(&budget, &many).await.into_iter().map(|(who, _)| who).collect();

    assert_eq!(order, [1, 2, 3, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn agents_come_after_everybody_else() {
    let budget = spent().await;
    let agent = Caller { number: 9, is_agent: true };
    let callers = [everybody(1), agent, agent, everybody(2), everybody(3)];

    let order: Vec<u64> = order(&budget, &callers).await.into_iter().map(|(who, _)| who).collect();

    assert_eq!(order, [1, 2, 3, 9, 9]);
}

#[tokio::test(start_paused = true)]
async fn impatience_goes_without_a_turn() {
    let budget = spent().await;
    let refused = answer(StatusCode::TOO_MANY_REQUESTS, 10, 0);
    let turn = budget.turn(everybody(0), Instant::now() + PATIENCE).await;
    turn.answered(&refused);
    let start = Instant::now();

    let turn = budget.turn(everybody(0), start).await;

    assert_eq!((turn.waited, start.elapsed()), (Duration::ZERO, Duration::ZERO));
    assert!(!budget.has_hope(start));
    assert!(budget.has_hope(start + PATIENCE));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_gone_takes_nobodys_turn() {
    let budget = spent().await;
    for number in 0..50 {
        let (budget, patience) = (Arc::clone(&budget), Instant::now() + PATIENCE);
        let waiting = tasks::spawn(async move { budget.turn(everybody(number), patience).await });
        tokio::task::yield_now().await;
        waiting.abort();
    }
    let start = Instant::now();

    budget.turn(everybody(99), start + PATIENCE).await;

    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn another_user_under_the_same_name_has_a_budget_of_its_own() {
    let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
    let budgets = RateBudgets::new(Arc::new(SystemClock::new()), metrics);
    let with_id = |id: &str| ServiceAccount { id: Some(id.to_owned()), ..account("bot") };

    let first = budgets.of(&with_id("1"));

    assert!(Arc::ptr_eq(&first, &budgets.of(&with_id("1"))));
    assert!(!Arc::ptr_eq(&first, &budgets.of(&with_id("2"))));
}

#[tokio::test(start_paused = true)]
async fn good_news_ends_a_wait_early() {
    let budget = budget();
    let under_way = budget.turn(everybody(0), Instant::now() + PATIENCE).await;
    let blocked = budget.turn(everybody(0), Instant::now() + PATIENCE).await;
    blocked.answered(&answer(StatusCode::OK, 10, 0));
    budget.turn(everybody(0), Instant::now() + PATIENCE).await.answered(&answer(
        StatusCode::OK,
        10,
        0,
    ));
    let start = Instant::now();
    let patience = start + PATIENCE;
    let waiting = tasks::spawn({
        let budget = Arc::clone(&budget);
        async move { budget.turn(everybody(1), patience).await }
    });
    tokio::task::yield_now().await;

    under_way.answered(&answer(StatusCode::OK, 10, 8));
    waiting.await.unwrap();

    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
}
