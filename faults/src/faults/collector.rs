//! A Collector that is not there, or is of no use, costs requests nothing.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::{
    collector::Collector,
    fault::Outcome,
    load::{Times, paced::Paced, thousands},
    proxy::{Mode, Proxy},
    service::{Service, until},
    setup::Setup,
    usage,
};

pub const GOAL: &str =
    "p99 within 5 %; memory + 32 MiB at most; every span sent or counted as lost; exit in time";

const PER_SECOND: u32 = 500;
const SLOW: Duration = Duration::from_secs(1);
const MODES: [(&str, Mode); 4] = [
    ("refused", Mode::Refuse),
    ("black-holed", Mode::Silence),
    ("slow", Mode::Slow(SLOW)),
    ("garbage", Mode::Garbage),
];
const MEMORY_MIB: f64 = 32.0;
/// What p99 may be of the undisturbed one.
const P99: f64 = 1.05;
const FLUSH_TIMEOUT: &str = "1s";
const EXIT: Duration = Duration::from_secs(2);

const EXPORTED: &str = "otel_sdk_exporter_span_exported_total";
const LOST: &str = "otel_sdk_exporter_span_exported_total{error_type=";
const NO_PLACE: &str = r#"otel_sdk_processor_span_processed_total{error_type="queue_full"}"#;
const REQUESTS: &str = "http_server_request_duration_seconds_count";

/// Of all modes and protocols.
#[derive(Default)]
struct Sum {
    ratios: Vec<(String, f64)>,
    undisturbed: Times,
    disturbed: Times,
    lost_requests: u64,
    requests: u64,
    lost_spans: f64,
    uncounted: Vec<&'static str>,
    memory_mib: f64,
    slowest_exit: Duration,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let protocols = setup.of(&["grpc", "http/protobuf"][..], &["grpc"][..]);
    let slice = setup.of(Duration::from_secs(15), Duration::from_secs(1));
    let rounds = setup.of(5, 1);
    let mut sum = Sum::default();
    for protocol in protocols {
        for (name, mode) in MODES {
            sum.add(&setup, protocol, (name, mode), slice, rounds)
                .await?;
        }
    }
    Ok(sum.outcome(&setup, slice * rounds, protocols))
}

impl Sum {
    /// Disturbed and undisturbed time in turn, so that whatever else happens on the
    /// machine hurts both alike.
    async fn add(
        &mut self,
        setup: &Setup,
        protocol: &str,
        (name, mode): (&'static str, Mode),
        slice: Duration,
        rounds: u32,
    ) -> Result<()> {
        let collector = Collector::start().await?;
        let proxy = Proxy::start(collector.address).await?;
        let endpoint = format!("http://{}", proxy.address);
        let settings = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "1000"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
            ("APP_SHUTDOWN__FLUSH_TIMEOUT", FLUSH_TIMEOUT),
        ];
        let service = Service::start(setup, &settings).await?;
        let load = Paced::begin(service.public, &service.bearer(), PER_SECOND);
        sleep(slice).await;
        let before = service.usage()?;
        usage::forget_peak(service.id())?;
        load.times.take();
        let (mut undisturbed, mut disturbed) = (Times::default(), Times::default());
        for _ in 0..rounds {
            for (mode, times) in [(Mode::Pass, &mut undisturbed), (mode, &mut disturbed)] {
                proxy.behave(mode);
                sleep(slice).await;
                times.add(load.times.take());
            }
        }
        self.memory_mib = self.memory_mib.max(service.usage()?.peak_over(&before));
        let (tally, _) = load.end().await;
        self.lost_requests += tally.failed();
        self.requests += tally.all();
        self.ratios.push((
            format!("{name} by {protocol}"),
            disturbed.p99() / undisturbed.p99(),
        ));
        self.undisturbed.add(undisturbed);
        self.disturbed.add(disturbed);
        self.account(&service, &proxy, name).await?;
        proxy.behave(mode);
        self.exit(service).await
    }

    /// Each request had a span, and each span was sent or is counted as lost.
    async fn account(
        &mut self,
        service: &Service,
        proxy: &Proxy,
        name: &'static str,
    ) -> Result<()> {
        proxy.behave(Mode::Pass);
        // Nothing need be lost of it: what is refused is sent once more, and who waits for
        // what is late gets it.
        ensure!(proxy.disturbed() > 0, "{name} met nobody");
        let is_accounted = until(async || {
            let (sent, no_place, requests) = (
                service.sum(EXPORTED).await,
                service.sum(NO_PLACE).await,
                service.sum(REQUESTS).await,
            );
            matches!((sent, no_place, requests), (Ok(s), Ok(n), Ok(r)) if s + n == r)
        })
        .await;
        if !is_accounted {
            self.uncounted.push(name);
        }
        self.lost_spans += service.sum(LOST).await? + service.sum(NO_PLACE).await?;
        Ok(())
    }

    async fn exit(&mut self, service: Service) -> Result<()> {
        service.signal("TERM")?;
        let signalled = Instant::now();
        service.ended().await?;
        self.slowest_exit = self.slowest_exit.max(signalled.elapsed());
        Ok(())
    }

    fn outcome(self, setup: &Setup, time: Duration, protocols: &[&str]) -> Outcome {
        let p99 = self.disturbed.p99() / self.undisturbed.p99();
        let each: Vec<_> = self
            .ratios
            .iter()
            .map(|(name, ratio)| format!("{name} {ratio:.2}"))
            .collect();
        Outcome::of(format!(
            "{PER_SECOND} requests/s; {} s of each: refused, black-holed, slow by {} s, garbage; by {}",
            time.as_secs(),
            SLOW.as_secs(),
            protocols.join(" and "),
        ))
        .lost(format!(
            "{} of {} requests; {} spans, all counted; p99 × {p99:.2} ({}); memory + {:.1} MiB",
            self.lost_requests,
            thousands(self.requests),
            thousands(self.lost_spans as u64),
            each.join(", "),
            self.memory_mib,
        ))
        .recovery(format!(
            "exit after {:.2} s at most",
            self.slowest_exit.as_secs_f64()
        ))
        .goal(self.lost_requests == 0, "requests were lost")
        .goal(self.uncounted.is_empty(), format!("spans are not counted: {:?}", self.uncounted))
        // A hundredth of some seconds is too few requests to say anything.
        .goal(setup.quick || p99 <= P99, format!("p99 × {p99:.2}"))
        .goal(self.memory_mib <= MEMORY_MIB, "too much memory")
        .goal(self.slowest_exit <= setup.within(EXIT), "the exit is too late")
    }
}
