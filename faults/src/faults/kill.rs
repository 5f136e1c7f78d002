//! The process is killed in the middle of writes: what it acknowledged is there.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    fault::Outcome,
    load::thousands,
    service::{Service, until},
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str = "every acknowledged row is there; ready again in 2 s";

const WRITERS: usize = 16;
const WRITES_PER_CYCLE: usize = 300;
const READY: Duration = Duration::from_secs(2);

/// The names of items: those that the service has acknowledged, and those that it was
/// only asked to make.
#[derive(Clone, Default)]
pub struct Known(Arc<Mutex<Names>>);

#[derive(Default)]
struct Names {
    acknowledged: BTreeSet<String>,
    unanswered: BTreeSet<String>,
}

pub async fn postgres(setup: Setup) -> Result<Outcome> {
    let url = postgres::new_database().await;
    run(&setup, &setup.service, &[("APP_STORE__URL", &url)]).await
}

pub async fn sqlite(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("items.db");
    let path = path.to_str().context("a path in UTF-8")?;
    let binary = setup
        .sqlite
        .clone()
        .context("no build with SQLite: --sqlite")?;
    run(&setup, &binary, &[("APP_STORE__PATH", path)]).await
}

async fn run(setup: &Setup, binary: &Path, settings: &[(&str, &str)]) -> Result<Outcome> {
    let cycles = setup.of(50, 3);
    let known = Known::default();
    let (mut slowest, mut missing, mut surplus) = (Duration::ZERO, 0, 0);
    let mut service = Service::of(setup, binary, settings).await?;
    for cycle in 0..cycles {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let prefix = format!("{cycle} {writer}");
            writers.spawn(write(
                url(&service),
                service.bearer(),
                prefix,
                known.clone(),
            ));
        }
        let enough = (cycle + 1) * WRITES_PER_CYCLE;
        let written = until(async || known.acknowledged() >= enough).await;
        ensure!(written, "too few writes: {}", known.acknowledged());
        service.signal("KILL")?;
        for ended in writers.join_all().await {
            ended?;
        }
        service = Service::of(setup, binary, settings).await?;
        slowest = slowest.max(service.ready_after);
        let there = names(&service).await?;
        let names = known.0.lock().expect("nobody panics with it");
        missing += names.acknowledged.difference(&there).count();
        let asked =
            |name: &&String| names.acknowledged.contains(*name) || names.unanswered.contains(*name);
        surplus += there.iter().filter(|name| !asked(name)).count();
    }
    let acknowledged = known.acknowledged() as u64;
    Ok(Outcome::of(format!(
        "kill -9, {cycles} times, while {WRITERS} clients write"
    ))
    .lost(format!(
        "{missing} of {} acknowledged rows",
        thousands(acknowledged)
    ))
    .recovery(format!(
        "ready after {:.2} s at most",
        slowest.as_secs_f64()
    ))
    .goal(missing == 0, "an acknowledged row is gone")
    .goal(surplus == 0, "there is a row that nobody asked for")
    .goal(slowest <= setup.within(READY), "ready too late"))
}

impl Known {
    pub fn all_acknowledged(&self) -> BTreeSet<String> {
        let names = self.0.lock().expect("nobody panics with it");
        names.acknowledged.clone()
    }

    pub fn acknowledged(&self) -> usize {
        self.0
            .lock()
            .expect("nobody panics with it")
            .acknowledged
            .len()
    }
}

fn url(service: &Service) -> String {
    format!("http://{}/api/v1/items", service.public)
}

/// Makes items until the service is gone, or cannot any more.
pub fn write_until(
    service: &Service,
    prefix: String,
    known: Known,
) -> impl Future<Output = Result<()>> + 'static {
    let written = write(url(service), service.bearer(), prefix, known);
    async move {
        match written.await {
            Err(error) if error.to_string().contains("answered by 5") => Ok(()),
            ended => ended,
        }
    }
}

/// Makes items until the service is gone.
async fn write(url: String, bearer: String, prefix: String, known: Known) -> Result<()> {
    let http = reqwest::Client::new();
    for number in 0.. {
        let name = format!("{prefix} {number}");
        let request = http
            .post(&url)
            .header("authorization", &bearer)
            .header("content-type", "application/json")
            .body(json!({ "name": name }).to_string());
        let answer = request.send().await;
        let mut known = known.0.lock().expect("nobody panics with it");
        match answer {
            Ok(answer) => {
                ensure!(answer.status() == 201, "answered by {}", answer.status());
                known.acknowledged.insert(name);
            }
            Err(_) => {
                known.unanswered.insert(name);
                return Ok(());
            }
        }
    }
    unreachable!("nobody writes so many")
}

/// All that are there.
pub async fn names(service: &Service) -> Result<BTreeSet<String>> {
    let http = reqwest::Client::new();
    let mut names = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = format!("{}?limit=100{after}", url(service));
        let request = http.get(&page).header("authorization", service.bearer());
        let page: Value = serde_json::from_str(&request.send().await?.text().await?)?;
        let items = page["items"].as_array().context("no page of items")?;
        let told = items.iter().filter_map(|item| item["name"].as_str());
        names.extend(told.map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(names),
        }
    }
}
