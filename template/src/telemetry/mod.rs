//! Logs, traces and metrics: started before anything else, flushed after it.
//!
//! The exporters live on a runtime of their own, so that a Collector that hangs
//! never takes a thread from a request.

#[cfg(feature = "console")]
mod console;
mod level;
mod logs;
pub mod names;
mod providers;
mod runtime;
mod sampling;
mod spans;

use std::{
    io,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use axum_chassis::{
    health::{Check, Outcomes},
    prometheus::Registry,
};
use opentelemetry::{
    metrics::{Meter, MeterProvider},
    trace::TracerProvider,
};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::{
    metrics::SdkMeterProvider,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::runtime::{Handle, Runtime};
use tracing_subscriber::{
    Layer, filter::LevelFilter, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

pub use self::level::{Level, LogLevel};
use self::sampling::Sampling;
pub(crate) use self::{
    providers::SOURCE_REVISION,
    runtime::{ProcessUsage, process_usage},
};
use crate::{config::Config, reload::Live};

/// Who makes the spans and the metrics, in their instrumentation scope.
const SCOPE: &str = env!("CARGO_PKG_NAME");

/// Everything that leaves the process to tell of it.
pub struct Telemetry {
    tracers: SdkTracerProvider,
    pusher: Option<SdkMeterProvider>,
    registry: Registry,
    log_level: LogLevel,
    sampling: Sampling,
    runtime: Runtime,
    checks: Vec<Check>,
}

/// For how long an export may fail before that is told.
const EXPORT_TOLERANCE: Duration = Duration::from_secs(300);

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// An exporter does not accept its settings.
    #[error("OTLP export cannot be set up, check the OTEL_EXPORTER_OTLP_* variables")]
    Exporter(#[from] ExporterBuildError),
    /// The system gives no thread.
    #[error("no thread for telemetry")]
    Runtime(#[from] io::Error),
    /// A log subscriber is installed already.
    #[error("logs are set up already")]
    Logs(#[from] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Sets up logs, traces and metrics for the whole process.
    ///
    /// # Errors
    ///
    /// If an exporter refuses its `OTEL_*` settings, or logs were set up before.
    pub fn start(config: &Config) -> Result<Self, TelemetryError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()?;
        let sampling = Sampling::new(config);
        let (spans, points) = (Outcomes::default(), Outcomes::default());
        let (pusher, registry, tracers) = {
            let _inside = runtime.enter();
            let pusher = providers::pusher(config.otlp, &points)?;
            let registry = providers::registry(pusher.as_ref());
            let meter = registry.meter(SCOPE);
            let tracers = providers::tracers(config.otlp, sampling.clone(), &spans, &meter)?;
            (pusher, registry, tracers)
        };
        let exports = [
            (config.otlp.traces, "otlp-traces", spans),
            (config.otlp.metrics, "otlp-metrics", points),
        ];
        let exports = exports.into_iter().filter(|(is_on, ..)| *is_on);
        let tracer = tracers.tracer(SCOPE);
        let (filter, filters) = reload::Layer::new(level::checked(&level::configured(&config.log)));
        let install = move |filter| {
            // Only without a subscriber, which is there until the process ends.
            let _ = filters.reload(filter);
        };
        // Below the request's span, which the trace layer makes, each `#[instrument]`
        // span is one more. Each has a filter of its own: a quiet log ends no trace.
        let subscriber = tracing_subscriber::registry();
        #[cfg(feature = "console")]
        let subscriber = subscriber.with(console::layer());
        subscriber
            .with(
                tracing_opentelemetry::layer()
                    .with_tracer(tracer)
                    .with_filter(LevelFilter::INFO),
            )
            .with(logs::layer(config.log.format, &registry.meter(SCOPE)).with_filter(filter))
            .try_init()?;
        Ok(Self {
            registry,
            log_level: LogLevel::new(&config.log, runtime.handle().clone(), install),
            sampling,
            tracers,
            pusher,
            runtime,
            checks: exports
                .map(|(_, name, outcomes)| outcomes.check(name, EXPORT_TOLERANCE))
                .collect(),
        })
    }

    /// The tracer of the requests.
    pub fn tracer(&self) -> SdkTracer {
        self.tracers.tracer(SCOPE)
    }

    /// The meter of this service's instruments.
    pub fn meter(&self) -> Meter {
        self.registry.meter(SCOPE)
    }

    /// Whether what is sent by OTLP arrives: one check for each signal that is sent.
    pub fn checks(&self) -> impl Iterator<Item = Check> {
        self.checks.iter().cloned()
    }

    /// Begins to tell what the process and this runtime of its use.
    pub fn observe_runtime(&self, runtime: &Handle) {
        runtime::observe(&self.meter(), runtime.metrics());
    }

    /// Takes over what a new configuration says of logs and traces, from now on.
    pub fn follow(&self, mut live: Live) {
        let (log_level, sampling) = (self.log_level(), self.sampling.clone());
        self.runtime.spawn(async move {
            while let Some(loaded) = live.changed().await {
                log_level.configure(&loaded.config.log);
                sampling.configure(&loaded.config);
            }
        });
    }

    /// What is logged, to be looked at and changed.
    pub fn log_level(&self) -> LogLevel {
        self.log_level.clone()
    }

    /// All metrics, to be scraped.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Sends what is left, and says whether it all went in time.
    ///
    /// The SDK's own time-outs do not hold against a Collector that hangs, so
    /// the flush runs on a thread that is left behind at the deadline.
    #[must_use]
    pub fn flush(self, deadline: Duration) -> bool {
        let (done, finished) = mpsc::channel();
        let end = Instant::now() + deadline;
        let Self {
            tracers, pusher, ..
        } = self;
        thread::spawn(move || {
            // The exporters report their own failures; here only time counts.
            let _ = tracers.shutdown_with_timeout(deadline);
            if let Some(pusher) = pusher {
                let _ = pusher.shutdown_with_timeout(deadline);
            }
            let _ = done.send(());
        });
        let in_time = finished.recv_timeout(end - Instant::now()).is_ok();
        self.runtime.shutdown_background();
        in_time
    }
}
