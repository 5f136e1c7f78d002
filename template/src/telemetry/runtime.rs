//! What the process and its runtime use: looked up whenever metrics are read.

use opentelemetry::{KeyValue, metrics::Meter};
use serde::Serialize;
use tokio::runtime::RuntimeMetrics;

use super::{
    names::{build, tokio as names},
    providers::SOURCE_REVISION,
};
use crate::allocator;

/// Begins to tell what the process and a runtime use.
pub(super) fn observe(meter: &Meter, runtime: RuntimeMetrics) {
    observe_build(meter);
    observe_runtime(meter, runtime);
    #[cfg(target_os = "linux")]
    process::observe(meter);
    #[cfg(feature = "jemalloc")]
    jemalloc::observe(meter);
}

/// By a label that never changes, so that a version can be joined to any other series.
fn observe_build(meter: &Meter) {
    let labels = [
        KeyValue::new(build::ALLOCATOR, allocator::NAME),
        KeyValue::new(build::PROFILE, env!("BUILD_PROFILE")),
        KeyValue::new(build::REVISION, SOURCE_REVISION.unwrap_or_default()),
        KeyValue::new(build::RUSTC, env!("BUILD_RUSTC")),
        KeyValue::new(build::VERSION, env!("CARGO_PKG_VERSION")),
    ];
    meter
        .u64_observable_gauge(build::INFO)
        .with_description("1, with what this build is by its labels.")
        .with_callback(move |observer| observer.observe(1, &labels))
        .build();
}

/// What the process uses at this moment.
#[derive(Serialize)]
pub(crate) struct ProcessUsage {
    memory_bytes: u64,
    virtual_memory_bytes: u64,
    threads: u64,
    file_descriptors: u64,
    cpu_seconds: f64,
}

/// The same as the metrics; `None` where the kernel keeps it back.
pub(crate) fn process_usage() -> Option<ProcessUsage> {
    #[cfg(target_os = "linux")]
    return process::usage();
    #[cfg(not(target_os = "linux"))]
    return None;
}

fn observe_runtime(meter: &Meter, runtime: RuntimeMetrics) {
    let workers = runtime.num_workers();
    meter
        .u64_observable_gauge(names::WORKERS)
        .with_description("Threads of the runtime.")
        .with_unit("{thread}")
        .with_callback(move |observer| observer.observe(workers as u64, &[]))
        .build();
    let metrics = runtime.clone();
    meter
        .u64_observable_gauge(names::TASKS)
        .with_description("Tasks of the runtime that are not over.")
        .with_unit("{task}")
        .with_callback(move |observer| observer.observe(metrics.num_alive_tasks() as u64, &[]))
        .build();
    let metrics = runtime.clone();
    meter
        .u64_observable_gauge(names::GLOBAL_QUEUE_DEPTH)
        .with_description("Tasks that wait for any thread of the runtime.")
        .with_unit("{task}")
        .with_callback(move |observer| observer.observe(metrics.global_queue_depth() as u64, &[]))
        .build();
    meter
        .f64_observable_counter(names::BUSY_TIME)
        .with_description("Time for which threads of the runtime had work.")
        .with_unit("s")
        .with_callback(move |observer| {
            let busy = (0..workers).map(|worker| runtime.worker_total_busy_duration(worker));
            observer.observe(busy.map(|time| time.as_secs_f64()).sum(), &[]);
        })
        .build();
}

/// A gauge of what can be looked up at any time; a value that cannot is left out.
#[cfg(any(feature = "jemalloc", target_os = "linux"))]
fn observe_count(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    unit: &'static str,
    count: impl Fn() -> Option<u64> + Send + Sync + 'static,
) {
    meter
        .u64_observable_gauge(name)
        .with_description(description)
        .with_unit(unit)
        .with_callback(move |observer| {
            if let Some(count) = count() {
                observer.observe(count, &[]);
            }
        })
        .build();
}

/// What the kernel tells of this process, in `/proc`. A value that it keeps back is
/// left out.
#[cfg(target_os = "linux")]
mod process {
    use opentelemetry::{KeyValue, metrics::Meter};
    use procfs::process::{Process, Stat};

    use super::{ProcessUsage, observe_count};
    use crate::telemetry::names::process as names;

    fn stat() -> Option<Stat> {
        Process::myself().ok()?.stat().ok()
    }

    fn file_descriptors() -> Option<u64> {
        Some(Process::myself().ok()?.fd_count().ok()? as u64)
    }

    fn seconds(ticks: u64) -> f64 {
        ticks as f64 / procfs::ticks_per_second() as f64
    }

    pub(super) fn usage() -> Option<ProcessUsage> {
        let stat = stat()?;
        Some(ProcessUsage {
            memory_bytes: resident(&stat),
            virtual_memory_bytes: stat.vsize,
            threads: stat.num_threads.try_into().ok()?,
            file_descriptors: file_descriptors()?,
            cpu_seconds: seconds(stat.utime + stat.stime),
        })
    }

    pub(super) fn observe(meter: &Meter) {
        observe_cpu(meter);
        let memory = [
            (
                names::MEMORY_USAGE,
                "Physical memory in use.",
                resident as fn(&Stat) -> u64,
            ),
            (names::MEMORY_VIRTUAL, "Committed virtual memory.", |stat| {
                stat.vsize
            }),
        ];
        for (name, description, value) in memory {
            observe_count(meter, name, description, "By", move || {
                Some(value(&stat()?))
            });
        }
        observe_count(
            meter,
            names::THREADS,
            "Process threads count.",
            "{thread}",
            || u64::try_from(stat()?.num_threads).ok(),
        );
        let description = "Number of unix file descriptors in use by the process.";
        observe_count(
            meter,
            names::FILE_DESCRIPTORS,
            description,
            "{file_descriptor}",
            file_descriptors,
        );
    }

    fn observe_cpu(meter: &Meter) {
        meter
            .f64_observable_counter(names::CPU_TIME)
            .with_description("Total CPU seconds broken down by different CPU modes.")
            .with_unit("s")
            .with_callback(move |observer| {
                let Some(stat) = stat() else { return };
                for (mode, ticks) in [("user", stat.utime), ("system", stat.stime)] {
                    observer.observe(seconds(ticks), &[KeyValue::new(names::CPU_MODE, mode)]);
                }
            })
            .build();
    }

    fn resident(stat: &Stat) -> u64 {
        stat.rss * procfs::page_size()
    }
}

/// What the allocator knows of itself. Its numbers are those of the last epoch.
#[cfg(feature = "jemalloc")]
mod jemalloc {
    use opentelemetry::metrics::Meter;
    use tikv_jemalloc_ctl::{Result, epoch, stats};

    use super::observe_count;
    use crate::telemetry::names::allocator as names;

    type Read = fn() -> Result<usize>;

    pub(super) fn observe(meter: &Meter) {
        let counts: [(_, _, Read); 4] = [
            (
                names::ACTIVE,
                "Bytes in pages that hold something.",
                stats::active::read,
            ),
            (
                names::ALLOCATED,
                "Bytes that the program has asked for and not given back.",
                stats::allocated::read,
            ),
            (
                names::RESIDENT,
                "Bytes of physical memory that the allocator holds.",
                stats::resident::read,
            ),
            (
                names::RETAINED,
                "Bytes of address space that the allocator keeps for later.",
                stats::retained::read,
            ),
        ];
        for (name, description, read) in counts {
            observe_count(meter, name, description, "By", move || {
                epoch::advance().ok()?;
                read().ok()?.try_into().ok()
            });
        }
    }
}
