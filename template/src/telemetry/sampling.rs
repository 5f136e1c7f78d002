use std::sync::{Arc, Mutex};

use axum_chassis::trace::RouteSampler;
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceId},
};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};
use tokio::sync::watch;

use crate::config::{Config, RouteRatio, Traces};

/// Which traces are sampled, and how to change that while the service runs.
#[derive(Clone, Debug)]
pub(super) struct Sampling {
    sampler: Arc<watch::Sender<Box<dyn ShouldSample>>>,
    /// What it was made from: a limit begins anew only where it has changed.
    traces: Arc<Mutex<Traces>>,
}

impl Sampling {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            sampler: Arc::new(watch::Sender::new(sampler(config))),
            traces: Arc::new(Mutex::new(config.traces.clone())),
        }
    }

    /// What is configured may have changed.
    pub(super) fn configure(&self, config: &Config) {
        let mut traces = self.traces.lock().unwrap_or_else(|e| e.into_inner());
        if *traces != config.traces {
            self.sampler.send_replace(sampler(config));
            traces.clone_from(&config.traces);
        }
    }
}

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = self.sampler.borrow();
        sampler.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

/// What each route and the limit say is for the traces that begin here.
fn sampler(config: &Config) -> Box<dyn ShouldSample> {
    let (head, traces) = (config.otlp.sampler, &config.traces);
    let ratio = traces.ratio.unwrap_or(head.ratio);
    let all = RouteSampler::new(Sampler::TraceIdRatioBased(ratio));
    let routes = traces.route_ratios.iter();
    let mut roots = routes.fold(all, |roots, RouteRatio { route, ratio }| {
        roots.route(route, *ratio)
    });
    if let Some(limit) = traces.limit_per_second {
        roots = roots.limit_per_second(limit);
    }
    if head.parent_based {
        Box::new(Sampler::ParentBased(Box::new(roots)))
    } else {
        Box::new(roots)
    }
}
