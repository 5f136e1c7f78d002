//! Whatever panics, and wherever: the log and the metrics know of it.
//!
//! The service has no route that panics, so this test is a process of its own that does:
//! it runs itself once more, with the service's telemetry around panics of its own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{
    env,
    process::{Command, Output, Stdio},
    thread,
};

use axum::{
    Router,
    routing::{MethodRouter, get},
};
use axum_chassis::trace::TraceLayer;
use opentelemetry_sdk::trace::SdkTracer;
use serde_json::Value;
use service::{
    config::{Config, Environment},
    panics, runtime,
    telemetry::Telemetry,
};
use tokio::{net::TcpListener, runtime::Runtime};
use tower_http::catch_panic::CatchPanicLayer;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// What marks the process that panics.
const PANICKING: &str = "PANICKING";

/// The lines of the log of a process that panics in a handler, in a task and in a thread.
fn log() -> Vec<Value> {
    let ran = run("in_a_process_of_its_own");
    assert!(ran.status.success());
    lines(&ran)
}

fn run(test: &str) -> Output {
    let mut test_again = Command::new(env::current_exe().unwrap());
    test_again.args(["--exact", test, "--nocapture"]);
    test_again.env(PANICKING, "yes").env("RUST_BACKTRACE", "1");
    test_again.stderr(Stdio::inherit()).output().unwrap()
}

fn lines(ran: &Output) -> Vec<Value> {
    let output = String::from_utf8_lossy(&ran.stdout);
    let lines = output.lines().filter(|line| line.starts_with('{'));
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn line<'a>(log: &'a [Value], key: &str, value: &str) -> &'a Value {
    let found = log.iter().find(|line| line[key] == value);
    found.unwrap_or_else(|| panic!("no {key} = {value} in {log:#?}"))
}

#[test]
fn every_panic_is_logged_with_its_place_and_thread_and_counted() {
    let log = log();
    for (cause, thread) in [
        ("in a handler", "runtime"),
        ("in a task, the second of two", "runtime"),
        ("in a thread", "background"),
    ] {
        let line = line(&log, "cause", cause);
        assert_eq!(line["message"], "panicked");
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["thread"], thread);
        let location = line["location"].as_str().unwrap();
        assert!(location.contains("panics.rs:"), "{location}");
    }
    let counted = line(&log, "message", "counted");
    let page = counted["page"].as_str().unwrap();
    assert!(page.contains("\nprocess_panics_total 3\n"), "{page}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_panic_tells_where_its_calls_are_in_the_binarys_file() {
    let log = log();
    let size = env::current_exe().unwrap().metadata().unwrap().len();
    let addresses = line(&log, "cause", "in a thread")["addresses"].as_str();
    let addresses = addresses.unwrap().split(' ').collect::<Vec<_>>();
    assert!(addresses.len() > 3, "{addresses:?}");
    for address in addresses {
        let address = u64::from_str_radix(address.strip_prefix("0x").unwrap(), 16);
        assert!((1..size).contains(&address.unwrap()));
    }
}

#[test]
fn a_panic_in_a_handler_names_the_trace_of_its_request() {
    let log = log();
    assert_eq!(line(&log, "cause", "in a handler")["trace_id"], TRACE_ID);
    assert!(line(&log, "cause", "in a thread")["trace_id"].is_null());
}

/// In the profile `release-abort` every panic is one of these.
#[test]
#[cfg(unix)]
fn a_panic_that_ends_the_process_is_logged_with_its_trace_before_that() {
    use std::os::unix::process::ExitStatusExt;

    const SIGABRT: i32 = 6;
    let ran = run("in_a_process_that_ends");
    assert_eq!(ran.status.signal(), Some(SIGABRT), "{:?}", ran.status);
    let log = lines(&ran);
    assert_eq!(line(&log, "cause", "at its end")["trace_id"], TRACE_ID);
    assert_eq!(line(&log, "cause", "at its end")["message"], "panicked");
}

/// Not a test of its own: what the others look at.
#[test]
fn in_a_process_of_its_own() {
    if env::var_os(PANICKING).is_none() {
        return;
    }
    let (telemetry, runtime) = start();
    runtime.block_on(async {
        async fn handler() {
            panic!("in a handler")
        }
        let asked = ask(get(handler), telemetry.tracer());
        let status = tokio::spawn(asked).await.unwrap();
        assert_eq!(status, 500);
        let second = "second";
        let task = tokio::spawn(async move { panic!("in a task, the {second} of two") });
        assert!(task.await.unwrap_err().is_panic());
    });
    let thread = thread::Builder::new().name("background".to_owned());
    let thread = thread.spawn(|| panic!("in a thread")).unwrap();
    assert!(thread.join().is_err());
    let page = telemetry.registry().exposition(None).into_text();
    tracing::info!(page, "counted");
}

/// The same. What cannot unwind aborts, whatever the profile.
#[test]
fn in_a_process_that_ends() {
    extern "C" fn cannot_unwind() {
        panic!("at its end")
    }
    if env::var_os(PANICKING).is_none() {
        return;
    }
    let (telemetry, runtime) = start();
    let handler = get(async || cannot_unwind());
    runtime.block_on(async {
        tokio::spawn(ask(handler, telemetry.tracer()))
            .await
            .unwrap()
    });
    unreachable!("the process has ended");
}

fn start() -> (Telemetry, Runtime) {
    let settings = [("APP_PROFILE", "development"), ("APP_LOG__FORMAT", "json")];
    let config = Config::load(&Environment::from_iter(settings))
        .unwrap()
        .config;
    let telemetry = Telemetry::start(&config).unwrap();
    panics::watch(&telemetry.meter());
    let runtime = runtime::start(&config.runtime).unwrap();
    (telemetry, runtime)
}

async fn ask(handler: MethodRouter, tracer: SdkTracer) -> u16 {
    let app = Router::new()
        .route("/", handler)
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new(tracer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let request = reqwest::Client::new().get(url);
    let answer = request.header("traceparent", TRACEPARENT).send().await;
    answer.unwrap().status().as_u16()
}
