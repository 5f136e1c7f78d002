//! What a verifier's meter shows.

use axum_chassis::jwt::{Verifier, VerifierBuilder};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

pub struct Observed {
    pub verifier: Verifier,
    registry: Registry,
    _provider: SdkMeterProvider,
}

impl Observed {
    pub fn new(builder: VerifierBuilder) -> Self {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .unwrap();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self {
            verifier: builder.meter(&provider.meter("test")).build().unwrap(),
            registry,
            _provider: provider,
        }
    }

    /// The value of the series that begins so.
    pub fn value(&self, series: &str) -> Option<u64> {
        let page = TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap();
        let mut lines = page.lines();
        let line = lines.find(|line| line.starts_with(series))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// How many verifications there were with this label.
    pub fn verifications(&self, label: &str, value: &str) -> u64 {
        let series = format!(r#"axum_chassis_jwt_verifications_total{{{label}="{value}"}}"#);
        self.value(&series).unwrap_or(0)
    }

    pub fn refused(&self, kind: &str) -> u64 {
        self.verifications("error_type", kind)
    }

    /// How many good tokens were known already, and how many were not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let good = |cached| self.verifications("axum_chassis_jwt_cached", cached);
        (good("true"), good("false"))
    }

    pub fn cached_tokens(&self) -> Option<u64> {
        self.value("axum_chassis_jwt_cache_tokens")
    }

    pub fn cached_bytes(&self) -> Option<u64> {
        self.value("axum_chassis_jwt_cache_size_bytes")
    }
}
