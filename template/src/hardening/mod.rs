//! Takes from the process what it never needs, before it meets a client.
//!
//! With the feature `hardening`, on Linux, `serve` begins by giving up, for good and
//! for all its threads:
//!
//! - **Files** (Landlock): it reads the system's own folders and those of the files
//!   that its configuration names; it writes where its store and its audit log live.
//!   What it does not need does not exist for it, `/home` and `/root` among it.
//! - **Programs** (Landlock and seccomp): it starts none.
//! - **System calls** (seccomp) that debug other processes, load code into the kernel,
//!   mount, change namespaces or keep keys: they fail with `EPERM`.
//! - **Other processes** (Landlock): it signals none and reaches no abstract socket of
//!   theirs.
//!
//! As far as the kernel can: a log line says what is enforced. A container's runtime
//! may enforce more; this holds also where there is none.
//!
//! A setting of your own that names a file belongs into the lists of `linux.rs`.

#[cfg(all(feature = "hardening", target_os = "linux"))]
mod linux;

use crate::config::Config;

/// What is enforced.
#[derive(Debug)]
pub struct Hardening(Option<Enforced>);

/// By which means, and how far.
#[derive(Debug)]
struct Enforced {
    landlock: String,
    seccomp: String,
}

/// Gives up what is not needed. Threads that are running already keep it: call this
/// first.
pub fn apply(config: &Config) -> Hardening {
    #[cfg(all(feature = "hardening", target_os = "linux"))]
    let enforced = Some(linux::enforce(config));
    #[cfg(not(all(feature = "hardening", target_os = "linux")))]
    let enforced = {
        let _ = config;
        None
    };
    Hardening(enforced)
}

impl Hardening {
    /// Logs what is enforced, if anything was to be.
    pub fn tell(&self) {
        if let Some(Enforced { landlock, seccomp }) = &self.0 {
            tracing::info!(%landlock, %seccomp, "hardened");
        }
    }
}
