//! Names cannot be looked up any more: what is connected stays so, and the rest is told.

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;
use url::Url;

use crate::{
    fault::Outcome,
    load::paced::Paced,
    mounts,
    probing::Probing,
    service::{IMPATIENT, Service},
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str =
    "what is connected is served; then 503 within 2 s, liveness 200; recovered in 5 s";

const PER_SECOND: u32 = 200;
const HOST: &str = "database.faults.test";
const TOLD: Duration = Duration::from_secs(2);
const RECOVERY: Duration = Duration::from_secs(5);
/// Nobody is there.
const REFUSES: &str = "127.0.0.1";
/// Somebody is, and says nothing.
const SILENT: &str = "127.0.0.153";

const SCRIPT: &str = r#"
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
exec "$0" serve
"#;
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// What the service looks names up by.
struct Names<'a>(&'a Path);

impl Names<'_> {
    fn known(&self) -> Result<()> {
        Ok(fs::write(
            self.0.join("hosts"),
            format!("127.0.0.1 localhost {HOST}\n"),
        )?)
    }

    fn unknown(&self) -> Result<()> {
        Ok(fs::write(self.0.join("hosts"), "127.0.0.1 localhost\n")?)
    }

    fn asked_of(&self, server: &str) -> Result<()> {
        Ok(fs::write(
            self.0.join("resolv.conf"),
            format!("nameserver {server}\n"),
        )?)
    }
}

/// What came of one kind of failure.
struct Told {
    /// What requests got while their connections were there.
    connected: String,
    lost: u64,
    slowest: Duration,
    recovered: Duration,
    cause: bool,
    red_liveness: u64,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let names = Names(folder.path());
    names.known()?;
    names.asked_of(REFUSES)?;
    let direct = postgres::new_database().await;
    let mut url = Url::parse(&direct)?;
    url.set_host(Some(HOST))?;
    let settings = [&[("APP_STORE__URL", url.as_str())], &IMPATIENT[..]].concat();
    let command = || mounts::shell(SCRIPT, setup.service.as_os_str(), [folder.path()]);
    let service = Service::launch(&setup, command()?, &settings).await?;
    let mut kinds = vec![(
        "refuses",
        fail(&setup, &service, &names, &direct, "lookup").await?,
    )];
    drop(service);
    // Port 53 is root's.
    let silent = UdpSocket::bind((SILENT, 53));
    if silent.is_ok() {
        names.asked_of(SILENT)?;
        let service = Service::launch(&setup, command()?, &settings).await?;
        let told = fail(&setup, &service, &names, &direct, "timed out").await?;
        kinds.push(("says nothing", told));
    }
    Ok(outcome(&setup, &kinds))
}

async fn fail(
    setup: &Setup,
    service: &Service,
    names: &Names<'_>,
    direct: &str,
    why: &str,
) -> Result<Told> {
    let liveness = Probing::of(service, &["/livez"])?;
    names.unknown()?;
    let load = Paced::begin(service.public, &service.bearer(), PER_SECOND);
    sleep(setup.of(Duration::from_secs(30), Duration::from_secs(2))).await;
    let (tally, _) = load.end().await;

    let mut server = PgConnection::connect(direct).await?;
    sqlx::query(CUT).execute(&mut server).await?;
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    let lasting = setup.of(Duration::from_secs(30), Duration::from_secs(4));
    while begun.elapsed() < lasting {
        let asked = Instant::now();
        let status = service.get("/api/v1/items").await?;
        ensure!(status == 503, "{status} without a database");
        slowest = slowest.max(asked.elapsed());
    }
    service.until_probe("/readyz", 503).await?;
    names.known()?;
    let over = Instant::now();
    while service.get("/api/v1/items").await? != 200 {
        ensure!(
            over.elapsed() < setup.within(RECOVERY) * 2,
            "it is never served again"
        );
    }
    service.until_probe("/readyz", 200).await?;
    let told = service.log().lines();
    let mut causes = told.iter().filter_map(|line| line["cause"].as_str());
    Ok(Told {
        connected: tally.told(),
        lost: tally.failed(),
        slowest,
        recovered: over.elapsed(),
        cause: causes.any(|cause| cause.contains(why)),
        red_liveness: liveness.end().await.context("liveness")?.red,
    })
}

fn outcome(setup: &Setup, kinds: &[(&str, Told)]) -> Outcome {
    let each = |tell: fn(&Told) -> String| {
        let told = kinds
            .iter()
            .map(|(kind, told)| format!("{kind}: {}", tell(told)));
        told.collect::<Vec<_>>().join("; ")
    };
    let all = |is_so: &dyn Fn(&Told) -> bool| kinds.iter().all(|(_, told)| is_so(told));
    let names: Vec<_> = kinds.iter().map(|(kind, _)| *kind).collect();
    Outcome::of(format!(
        "{PER_SECOND} requests/s; DNS {}; then the database cuts all connections",
        names.join(", then ")
    ))
    .lost(each(|told| {
        format!(
            "{} while connected, then 503 after {:.2} s at most",
            told.connected,
            told.slowest.as_secs_f64()
        )
    }))
    .recovery(each(|told| {
        format!("{:.2} s", told.recovered.as_secs_f64())
    }))
    .goal(
        all(&|told| told.lost == 0),
        "a request was lost while connected",
    )
    .goal(
        all(&|told| told.slowest <= setup.within(TOLD)),
        "told too late",
    )
    .goal(all(&|told| told.cause), "the log does not say why")
    .goal(all(&|told| told.red_liveness == 0), "liveness was red")
    .goal(
        all(&|told| told.recovered <= setup.within(RECOVERY)),
        "recovered too late",
    )
}
