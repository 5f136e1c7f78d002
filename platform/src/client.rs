//! Who sends: as an SDK does, which sends again what is refused for now.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use tokio::time::sleep;
use tonic::{
    Code, Request, Status,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig},
};

use crate::{
    pki::{self, Pki},
    spans::{Trace, requests},
};

const PATIENCE: Duration = Duration::from_secs(120);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Of one Collector.
#[derive(Clone)]
pub struct Client {
    inner: TraceServiceClient<Channel>,
    token: Option<String>,
}

impl Client {
    /// Without TLS.
    pub fn plain(address: &str) -> Result<Self> {
        let channel = Channel::from_shared(format!("http://{address}"))?.connect_lazy();
        Ok(Self {
            inner: TraceServiceClient::new(channel),
            token: None,
        })
    }

    /// By TLS, with this token.
    pub fn secure(address: &str, authority: &str, token: Option<&str>) -> Result<Self> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authority))
            .domain_name(pki::NAME);
        let channel = Channel::from_shared(format!("https://{address}"))?.tls_config(tls)?;
        Ok(Self {
            inner: TraceServiceClient::new(channel.connect_lazy()),
            token: token.map(str::to_owned),
        })
    }

    /// As a gateway that is secure expects it.
    pub fn trusted(address: &str, pki: &Pki) -> Result<Self> {
        Self::secure(address, &pki.authority, Some(pki::TOKEN))
    }

    /// Sends once.
    pub async fn send(&self, request: ExportTraceServiceRequest) -> Result<(), Status> {
        let mut request = Request::new(request);
        if let Some(token) = &self.token {
            let value = MetadataValue::try_from(format!("Bearer {token}"));
            let value = value.map_err(|error| Status::internal(error.to_string()))?;
            request.metadata_mut().insert("authorization", value);
        }
        self.inner.clone().export(request).await.map(drop)
    }

    /// Sends until it is taken. Gives how often it was refused.
    pub async fn insist(&self, request: ExportTraceServiceRequest) -> Result<u64> {
        let begun = Instant::now();
        for refused in 0.. {
            match self.send(request.clone()).await {
                Ok(()) => return Ok(refused),
                Err(status) if !is_for_now(&status) || begun.elapsed() > PATIENCE => {
                    bail!("refused for good: {status}")
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
        unreachable!("it has no end")
    }

    /// Sends traces, some at once, until all are taken. Gives how often it was refused.
    pub async fn traces(&self, traces: &[Trace], at_once: usize) -> Result<u64> {
        let mut refused = 0;
        for some in traces.chunks(at_once) {
            for request in requests(some) {
                refused += self.insist(request).await?;
            }
        }
        Ok(refused)
    }
}

/// After which an SDK sends again, by the specification of OTLP.
pub fn is_for_now(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Cancelled
            | Code::DeadlineExceeded
    )
}
