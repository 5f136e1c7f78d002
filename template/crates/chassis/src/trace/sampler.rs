use std::{collections::HashMap, num::NonZeroU32, sync::Arc};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceId},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Samples by the name of the span, and so by route; with a limit on how many a second.
///
/// It decides for the traces that begin here: put it into
/// [`Sampler::ParentBased`], so that all others stay as their callers decided. The
/// SDK asks for each span; only with a parent-based sampler around it are the
/// children of an unsampled span left out too.
///
/// ```
/// use std::num::NonZeroU32;
///
/// use axum_chassis::trace::RouteSampler;
/// use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
///
/// let roots = RouteSampler::new(Sampler::AlwaysOn)
///     .route("GET /items", 0.01)
///     .limit_per_second(NonZeroU32::new(100).unwrap());
/// let provider = SdkTracerProvider::builder()
///     .with_sampler(Sampler::ParentBased(Box::new(roots)))
///     .build();
/// ```
#[derive(Clone, Debug)]
pub struct RouteSampler {
    default: Sampler,
    routes: HashMap<String, Sampler>,
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
}

impl RouteSampler {
    /// Samples as `default` says, but for what is said of single routes.
    pub fn new(default: Sampler) -> Self {
        Self {
            default,
            routes: HashMap::new(),
            limiter: None,
        }
    }

    /// Samples spans of this name, such as `GET /items/{id}`, with a ratio of their
    /// own, from 0 (never) to 1 (always).
    #[must_use]
    pub fn route(mut self, span_name: impl Into<String>, ratio: f64) -> Self {
        let sampler = Sampler::TraceIdRatioBased(ratio);
        self.routes.insert(span_name.into(), sampler);
        self
    }

    /// Samples no more than this many a second, whatever the route. After a quiet
    /// second that many may come at once.
    #[must_use]
    pub fn limit_per_second(mut self, limit: NonZeroU32) -> Self {
        let limiter = RateLimiter::direct(Quota::per_second(limit));
        self.limiter = Some(Arc::new(limiter));
        self
    }

    fn is_within_limit(&self) -> bool {
        let limiter = self.limiter.as_ref();
        limiter.is_none_or(|limiter| limiter.check().is_ok())
    }
}

impl ShouldSample for RouteSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = self.routes.get(name).unwrap_or(&self.default);
        let mut result = sampler.should_sample(parent, trace_id, name, kind, attributes, links);
        if result.decision == SamplingDecision::RecordAndSample && !self.is_within_limit() {
            result.decision = SamplingDecision::Drop;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(sampler: &RouteSampler, name: &str, trace_id: u128) -> bool {
        let trace_id = TraceId::from(trace_id);
        let result = sampler.should_sample(None, trace_id, name, &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    /// Trace ids that are spread evenly over what ratios look at.
    fn trace_ids() -> impl Iterator<Item = u128> {
        (0..1000_u128).map(|step| step * (u128::from(u64::MAX) / 1000) + 1)
    }

    #[test]
    fn a_route_has_a_ratio_of_its_own_and_all_others_the_default() {
        let sampler = RouteSampler::new(Sampler::AlwaysOn)
            .route("GET /items", 0.1)
            .route("GET /noise", 0.0);
        let sampled = |name| {
            trace_ids()
                .filter(|&id| samples(&sampler, name, id))
                .count()
        };
        assert_eq!(sampled("GET /noise"), 0);
        assert!((99..=101).contains(&sampled("GET /items")));
        assert_eq!(sampled("POST /items"), 1000);
    }

    #[test]
    fn no_more_are_sampled_than_the_limit_allows() {
        let limit = NonZeroU32::new(5).unwrap();
        let sampler = RouteSampler::new(Sampler::AlwaysOn).limit_per_second(limit);
        let sampled = trace_ids()
            .take(100)
            .filter(|&id| samples(&sampler, "GET", id));
        // At least the burst; more only if the test is slow.
        assert!((5..50).contains(&sampled.count()));
    }

    #[test]
    fn what_is_not_sampled_does_not_use_up_the_limit() {
        let limit = NonZeroU32::new(1).unwrap();
        let sampler = RouteSampler::new(Sampler::AlwaysOn)
            .route("GET /noise", 0.0)
            .limit_per_second(limit);
        assert!(!trace_ids().any(|id| samples(&sampler, "GET /noise", id)));
        assert!(samples(&sampler, "GET /items", 1));
    }
}
