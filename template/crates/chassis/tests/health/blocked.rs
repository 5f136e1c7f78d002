//! What blocks: checks that block their thread, and runtimes of which every thread is.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use axum_chassis::health::{Check, Health, HealthLayer};
use http::Request;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt, service_fn};

use crate::{document, eventually, get, report, status, teapot, text};

const SHORT: Duration = Duration::from_millis(20);

/// What blocks threads until it is dropped.
struct Brake {
    _release: mpsc::Sender<()>,
    hold: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Brake {
    fn new() -> Self {
        let (release, hold) = mpsc::channel();
        let hold = Arc::new(Mutex::new(hold));
        Self {
            _release: release,
            hold,
        }
    }

    fn block(&self) -> impl Fn() + Clone + Send + Sync + 'static {
        let hold = Arc::clone(&self.hold);
        move || {
            let _ = hold.lock().unwrap().recv();
        }
    }
}

fn quick(check: Check) -> Check {
    check
        .interval(Check::MIN_INTERVAL)
        .timeout(SHORT)
        .staleness(Duration::from_secs(3600))
}

/// A check that counts its runs, and does something else too.
fn counted(name: &str, runs: &Arc<AtomicU32>, and: impl Fn() + Send + Sync + 'static) -> Check {
    let runs = Arc::clone(runs);
    quick(Check::new(name, move || {
        runs.fetch_add(1, Relaxed);
        and();
        async { Ok(()) }
    }))
}

fn output(health: &Health, check: &str) -> String {
    let output = &report(health)["checks"][check][0]["output"];
    output.as_str().unwrap_or_default().to_owned()
}

/// The median of the time that each probe takes, of a hundred times.
fn time_of_probes(health: &Health) -> Duration {
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let begun = Instant::now();
            for path in ["/livez", "/readyz", "/startupz", "/readyz?verbose"] {
                get(health, path);
            }
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn probes_answer_within_ten_milliseconds_while_every_check_hangs_or_blocks() {
    let brake = Brake::new();
    let builder = (0..3).fold(Health::builder(), |builder, index| {
        let block = brake.block();
        builder
            .check(quick(Check::new(format!("blocks {index}"), move || {
                block();
                async { Ok(()) }
            })))
            .check(quick(Check::new(format!("hangs {index}"), || {
                std::future::pending()
            })))
    });
    let health = builder.build();
    health.mark_started();
    let _checks = health.spawn();
    // Those that block hold three of the four threads.
    eventually("timed out", || {
        report(&health)["checks"]
            .as_object()
            .unwrap()
            .values()
            .filter(|check| check[0]["output"] == "no answer within 20ms")
            .count()
            == 6
    })
    .await;
    let time = time_of_probes(&health);
    assert!(time < Duration::from_millis(10), "{time:?}");
    assert_eq!(status(&health, "/livez"), 200);
    drop(brake);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_check_that_blocks_is_not_started_again_and_holds_up_no_other() {
    let runs = [Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0))];
    let brake = Brake::new();
    let health = Health::builder()
        .check(counted("blocks", &runs[0], brake.block()))
        .check(counted("other", &runs[1], || ()))
        .build();
    let _checks = health.spawn();
    eventually("timed out", || {
        output(&health, "blocks") == "no answer within 20ms"
    })
    .await;
    let so_far = runs[1].load(Relaxed);
    eventually("running", || runs[1].load(Relaxed) > so_far + 5).await;
    assert_eq!(runs[0].load(Relaxed), 1);
    drop(brake);
}

#[tokio::test]
async fn a_blocking_check_holds_one_thread_and_comes_back() {
    let runs = Arc::new(AtomicU32::new(0));
    let brake = Brake::new();
    let check = Check::blocking("disk", {
        let (runs, block) = (Arc::clone(&runs), brake.block());
        move || {
            runs.fetch_add(1, Relaxed);
            block();
            Ok(())
        }
    });
    let health = Health::builder().check(quick(check)).build();
    health.mark_started();
    let mut changes = health.changes();
    let _checks = health.spawn();
    changes.changed().await;
    assert_eq!(output(&health, "disk"), "no answer within 20ms");
    let first = report(&health)["checks"]["disk"][0]["time"].clone();
    eventually("run again", || {
        report(&health)["checks"]["disk"][0]["time"] != first
    })
    .await;
    assert_eq!(runs.load(Relaxed), 1, "the second waits for the first");

    drop(brake);
    eventually("ready", || health.is_ready()).await;
}

#[tokio::test]
async fn a_blocking_check_fails_and_panics_as_any_other() {
    let fails = Check::blocking("fails", || Err("refused".into()));
    let panics = Check::blocking("panics", || panic!("no disk"));
    let builder = Health::builder().check(quick(fails)).check(quick(panics));
    let health = builder.build();
    let _checks = health.spawn();
    eventually("failed", || output(&health, "fails") == "refused").await;
    eventually("panicked", || {
        output(&health, "panics") == "the check panicked: no disk"
    })
    .await;
}

/// Blocks so many of the runtime's workers.
fn block_workers(runtime: &Runtime, workers: usize, brake: &Brake) {
    let (blocked, all_blocked) = mpsc::channel();
    for _ in 0..workers {
        let (blocked, block) = (blocked.clone(), brake.block());
        runtime.spawn(async move {
            blocked.send(()).unwrap();
            block();
        });
    }
    for _ in 0..workers {
        all_blocked.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}

/// On a thread that belongs to no runtime.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never {what}");
        thread::yield_now();
    }
}

const STALL_LIMIT: Duration = Duration::from_millis(500);

/// Watches over a runtime with two workers.
fn watched() -> (Runtime, Health) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let health = Health::builder().stall_limit(STALL_LIMIT).build();
    health.mark_started();
    (runtime, health)
}

#[test]
fn a_stalled_runtime_fails_liveness_to_who_asks_on_another() {
    let (runtime, health) = watched();
    let _checks = runtime.block_on(async { health.spawn() });
    assert_eq!(
        text(get(&health, "/livez?verbose")),
        "[+]runtime ok\nlivez check passed\n"
    );

    let brake = Brake::new();
    block_workers(&runtime, 2, &brake);
    let blocked = Instant::now();
    let operations = Builder::new_current_thread().enable_all().build().unwrap();
    let probes = HealthLayer::new(health.clone()).layer(service_fn(teapot));
    let ask = || {
        let request = Request::get("/livez").body(()).unwrap();
        let answer = operations.block_on(probes.clone().oneshot(request));
        answer.unwrap().status().as_u16()
    };
    wait_until("stalled", || ask() == 503);
    assert!(
        blocked.elapsed() > STALL_LIMIT / 2,
        "{:?}",
        blocked.elapsed()
    );
    assert!(!health.is_live() && !health.is_ready());
    let told = "[-]runtime failed: no task has run for 500ms\nlivez check failed\n";
    assert_eq!(text(get(&health, "/livez?verbose")), told);
    assert_eq!(status(&health, "/livez?exclude=runtime"), 200);
    assert_eq!(status(&health, "/livez/runtime"), 503);
    assert_eq!(status(&health, "/startupz"), 200);
    let lag = &document(&health, "/livez")["checks"]["runtime"][0];
    assert!(lag["observedValue"].as_f64().unwrap() > 0.4, "{lag}");
    assert_eq!(lag["observedUnit"], "s");

    drop(brake);
    wait_until("alive again", || health.is_live() && health.is_ready());
}

#[test]
fn a_runtime_with_one_worker_left_is_not_stalled() {
    let (runtime, health) = watched();
    let _checks = runtime.block_on(async { health.spawn() });
    let brake = Brake::new();
    block_workers(&runtime, 1, &brake);
    let blocked = Instant::now();
    wait_until("over", || {
        assert!(health.is_live());
        blocked.elapsed() > 2 * STALL_LIMIT
    });
    drop(brake);
}

#[test]
fn nobody_is_stalled_whom_nobody_watches() {
    let (runtime, health) = watched();
    let checks = runtime.block_on(async { health.spawn() });
    let brake = Brake::new();
    block_workers(&runtime, 2, &brake);
    wait_until("stalled", || !health.is_live());
    drop(checks);
    wait_until("let go", || health.is_live());
    drop(brake);
}
