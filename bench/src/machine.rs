//! When and where it was measured: each page tells it.

use std::{fs, process::Command, thread, time::SystemTime};

/// Today.
pub fn date() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.chars().take_while(|c| *c != 'T').collect()
}

/// Its processors, memory and system.
pub fn told() -> String {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let model = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let kibibytes: Option<u64> = memory.and_then(|memory| memory.split(' ').next()?.parse().ok());
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let parts = [
        Some(match model {
            Some(model) => format!("{processors} × {model}"),
            None => format!("{processors} processors"),
        }),
        kibibytes.map(|kibibytes| format!("{} GiB", kibibytes.div_ceil(1 << 20))),
        Some(format!("{} {}", std::env::consts::OS, system.trim())),
        Some(std::env::consts::ARCH.to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The first value of a name in one of the kernel's files.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The compiler.
pub fn compiler() -> String {
    let told = Command::new("rustc").arg("--version").output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    told.unwrap_or_else(|_| "rustc, unknown".to_owned())
}
