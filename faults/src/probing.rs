//! Probes that are asked all along, as an orchestrator asks them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::service::Service;

const PERIOD: Duration = Duration::from_millis(50);

/// Somebody who asks them.
pub struct Probing {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Probed>,
}

/// What they answered.
#[derive(Default)]
pub struct Probed {
    pub asked: u64,
    /// Not answered by 200.
    pub red: u64,
    /// Not answered at all, in time.
    pub unanswered: u64,
    pub slowest: Duration,
}

impl Probing {
    /// Asks both, liveness and readiness, each on a connection of its own.
    pub fn begin(service: &Service) -> Result<Self> {
        Self::of(service, &["/livez", "/readyz"])
    }

    /// Asks these.
    pub fn of(service: &Service, paths: &[&str]) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(service.probe_timeout)
            .pool_max_idle_per_host(0)
            .build()?;
        let urls = paths
            .iter()
            .map(|path| format!("http://{}{path}", service.operations));
        let urls: Vec<_> = urls.collect();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let asking = tokio::spawn(async move {
            let mut probed = Probed::default();
            let mut ticks = interval(PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !stopped.load(Relaxed) {
                ticks.tick().await;
                for url in &urls {
                    let begun = Instant::now();
                    let answer = http.get(url).send().await;
                    probed.asked += 1;
                    probed.unanswered += u64::from(answer.is_err());
                    let is_green = answer.is_ok_and(|answer| answer.status() == 200);
                    probed.red += u64::from(!is_green);
                    probed.slowest = probed.slowest.max(begun.elapsed());
                }
            }
            probed
        });
        Ok(Self { stop, asking })
    }

    pub async fn end(self) -> Result<Probed> {
        self.stop.store(true, Relaxed);
        Ok(self.asking.await?)
    }
}

impl Probed {
    /// `0 of 1,000 probes`.
    pub fn told(&self) -> String {
        let slowest = self.slowest.as_millis();
        format!(
            "{} of {} probes (slowest {slowest} ms)",
            self.red, self.asked
        )
    }
}
