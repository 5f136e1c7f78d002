use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use axum_chassis::health::{Check, Health};
use serde_json::Value;
use tokio::time::{Instant, advance, sleep};

use crate::{eventually, passes, report, status, switched};

const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

/// Started, with these checks running soon and often.
fn started(checks: impl IntoIterator<Item = Check>) -> Health {
    let builder = checks
        .into_iter()
        .fold(Health::builder(), |builder, check| {
            builder.check(check.interval(Check::MIN_INTERVAL).staleness(HOUR))
        });
    let health = builder.build();
    health.mark_started();
    health
}

fn check_in(report: &Value) -> &Value {
    &report["checks"]["store"][0]
}

fn output(health: &Health) -> String {
    check_in(&report(health))["output"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn readiness_follows_a_critical_check() {
    let switch = Arc::new(AtomicBool::new(true));
    let health = started([switched("store", &switch)]);
    assert_eq!(status(&health, "/readyz"), 503, "it has not run yet");

    let _checks = health.spawn();
    eventually("ready", || status(&health, "/readyz") == 200).await;
    assert_eq!(check_in(&report(&health))["status"], "pass");
    assert!(
        check_in(&report(&health))["time"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );

    switch.store(false, Relaxed);
    eventually("unready", || status(&health, "/readyz") == 503).await;
    assert_eq!(output(&health), "refused");
    assert_eq!(status(&health, "/livez"), 200);

    switch.store(true, Relaxed);
    eventually("ready again", || status(&health, "/readyz") == 200).await;
}

#[tokio::test]
async fn a_degraded_check_warns_and_stays_ready() {
    let health = started([switched("store", &Arc::default()).degraded()]);
    let _checks = health.spawn();
    eventually("degraded", || output(&health) == "refused").await;
    assert_eq!(status(&health, "/readyz"), 200);
    assert_eq!(report(&health)["status"], "warn");
    assert_eq!(check_in(&report(&health))["status"], "warn");
}

#[tokio::test]
async fn a_check_that_hangs_fails_at_its_timeout() {
    let hang = || std::future::pending();
    let health = started([Check::new("store", hang).timeout(SHORT)]);
    let _checks = health.spawn();
    eventually("timed out", || output(&health) == "no answer within 20ms").await;
    assert_eq!(status(&health, "/readyz"), 503);
}

#[tokio::test]
async fn a_check_that_panics_fails_and_runs_again() {
    let runs = Arc::new(AtomicU32::new(0));
    let check = Check::new("store", {
        let runs = Arc::clone(&runs);
        move || {
            let run = runs.fetch_add(1, Relaxed);
            assert!(run != 0, "no first time");
            async { Ok(()) }
        }
    });
    let health = started([check.interval(SHORT)]);
    let _checks = health.spawn();
    eventually("panicked", || {
        output(&health) == "the check panicked: no first time"
    })
    .await;
    eventually("recovered", || status(&health, "/readyz") == 200).await;
}

#[tokio::test]
async fn the_error_is_shown_with_its_sources() {
    #[derive(Debug)]
    struct NoStore(std::io::Error);

    impl std::fmt::Display for NoStore {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no store")
        }
    }

    impl std::error::Error for NoStore {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    let fail = || async { Err(NoStore(std::io::Error::other("refused")).into()) };
    let health = started([Check::new("store", fail)]);
    let _checks = health.spawn();
    eventually("explained", || output(&health) == "no store: refused").await;
}

#[tokio::test(start_paused = true)]
async fn a_result_is_stale_three_intervals_after_its_run() {
    let health = Health::builder().check(passes("store")).build();
    health.mark_started();
    let checks = health.spawn();
    eventually("ready", || status(&health, "/readyz") == 200).await;
    drop(checks);
    advance(Duration::from_secs(14)).await;
    assert_eq!(status(&health, "/readyz"), 200);
    advance(Duration::from_secs(2)).await;
    assert_eq!(output(&health), "no result for more than 15s");
    assert_eq!(status(&health, "/readyz"), 503);
    assert_eq!(status(&health, "/livez"), 200);
}

#[tokio::test(start_paused = true)]
async fn no_result_is_stale_before_the_next_can_be_there() {
    let check = passes("store").staleness(Duration::ZERO);
    let health = Health::builder().check(check).build();
    health.mark_started();
    let checks = health.spawn();
    eventually("ready", || status(&health, "/readyz") == 200).await;
    for _ in 0..100 {
        sleep(Duration::from_millis(500)).await;
        assert_eq!(output(&health), "");
    }
    drop(checks);
    advance(Duration::from_secs(7)).await;
    assert_eq!(output(&health), "no result for more than 6.5s");
}

#[tokio::test(start_paused = true)]
async fn the_interval_is_kept_give_or_take_a_tenth_and_never_in_step() {
    const RUNS: usize = 100;
    let begun = Instant::now();
    let check = |runs: &Arc<Mutex<Vec<Duration>>>| {
        let runs = Arc::clone(runs);
        Check::new("store", move || {
            runs.lock().unwrap().push(begun.elapsed());
            async { Ok(()) }
        })
    };
    let runs = [Arc::default(), Arc::default()];
    let builder = Health::builder()
        .check(check(&runs[0]))
        .check(check(&runs[1]));
    let _checks = builder.build().spawn();
    while runs.iter().any(|runs| runs.lock().unwrap().len() < RUNS) {
        sleep(Duration::from_secs(1)).await;
    }
    let runs = runs.map(|runs| runs.lock().unwrap()[..RUNS].to_vec());
    for runs in &runs {
        assert_eq!(runs[0], Duration::ZERO, "the first run is at once");
        for pause in runs.windows(2).map(|pair| pair[1] - pair[0]) {
            // A timer is good to a millisecond, and is never early.
            assert!((4500..=5502).contains(&pause.as_millis()), "{pause:?}");
        }
    }
    let apart = runs[0].iter().zip(&runs[1]).filter(|(a, b)| a != b).count();
    assert!(apart > RUNS / 2, "{apart} of {RUNS} runs were apart");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_failed_passes_after_so_many_successes_in_a_row() {
    let switch = Arc::new(AtomicBool::new(false));
    let health = Health::builder()
        .check(switched("store", &switch).success_threshold(3))
        .build();
    health.mark_started();
    let _checks = health.spawn();
    eventually("failed", || output(&health) == "refused").await;
    switch.store(true, Relaxed);
    for so_far in ["1 of 3", "2 of 3"] {
        let told = format!("recovering: {so_far} runs passed");
        eventually(so_far, || output(&health) == told).await;
        assert_eq!(status(&health, "/readyz"), 503);
    }
    eventually("ready", || status(&health, "/readyz") == 200).await;
}

#[tokio::test]
async fn a_degraded_check_can_be_made_critical_again() {
    let health = started([switched("store", &Arc::default()).degraded().critical()]);
    let _checks = health.spawn();
    eventually("run", || output(&health) == "refused").await;
    assert_eq!(status(&health, "/readyz"), 503);
}

#[tokio::test]
async fn every_change_of_a_verdict_wakes_who_waits_for_it() {
    let switch = Arc::new(AtomicBool::new(true));
    let health = started([switched("store", &switch)]);
    let mut changes = health.changes();
    let _checks = health.spawn();
    for ready in [true, false, true] {
        switch.store(ready, Relaxed);
        while health.is_ready() != ready {
            changes.changed().await;
        }
    }
    health.mark_draining();
    changes.changed().await;
    assert!(!health.is_ready());
}

#[tokio::test]
async fn below_its_threshold_a_failing_check_is_ready_with_a_warning() {
    let switch = Arc::new(AtomicBool::new(true));
    let health = started([switched("store", &switch).failure_threshold(u32::MAX)]);
    let _checks = health.spawn();
    eventually("ready", || status(&health, "/readyz") == 200).await;
    switch.store(false, Relaxed);
    eventually("warned", || report(&health)["status"] == "warn").await;
    assert_eq!(status(&health, "/readyz"), 200);
}

#[tokio::test]
async fn draining_is_unready_at_once_whatever_the_checks_say() {
    let health = started([switched("store", &Arc::new(AtomicBool::new(true)))]);
    let _checks = health.spawn();
    eventually("ready", || health.is_ready()).await;
    health.mark_draining();
    assert_eq!(status(&health, "/readyz"), 503);
    assert_eq!(report(&health)["output"], "draining");
    assert_eq!(status(&health, "/livez"), 200);
}

#[tokio::test]
async fn dropping_the_tasks_stops_the_checks() {
    let alive = Arc::new(());
    let check = Check::new("store", {
        let alive = Arc::downgrade(&alive);
        move || {
            let held = alive.upgrade();
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(())
            }
        }
    });
    let health = started([check.timeout(HOUR)]);
    let checks = health.spawn();
    eventually("running", || Arc::strong_count(&alive) == 2).await;
    drop(checks);
    eventually("stopped", || Arc::strong_count(&alive) == 1).await;
}
