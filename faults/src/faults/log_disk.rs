//! The disk that the log is written to is full: nothing waits for it, and it is counted.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::{
    addresses::free_address, fault::Outcome, load::paced::Paced, mounts, probing::Probing,
    service::Service, setup::Setup, shared::postgres,
};

pub const GOAL: &str = "no request lost; lost lines counted; whole lines again when there is room";

const PER_SECOND: u32 = 200;
/// Of memory, and with room for some lines.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=64k none "$1"
exec "$0" serve >>"$1/log" 2>>"$1/errors"
"#;
const LOST: &str = "log_lines_lost_total";
const LOST_AUDIT: &str = "audit_entries_lost_total";
const PANICS: &str = "process_panics_total";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let audit = folder.path().join("audit");
    let audit = audit.to_string_lossy();
    // The log, which goes elsewhere, cannot tell where it listens.
    let [public, operations] = [(); 2].map(|()| free_address().to_string());
    let url = postgres::new_database().await;
    let settings = [
        ("APP_STORE__URL", &*url),
        ("APP_HTTP__ADDRESS", &*public),
        ("APP_OPERATIONS__ADDRESS", &*operations),
        ("APP_LOG__FILTER", "info"),
        ("APP_AUDIT__FILE", &*audit),
    ];
    let command = mounts::shell(SCRIPT, setup.service.as_os_str(), [folder.path()])?;
    let service = Service::launch(&setup, command, &settings).await?;
    let disk = disk(&service, folder.path());

    let probing = Probing::begin(&service)?;
    let load = Paced::begin(service.public, &service.bearer(), PER_SECOND);
    service.until_sum(LOST, |lines| lines > 0.0).await?;
    service
        .until_sum(LOST_AUDIT, |entries| entries > 0.0)
        .await?;
    sleep(setup.of(Duration::from_secs(60), Duration::from_secs(2))).await;
    let (tally, per_second) = load.end().await;
    let probed = probing.end().await?;
    let (lost, lost_audit) = (service.sum(LOST).await?, service.sum(LOST_AUDIT).await?);

    // As logrotate does it, by copytruncate.
    for name in ["log", "errors", "audit"] {
        fs::write(disk.join(name), "")?;
    }
    let room = Instant::now();
    ensure!(
        service.get("/api/v1/items").await? == 200,
        "it does not serve"
    );
    let written = crate::service::until(async || is_log(&disk.join("log"))).await;
    let recovered = room.elapsed();
    let panics = service.sum(PANICS).await?;
    Ok(Outcome::of(format!(
        "{per_second:.0} requests/s, each a line; log, errors and audit on a disk of 64 KiB"
    ))
    .lost(format!(
        "{}; {}; {lost} lines and {lost_audit} entries of the audit log, all counted",
        tally.told(),
        probed.told()
    ))
    .recovery(format!(
        "a whole line {:.2} s after there is room",
        recovered.as_secs_f64()
    ))
    .goal(tally.failed() == 0, "a request was lost")
    .goal(probed.red == 0, "a probe was red")
    .goal(panics == 0.0, "it has panicked")
    .goal(written, "no whole line is written any more"))
}

/// As the service sees it.
fn disk(service: &Service, folder: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", service.id()));
    root.join(folder.strip_prefix("/").unwrap_or(folder))
}

/// Whether there are lines, all of them whole.
fn is_log(file: &Path) -> bool {
    let log = fs::read_to_string(file).unwrap_or_default();
    let mut lines = log.lines().filter(|line| !line.is_empty()).peekable();
    lines.peek().is_some()
        && lines.all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
}
