//! Hours of work leave nothing behind.

use std::time::{Duration, Instant};

use anyhow::Result;
use hyper::Version;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{
    fault::Outcome,
    load::{
        asking::{Asking, Target},
        paced::Paced,
        thousands,
    },
    service::{Service, until},
    setup::Setup,
};

pub const GOAL: &str = "memory flat; no task and no descriptor more than before";

const CLIENTS: usize = 32;
const SHARE: f64 = 0.7;
/// The first part of the time, in which pools and caches fill.
const WARM_UP: f64 = 0.2;
/// Neighbouring samples say the same: means of so many parts are as good as independent.
const PARTS: usize = 20;
/// Of Student's t for that many, twice-sided, 95 %.
const T: f64 = 2.10;
/// Flat, as far as it can be told: what a replica might grow by in a day and be none the
/// worse for it.
const FLAT_MIB_PER_HOUR: f64 = 4.0;
/// What a quick run is too short to tell a slope from.
const QUICK_GROWTH_MIB: f64 = 32.0;
const MIB: f64 = 1024.0 * 1024.0;

const TASKS: &str = "tokio_runtime_alive_tasks";
/// As many connections to the database before as after.
const SETTINGS: [(&str, &str); 3] = [
    ("APP_STORE__MIN_CONNECTIONS", "10"),
    ("APP_STORE__MAX_CONNECTIONS", "10"),
    ("APP_HTTP__KEEP_ALIVE_TIMEOUT", "2s"),
];

/// Memory over time: seconds, MiB.
type Sample = (f64, f64);

/// MiB an hour, and by how much that may be wrong, either way.
#[derive(Clone, Copy, Debug)]
struct Slope {
    per_hour: f64,
    uncertainty: f64,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let service = Service::start(&setup, &SETTINGS).await?;
    let most = capacity(&setup, &service).await;
    let before = settled(&service).await?;
    let load = Paced::begin(service.public, &service.bearer(), (most * SHARE) as u32);
    let time = setup.of(Duration::from_secs(30 * 60), Duration::from_secs(20));
    let samples = sample(&service, time).await?;
    let (tally, per_second) = load.end().await;
    let after = settled(&service).await?;
    let slope = slope(&samples);
    let growth = samples.last().map_or(0.0, |last| last.1) - samples.first().map_or(0.0, |s| s.1);
    let is_flat = match setup.quick {
        true => growth <= QUICK_GROWTH_MIB,
        false => slope.per_hour - slope.uncertainty <= FLAT_MIB_PER_HOUR,
    };
    Ok(Outcome::of(format!(
        "{} s at {per_second:.0} requests/s, of {most:.0} at most",
        thousands(time.as_secs())
    ))
    .lost(format!(
        "{}; memory {:+.2} ± {:.2} MiB/h ({} samples, {:.1} MiB at the end); tasks {} → {}; \
         descriptors {} → {}",
        tally.told(),
        slope.per_hour,
        slope.uncertainty,
        samples.len(),
        samples.last().map_or(0.0, |last| last.1),
        before.0,
        after.0,
        before.1,
        after.1,
    ))
    .goal(tally.failed() == 0, "requests were lost")
    .goal(
        is_flat,
        format!("memory grows by {:.2} MiB/h", slope.per_hour),
    )
    .goal(after.0 <= before.0, "tasks leak")
    .goal(after.1 <= before.1, "descriptors leak"))
}

/// Requests a second, at most.
async fn capacity(setup: &Setup, service: &Service) -> f64 {
    let begun = Instant::now();
    let clients = Asking::begin(&Target::items(service), &[(Version::HTTP_11, CLIENTS)]);
    sleep(setup.of(Duration::from_secs(20), Duration::from_secs(2))).await;
    clients.stop_asking();
    let tally = clients.finished().await;
    tally.succeeded() as f64 / begun.elapsed().as_secs_f64()
}

/// Tasks and descriptors, when all clients are gone.
async fn settled(service: &Service) -> Result<(f64, usize)> {
    let open = r#"http_server_open_connections{listener="public"}"#;
    service
        .until_sum(open, |connections| connections == 0.0)
        .await?;
    // A connection's task may end a moment after it is told to be closed.
    let mut last = (f64::INFINITY, usize::MAX);
    until(async || {
        let now = (
            service.sum(TASKS).await.unwrap_or(f64::INFINITY),
            service
                .usage()
                .map_or(usize::MAX, |usage| usage.descriptors),
        );
        sleep(Duration::from_millis(100)).await;
        std::mem::replace(&mut last, now) == now
    })
    .await;
    Ok(last)
}

async fn sample(service: &Service, time: Duration) -> Result<Vec<Sample>> {
    let begun = Instant::now();
    let mut samples = Vec::new();
    let mut ticks = interval(time / 1000);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begun.elapsed() < time {
        ticks.tick().await;
        let seconds = begun.elapsed().as_secs_f64();
        if seconds > time.as_secs_f64() * WARM_UP {
            samples.push((seconds, service.usage()?.memory as f64 / MIB));
        }
    }
    Ok(samples)
}

/// By least squares through the means of the parts.
fn slope(samples: &[Sample]) -> Slope {
    let length = samples.len().div_ceil(PARTS).max(1);
    let means: Vec<Sample> = samples.chunks(length).map(mean).collect();
    let count = means.len() as f64;
    let (x, y) = mean(&means);
    let sum = |of: &dyn Fn(&Sample) -> f64| means.iter().map(of).sum::<f64>();
    let spread = sum(&|sample| (sample.0 - x).powi(2));
    let slope = sum(&|sample| (sample.0 - x) * (sample.1 - y)) / spread;
    let rest = sum(&|sample| (sample.1 - y - slope * (sample.0 - x)).powi(2));
    let error = (rest / (count - 2.0) / spread).sqrt();
    Slope {
        per_hour: slope * 3600.0,
        uncertainty: T * error * 3600.0,
    }
}

fn mean(samples: &[Sample]) -> Sample {
    let count = samples.len() as f64;
    let sum = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>();
    (
        sum(|sample| sample.0) / count,
        sum(|sample| sample.1) / count,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(of: impl Fn(f64) -> f64) -> Vec<Sample> {
        (0..1000)
            .map(|second| (f64::from(second), of(f64::from(second))))
            .collect()
    }

    #[test]
    fn a_leak_is_told_from_noise() {
        let noise = |second: f64| (second * 12.9898).sin() * 2.0;
        let leak = slope(&samples(|second| 50.0 + second / 360.0 + noise(second)));
        assert!((leak.per_hour - 10.0).abs() < leak.uncertainty, "{leak:?}");
        assert!(leak.uncertainty < 5.0, "{leak:?}");
        let flat = slope(&samples(|second| 50.0 + noise(second)));
        assert!(flat.per_hour.abs() < flat.uncertainty, "{flat:?}");
    }
}
