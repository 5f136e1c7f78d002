//! Logs, traces and metrics: started before anything else, flushed after it.
//!
//! The exporters live on a runtime of their own, so that a Collector that hangs
//! never takes a thread from a request.

mod logs;
pub mod names;
mod providers;
mod runtime;

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
    Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::config::Config;

/// Who makes the spans and the metrics, in their instrumentation scope.
const SCOPE: &str = env!("CARGO_PKG_NAME");

/// Everything that leaves the process to tell of it.
pub struct Telemetry {
    tracers: SdkTracerProvider,
    pusher: Option<SdkMeterProvider>,
    registry: Registry,
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
        let (spans, points) = (Outcomes::default(), Outcomes::default());
        let (tracers, pusher) = {
            let _inside = runtime.enter();
            let tracers = providers::tracers(config, &spans)?;
            (tracers, providers::pusher(config.otlp, &points)?)
        };
        let exports = [
            (config.otlp.traces, "otlp-traces", spans),
            (config.otlp.metrics, "otlp-metrics", points),
        ];
        let exports = exports.into_iter().filter(|(is_on, ..)| *is_on);
        let tracer = tracers.tracer(SCOPE);
        // Below the request's span, which the trace layer makes, each `#[instrument]`
        // span is one more. Each has a filter of its own: a quiet log ends no trace.
        tracing_subscriber::registry()
            .with(
                tracing_opentelemetry::layer()
                    .with_tracer(tracer)
                    .with_filter(LevelFilter::INFO),
            )
            .with(logs::layer(config.log.format).with_filter(logs::filter(&config.log)))
            .try_init()?;
        Ok(Self {
            registry: providers::registry(pusher.as_ref()),
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
