//! The threads that requests run on.

use std::{io, num::NonZeroUsize, thread, time::Duration};

use crate::config;

/// What all of them are called, in a debugger, in `top -H`, in a panic's line of the log.
const THREAD_NAME: &str = "runtime";

/// How long the end waits for a thread that blocks: nothing can end a name server's silence,
/// or a file system's, from here.
pub(crate) const FAREWELL: Duration = Duration::from_millis(500);

/// Starts them, as many as the configuration says.
///
/// # Errors
///
/// If the system gives no thread.
pub fn start(settings: &config::Runtime) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers(settings))
        .max_blocking_threads(settings.blocking_threads.get())
        .thread_keep_alive(settings.blocking_keep_alive)
        .thread_name(THREAD_NAME)
        .enable_all()
        .build()
}

/// Ends all tasks. A thread that blocks for longer is left behind, and ends with the process:
/// dropped, a runtime would wait for it, past every deadline.
pub fn stop(runtime: tokio::runtime::Runtime) {
    runtime.shutdown_timeout(FAREWELL);
}

/// One for each CPU, unless it is set: the standard library looks at the affinity and,
/// on Linux, at the quotas of all cgroups above. A container with a limit of 500m has
/// one worker on a machine of 64 CPUs, and not 64 that are throttled together.
fn workers(settings: &config::Runtime) -> usize {
    let available = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    settings.worker_threads.unwrap_or_else(available).get()
}
