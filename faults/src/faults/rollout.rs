//! An update as the cluster makes it: by the manifests' own probes, periods, thresholds,
//! surge and grace period.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    fault::Outcome,
    load::{paced::Paced, thousands},
    service::Service,
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str =
    "0 answers that are not 2xx; each old replica ends by itself within the grace period";

const DEPLOYMENT: &str = include_str!("../../../template/deploy/base/deployment.yaml");
const SETTINGS: &str = include_str!("../../../template/deploy/base/api.env");

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (updated, per_second) = setup.of((usize::MAX, 2000), (1, 300));
    let plan = Plan::read()?;
    let url = postgres::new_database().await;
    let proxy = Proxy::start().await?;
    let mut old = Vec::new();
    for _ in 0..plan.replicas {
        old.push(plan.replica(&setup, &url, &proxy).await?);
    }
    let load = Paced::begin(proxy.address, &old[0].bearer(), per_second);
    let begun = Instant::now();
    let (mut new, mut longest) = (Vec::new(), Duration::ZERO);
    let mut old = old.into_iter();
    for leaving in old.by_ref().take(updated) {
        // As many more as the surge allows, which is one; then none less than there were.
        new.push(plan.replica(&setup, &url, &proxy).await?);
        sleep(plan.min_ready).await;
        longest = longest.max(plan.end(leaving, &proxy).await?);
    }
    let took = begun.elapsed();
    let (tally, attained) = load.end().await;
    Ok(Outcome::of(format!(
        "{} of {} replicas replaced in {:.0} s, {} requests/s",
        new.len(),
        plan.replicas,
        took.as_secs_f64(),
        thousands(attained.round() as u64)
    ))
    .lost(tally.told())
    .recovery(format!(
        "the longest end: {:.1} s of {:?}",
        longest.as_secs_f64(),
        plan.grace
    ))
    .goal(tally.failed() == 0, tally.told())
    .goal(
        setup.quick || attained >= f64::from(per_second) * 0.95,
        format!("only {attained:.0} requests/s"),
    ))
}

/// What the Deployment says.
struct Plan {
    replicas: u64,
    min_ready: Duration,
    grace: Duration,
    startup: Probe,
    readiness: Probe,
    settings: Vec<(&'static str, &'static str)>,
}

/// A probe of a kubelet.
struct Probe {
    path: String,
    period: Duration,
    failures: u64,
}

impl Plan {
    fn read() -> Result<Self> {
        let deployment: Value = serde_yaml_ng::from_str(DEPLOYMENT)?;
        let spec = &deployment["spec"];
        let strategy = &spec["strategy"]["rollingUpdate"];
        ensure!(
            strategy["maxSurge"] == 1 && strategy["maxUnavailable"] == 0,
            "{strategy}"
        );
        let pod = &spec["template"]["spec"];
        let container = &pod["containers"][0];
        let settings = SETTINGS.lines().filter_map(|line| line.split_once('='));
        Ok(Self {
            replicas: number(&spec["replicas"])?,
            min_ready: seconds(&spec["minReadySeconds"])?,
            grace: seconds(&pod["terminationGracePeriodSeconds"])?,
            startup: Probe::read(&container["startupProbe"])?,
            readiness: Probe::read(&container["readinessProbe"])?,
            // Each replica has addresses of its own here.
            settings: settings
                .filter(|(name, _)| name.starts_with("APP_") && !name.ends_with("__ADDRESS"))
                .collect(),
        })
    }

    /// A replica that is ready, and gets its part of the load.
    async fn replica(&self, setup: &Setup, database: &str, proxy: &Proxy) -> Result<Service> {
        let mut settings = self.settings.clone();
        settings.extend([
            ("APP_STORE__URL", database),
            ("APP_STORE__MAX_CONNECTIONS", "5"),
        ]);
        settings.push(("APP_STORE__MIN_CONNECTIONS", "2"));
        let replica = Service::of(setup, &setup.service, &settings).await?;
        self.startup.passes(&replica).await?;
        self.readiness.passes(&replica).await?;
        proxy.endpoints(|endpoints| endpoints.push(replica.public));
        Ok(replica)
    }

    /// SIGTERM at once; that it gets no more connections only when its readiness has
    /// failed so often: the latest that a proxy can learn of it. Gives how long it took.
    async fn end(&self, replica: Service, proxy: &Proxy) -> Result<Duration> {
        let begun = Instant::now();
        replica.signal("TERM")?;
        self.readiness.fails(&replica).await;
        proxy.endpoints(|endpoints| endpoints.retain(|endpoint| *endpoint != replica.public));
        let left = self.grace.saturating_sub(begun.elapsed());
        let ended = timeout(left, replica.ended()).await;
        let ended = ended.context("it would have been killed")??;
        ensure!(ended.success(), "a replica ended by {ended}");
        Ok(begun.elapsed())
    }
}

impl Probe {
    fn read(probe: &Value) -> Result<Self> {
        Ok(Self {
            path: probe["httpGet"]["path"]
                .as_str()
                .context("no path")?
                .to_owned(),
            period: seconds(&probe["periodSeconds"])?,
            failures: number(&probe["failureThreshold"])?,
        })
    }

    /// Asks once a period until it passes.
    async fn passes(&self, replica: &Service) -> Result<()> {
        for _ in 0..self.failures.max(60) {
            if replica
                .probe(&self.path)
                .await
                .is_ok_and(|status| status == 200)
            {
                return Ok(());
            }
            sleep(self.period).await;
        }
        anyhow::bail!("{} never passes", self.path)
    }

    /// Asks once a period until it has failed as often in a row as it must.
    async fn fails(&self, replica: &Service) {
        let mut failures = 0;
        while failures < self.failures {
            sleep(self.period).await;
            let passes = replica
                .probe(&self.path)
                .await
                .is_ok_and(|status| status == 200);
            failures = if passes { 0 } else { failures + 1 };
        }
    }
}

fn number(value: &Value) -> Result<u64> {
    value
        .as_u64()
        .with_context(|| format!("no number: {value}"))
}

fn seconds(value: &Value) -> Result<Duration> {
    number(value).map(Duration::from_secs)
}

/// What a Service is: it chooses an endpoint for each connection, in turn, and leaves
/// those that there are alone.
struct Proxy {
    address: SocketAddr,
    ready: Arc<Mutex<Vec<SocketAddr>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let ready = Arc::<Mutex<Vec<SocketAddr>>>::default();
        let endpoints = Arc::clone(&ready);
        let accepting = tokio::spawn(async move {
            for turn in 0.. {
                let Ok((mut client, _)) = listener.accept().await else {
                    return;
                };
                let endpoint = {
                    let ready = endpoints.lock().unwrap_or_else(PoisonError::into_inner);
                    ready.get(turn % ready.len().max(1)).copied()
                };
                tokio::spawn(async move {
                    if let Some(endpoint) = endpoint
                        && let Ok(mut replica) = TcpStream::connect(endpoint).await
                    {
                        // Whoever ends it, the client sees the end.
                        let _ = copy_bidirectional(&mut client, &mut replica).await;
                    }
                });
            }
        });
        Ok(Self {
            address,
            ready,
            accepting,
        })
    }

    fn endpoints(&self, change: impl FnOnce(&mut Vec<SocketAddr>)) {
        change(&mut self.ready.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
