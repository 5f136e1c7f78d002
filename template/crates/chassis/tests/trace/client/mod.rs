//! Requests to other services.

mod conventions;
mod endings;
mod grpc;
mod sockets;

use axum_chassis::trace::client::{ClientTrace, ClientTraceLayer};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracer;
use tower::Layer;

use crate::Exported;

impl Exported {
    fn client_layer(&self) -> ClientTraceLayer<SdkTracer> {
        ClientTraceLayer::new(self.provider.tracer("test"))
    }

    fn client<S>(&self, service: S) -> ClientTrace<S, SdkTracer> {
        self.client_layer().layer(service)
    }
}
