use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status as Refusal};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{self, HealthServer},
};

use super::{
    Health,
    report::{Probe, Status},
};

/// The [gRPC health checking protocol][grpc], answered from the same state as the probes.
///
/// | service | is `SERVING` while |
/// |---|---|
/// | `""`, and each that was [named](Self::service) | the service is ready |
/// | `livez`, `readyz`, `startupz` | that probe passes |
/// | the name of a check | that check passes, whether critical or not |
///
/// Of any other, `Check` is refused as not found, and `Watch` says `SERVICE_UNKNOWN`. A
/// `Watch` ends when it has told of the [drain](Health::mark_draining): what never ends
/// would hold up a graceful shutdown.
///
/// ```no_run
/// use axum_chassis::health::{GrpcHealth, Health};
///
/// # async fn serve() -> Result<(), tonic::transport::Error> {
/// let health = Health::builder().build();
/// let probes = GrpcHealth::new(health).service("shop.v1.Items").into_server();
/// tonic::transport::Server::builder()
///     .add_service(probes)
///     .serve(([127, 0, 0, 1], 9090).into())
///     .await
/// # }
/// ```
///
/// [grpc]: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
#[derive(Clone, Debug)]
pub struct GrpcHealth {
    health: Health,
    services: BTreeSet<String>,
}

impl GrpcHealth {
    /// Knows the service `""`, the probes and the checks.
    pub fn new(health: Health) -> Self {
        Self {
            health,
            services: BTreeSet::from([String::new()]),
        }
    }

    /// A service that is served by this process, such as `shop.v1.Items`.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.services.insert(name.into());
        self
    }

    /// To be added to a tonic server, or to a router.
    pub fn into_server(self) -> HealthServer<Self> {
        HealthServer::new(self)
    }

    fn status(&self, service: &str) -> Option<ServingStatus> {
        let probe = match self.services.contains(service) {
            true => Some(Probe::Ready),
            false => Probe::ALL.into_iter().find(|probe| probe.name() == service),
        };
        let report = match probe {
            Some(probe) => self.health.report(probe),
            None => self.health.report(Probe::Ready).only(service)?,
        };
        Some(match report.status() {
            Status::Pass | Status::Warn => ServingStatus::Serving,
            Status::Fail => ServingStatus::NotServing,
        })
    }

    /// Tells one that watches of each change, until they go or the service does.
    async fn tell(self, service: String, watcher: mpsc::Sender<Answer>) {
        let mut changes = self.health.changes();
        let mut told = None;
        loop {
            let draining = self.health.is_draining();
            let status = self.status(&service);
            let status = status.unwrap_or(ServingStatus::ServiceUnknown);
            if told.replace(status) != Some(status)
                && watcher.send(Ok(answer(status))).await.is_err()
            {
                return;
            }
            if draining {
                return;
            }
            tokio::select! {
                () = changes.changed() => {}
                () = watcher.closed() => return,
            }
        }
    }
}

type Answer = Result<HealthCheckResponse, Refusal>;

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl health_server::Health for GrpcHealth {
    type WatchStream = ReceiverStream<Answer>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Refusal> {
        let service = request.into_inner().service;
        match self.status(&service) {
            Some(status) => Ok(Response::new(answer(status))),
            None => Err(Refusal::not_found(
                "neither a service, nor a probe, nor a check",
            )),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Refusal> {
        let (watcher, statuses) = mpsc::channel(1);
        tokio::spawn(self.clone().tell(request.into_inner().service, watcher));
        Ok(Response::new(ReceiverStream::new(statuses)))
    }
}
