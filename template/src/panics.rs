//! A panic is a line of the log, like any other error, and counted.
//!
//! In a handler it is also a 500, which the router makes of it. In a task or a thread
//! in the background nobody else would tell of it.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
    thread,
};

use opentelemetry::metrics::Meter;
use tracing::subscriber::NoSubscriber;

use crate::telemetry::names::process as names;

/// From here on every panic of the process is logged and counted.
pub fn watch(meter: &Meter) {
    let panics = meter
        .u64_counter(names::PANICS)
        .with_description("Panics, in handlers and in the background.")
        .with_unit("{panic}")
        .build();
    // The series is there before the first panic, so that a rate sees that one too.
    panics.add(0, &[]);
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        panics.add(1, &[]);
        if can_log() {
            log(panic);
        } else {
            print(panic);
        }
    }));
}

/// Not while a line is being logged: a panic in there can only be printed.
fn can_log() -> bool {
    tracing::dispatcher::get_default(|subscriber| !subscriber.is::<NoSubscriber>())
}

/// The ids of the trace are those of the thread that panics, as for every line.
fn log(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    tracing::error!(
        cause = panic.payload_as_str().unwrap_or("no text"),
        location = panic.location().map(tracing::field::display),
        thread = thread.name().unwrap_or("unnamed"),
        backtrace = captured.then(|| tracing::field::display(&backtrace)),
        "panicked"
    );
}
