//! The clock is set forward by a day, and back by one: only tokens take notice.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;

use crate::{
    fault::Outcome,
    load::paced::Paced,
    missing::Missing,
    probing::Probing,
    service::{Service, token},
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str =
    "no request lost; 401 for who is too early or too late; no time measured wrong";

const PER_SECOND: u32 = 200;
/// From the real time.
const STEPS: [&str; 4] = ["+1d", "+0d", "-1d", "+0d"];
/// No request takes longer, so that their sum says whether the clock is in it.
const LONGEST_SECONDS: f64 = 10.0;

const EXPIRED: &str = "axum_chassis_jwt_verifications_total{error_type=\"expired\"";
const DURATIONS: &str = "http_server_request_duration_seconds_sum";
const REQUESTS: &str = "http_server_request_duration_seconds_count";

/// A clock that can be set, of one process: libfaketime.
struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    fn new(folder: &Path) -> Result<Self> {
        let clock = Self {
            library: library()?,
            file: folder.join("clock"),
        };
        clock.set("+0d")?;
        Ok(clock)
    }

    fn set(&self, offset: &str) -> Result<()> {
        Ok(fs::write(&self.file, offset)?)
    }

    /// The monotonic clock is none that is set.
    fn of(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
    }
}

fn library() -> Result<PathBuf> {
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(Path::new);
    let name = Path::new("faketime/libfaketimeMT.so.1");
    let mut places: Vec<_> = folders.iter().map(|folder| folder.join(name)).collect();
    let triple = format!("{}-linux-gnu", env::consts::ARCH);
    places.push(folders[0].join(triple).join(name));
    match places.into_iter().find(|place| place.exists()) {
        Some(library) => Ok(library),
        None => bail!(Missing("libfaketime: apt-get install faketime")),
    }
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::new(folder.path())?;
    let url = postgres::new_database().await;
    let mut command = setup.command();
    clock.of(command.arg("serve"));
    let settings = [("APP_STORE__URL", &*url)];
    let service = Service::launch(&setup, command, &settings).await?;
    // Good at all times: from two days ago for five.
    clock.set("-2d")?;
    let lasting = mint(&setup, &clock, "5d")?;
    clock.set("+0d")?;
    let short = mint(&setup, &clock, "1h")?;

    let probing = Probing::begin(&service)?;
    let load = Paced::begin(service.public, &lasting, PER_SECOND);
    let mut wrong = Vec::new();
    for offset in STEPS {
        clock.set(offset)?;
        let of_now = mint(&setup, &clock, "1h")?;
        let expected = [
            (of_now, 200),
            (short.clone(), if offset == "+0d" { 200 } else { 401 }),
        ];
        for (bearer, expected) in expected {
            let status = service.get_as(&bearer, "/api/v1/items").await?;
            if status != expected {
                wrong.push(format!("{status} instead of {expected} at {offset}"));
            }
        }
        sleep(setup.of(Duration::from_secs(15), Duration::from_secs(1))).await;
    }
    let expired = service.sum(EXPIRED).await?;
    let (tally, per_second) = load.end().await;
    let probed = probing.end().await?;
    let mean = service.sum(DURATIONS).await? / service.sum(REQUESTS).await?;
    ensure!(mean.is_finite(), "no request is measured");
    Ok(Outcome::of(format!(
        "{per_second:.0} requests/s; the clock goes {}",
        STEPS.join(", ")
    ))
    .lost(format!(
        "{}; {}; tokens of an hour: {}; {expired} told as expired",
        tally.told(),
        probed.told(),
        if wrong.is_empty() {
            "200 in their time, else 401".to_owned()
        } else {
            wrong.join(", ")
        },
    ))
    .goal(tally.failed() == 0, "a request was lost")
    .goal(probed.red == 0, "a probe was red")
    .goal(wrong.is_empty(), "a token was judged wrong")
    .goal(
        expired > 0.0,
        "no metric tells of the tokens that have expired",
    )
    .goal(
        (0.0..LONGEST_SECONDS).contains(&mean),
        "the clock is in the durations",
    ))
}

/// A token by this clock.
fn mint(setup: &Setup, clock: &Clock, lifetime: &str) -> Result<String> {
    let mut command = setup.command();
    clock.of(&mut command);
    let token = token(command, "load", lifetime).context("no token")?;
    Ok(format!("Bearer {token}"))
}
