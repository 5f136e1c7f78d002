use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

use axum_chassis::health::{Check, Health};
use serde_json::Value;

use crate::{eventually, report, status};

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

/// A check that passes or fails as the switch says.
fn switched(switch: &Arc<AtomicBool>) -> Check {
    let switch = Arc::clone(switch);
    Check::new("store", move || {
        let good = switch.load(Relaxed);
        async move { if good { Ok(()) } else { Err("refused".into()) } }
    })
}

/// A check that counts its runs, and passes.
fn counted(name: &str, runs: &Arc<AtomicU32>) -> Check {
    let runs = Arc::clone(runs);
    Check::new(name, move || {
        runs.fetch_add(1, Relaxed);
        async { Ok(()) }
    })
}

#[tokio::test]
async fn readiness_follows_a_critical_check() {
    let switch = Arc::new(AtomicBool::new(true));
    let health = started([switched(&switch)]);
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
    let health = started([switched(&Arc::default()).degraded()]);
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

#[tokio::test]
async fn a_stale_result_is_a_failure() {
    let check = Check::new("store", || async { Ok(()) });
    let health = Health::builder()
        .check(check.interval(HOUR).staleness(SHORT))
        .build();
    health.mark_started();
    let _checks = health.spawn();
    eventually("stale", || {
        output(&health) == "no result for more than 20ms"
    })
    .await;
    assert_eq!(status(&health, "/readyz"), 503);
}

#[tokio::test]
async fn below_its_threshold_a_failing_check_is_ready_with_a_warning() {
    let switch = Arc::new(AtomicBool::new(true));
    let health = started([switched(&switch).failure_threshold(u32::MAX)]);
    let _checks = health.spawn();
    eventually("ready", || status(&health, "/readyz") == 200).await;
    switch.store(false, Relaxed);
    eventually("warned", || report(&health)["status"] == "warn").await;
    assert_eq!(status(&health, "/readyz"), 200);
}

#[tokio::test]
async fn draining_is_unready_at_once_whatever_the_checks_say() {
    let health = started([switched(&Arc::new(AtomicBool::new(true)))]);
    let _checks = health.spawn();
    eventually("ready", || health.is_ready()).await;
    health.mark_draining();
    assert_eq!(status(&health, "/readyz"), 503);
    assert_eq!(report(&health)["output"], "draining");
    assert_eq!(status(&health, "/livez"), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_check_that_blocks_is_not_started_again_and_holds_up_no_other() {
    let runs = [Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0))];
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    let block = Check::new("store", {
        let runs = Arc::clone(&runs[0]);
        move || {
            runs.fetch_add(1, Relaxed);
            // Until the test ends, and lets go of the other half.
            let _ = blocked.lock().unwrap().recv();
            async { Ok(()) }
        }
    });
    let health = started([block.timeout(SHORT), counted("other", &runs[1])]);
    let _checks = health.spawn();
    eventually("timed out", || output(&health) == "no answer within 20ms").await;
    let so_far = runs[1].load(Relaxed);
    eventually("running", || runs[1].load(Relaxed) > so_far + 5).await;
    assert_eq!(runs[0].load(Relaxed), 1);
    drop(release);
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
