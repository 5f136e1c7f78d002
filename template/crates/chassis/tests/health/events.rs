//! What is logged of a verdict.

use std::{
    io,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use axum_chassis::health::{Check, Health};
use tracing_subscriber::fmt;

use crate::eventually;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

/// What all tests log: the watchdog's thread has no subscriber of a test's own.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = fmt()
        .with_writer(move || writer.clone())
        .without_time()
        .with_target(false)
        .with_ansi(false);
    subscriber.init();
    log
});

impl Log {
    /// The lines with this word.
    fn lines(&self, word: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains(word));
        lines.map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_logged_once_when_it_changes_and_not_at_each_run() {
    LazyLock::force(&LOG);
    let good = Arc::new(AtomicBool::new(true));
    let runs = Arc::new(AtomicU32::new(0));
    let check = Check::new("ledger", {
        let (good, runs) = (Arc::clone(&good), Arc::clone(&runs));
        move || {
            runs.fetch_add(1, Relaxed);
            let good = good.load(Relaxed);
            async move { if good { Ok(()) } else { Err("refused".into()) } }
        }
    });
    let _checks = Health::builder().check(check).build().spawn();
    for verdict in [true, false, true] {
        good.store(verdict, Relaxed);
        let so_far = runs.load(Relaxed);
        eventually("run ten times", || runs.load(Relaxed) > so_far + 10).await;
    }
    assert_eq!(
        LOG.lines("ledger"),
        [
            r#" WARN a health check fails check=ledger critical=true error="refused""#,
            " INFO a health check passes again check=ledger",
        ]
    );
}

#[tokio::test]
async fn what_time_alone_makes_stale_is_logged_and_wakes_who_waits() {
    LazyLock::force(&LOG);
    let check = Check::new("almanac", || async { Ok(()) })
        .interval(Check::MIN_INTERVAL)
        .timeout(Duration::from_millis(20))
        .staleness(Duration::from_millis(40));
    let limit = Duration::from_millis(100);
    let health = Health::builder().stall_limit(limit).check(check).build();
    health.mark_started();
    let _checks = health.spawn();
    eventually("ready", || health.is_ready()).await;
    let mut changes = health.changes();
    // This runtime has one thread, and the loop keeps it: no run ends meanwhile.
    while LOG.lines("almanac").is_empty() {
        std::thread::yield_now();
    }
    let told = r#" WARN a health check fails check=almanac critical=true error="no result for more than 40ms""#;
    assert_eq!(LOG.lines("almanac")[0], told);
    changes.changed().await;
}

#[tokio::test]
async fn a_stall_is_logged_while_it_lasts() {
    LazyLock::force(&LOG);
    let limit = Duration::from_millis(123);
    let health = Health::builder().stall_limit(limit).build();
    let _checks = health.spawn();
    // This runtime has one thread, and the loop keeps it.
    while LOG.lines("limit=123ms").is_empty() {
        std::thread::yield_now();
    }
    let told = "ERROR the runtime is stalled: liveness fails limit=123ms";
    assert_eq!(LOG.lines("limit=123ms"), [told]);
    eventually("goes on", || health.is_live()).await;
}
