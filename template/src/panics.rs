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
        addresses = captured.then(|| addresses(&backtrace)),
        "panicked"
    );
}

/// Where its calls are in the binary's file: the names are not in an image, but with the
/// symbols that were split off `addr2line` knows them.
#[cfg(target_os = "linux")]
fn addresses(backtrace: &Backtrace) -> String {
    let Some(binary) = mapped() else {
        return String::new();
    };
    let frames = format!("{backtrace:#}");
    let mut calls: Vec<_> = frames
        .lines()
        .filter_map(|line| line.split_once(": ")?.1.trim_start().strip_prefix("0x"))
        .filter_map(|frame| u64::from_str_radix(frame.split(' ').next()?, 16).ok())
        .filter(|address| binary.contains(address))
        // A frame is where the call returns to, and that may be the next line.
        .map(|address| format!("{:#x}", address - binary.start - 1))
        .collect();
    // Of one call, once for each function that was inlined there.
    calls.dedup();
    calls.join(" ")
}

#[cfg(not(target_os = "linux"))]
fn addresses(_: &Backtrace) -> String {
    String::new()
}

/// Where the binary is in memory: elsewhere in each process.
#[cfg(target_os = "linux")]
fn mapped() -> Option<std::ops::Range<u64>> {
    let process = procfs::process::Process::myself().ok()?;
    let binary = procfs::process::MMapPath::Path(process.exe().ok()?);
    let maps = process.maps().ok()?;
    let mut maps = maps.iter().filter(|map| map.pathname == binary);
    let (start, end) = maps.next()?.address;
    let end = maps.next_back().map_or(end, |map| map.address.1);
    Some(start..end)
}
