//! grpc.health.v1, asked by tonic's own client.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use axum_chassis::health::{Check, GrpcHealth, Health, HealthTasks};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Server},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use crate::{eventually, refused, switched};

const ITEMS: &str = "shop.v1.Items";

/// A server with a check that follows a switch and a degraded one that fails, and its client.
struct Served {
    client: HealthClient<Channel>,
    health: Health,
    store: Arc<AtomicBool>,
    server: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    _checks: HealthTasks,
}

impl Served {
    async fn start() -> Self {
        let store = Arc::new(AtomicBool::new(true));
        let health = Health::builder()
            .check(switched("store", &store).interval(Check::MIN_INTERVAL))
            .check(refused("cache").degraded())
            .build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let probes = GrpcHealth::new(health.clone()).service(ITEMS).into_server();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async {
            let incoming = TcpListenerStream::new(listener);
            let stopped = async { drop(stopped.await) };
            let server = Server::builder().add_service(probes);
            server
                .serve_with_incoming_shutdown(incoming, stopped)
                .await
                .unwrap();
        });
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        Self {
            client: HealthClient::new(channel.connect().await.unwrap()),
            store,
            server,
            stop,
            _checks: health.spawn(),
            health,
        }
    }

    async fn ready() -> Self {
        let served = Self::start().await;
        served.health.mark_started();
        eventually("ready", || served.health.is_ready()).await;
        served
    }

    async fn check(&mut self, service: &str) -> Result<ServingStatus, Status> {
        let service = service.to_owned();
        let answer = self.client.check(HealthCheckRequest { service }).await?;
        Ok(answer.into_inner().status())
    }

    async fn watch(&mut self, service: &str) -> Streaming<HealthCheckResponse> {
        let service = service.to_owned();
        let answer = self.client.watch(HealthCheckRequest { service }).await;
        answer.unwrap().into_inner()
    }
}

async fn next(statuses: &mut Streaming<HealthCheckResponse>) -> Option<ServingStatus> {
    let status = statuses.message().await.unwrap();
    status.map(|answer| answer.status())
}

#[tokio::test]
async fn the_service_serves_while_it_is_ready() {
    let mut served = Served::start().await;
    for service in ["", ITEMS, "readyz", "startupz"] {
        let status = served.check(service).await.unwrap();
        assert_eq!(
            status,
            ServingStatus::NotServing,
            "{service} while it starts"
        );
    }
    assert_eq!(served.check("livez").await.unwrap(), ServingStatus::Serving);

    served.health.mark_started();
    eventually("ready", || served.health.is_ready()).await;
    for service in ["", ITEMS, "readyz", "startupz", "livez"] {
        let status = served.check(service).await.unwrap();
        assert_eq!(
            status,
            ServingStatus::Serving,
            "{service} when it has started"
        );
    }

    served.health.mark_draining();
    for service in ["", ITEMS, "readyz"] {
        let status = served.check(service).await.unwrap();
        assert_eq!(
            status,
            ServingStatus::NotServing,
            "{service} while it drains"
        );
    }
    assert_eq!(served.check("livez").await.unwrap(), ServingStatus::Serving);
}

#[tokio::test]
async fn a_check_is_a_service_too() {
    let mut served = Served::ready().await;
    assert_eq!(served.check("store").await.unwrap(), ServingStatus::Serving);
    assert_eq!(
        served.check("cache").await.unwrap(),
        ServingStatus::NotServing
    );
    served.health.mark_draining();
    assert_eq!(served.check("store").await.unwrap(), ServingStatus::Serving);
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let mut served = Served::ready().await;
    let refusal = served.check("shop.v1.Orders").await.unwrap_err();
    assert_eq!(refusal.code(), Code::NotFound);
    let mut statuses = served.watch("shop.v1.Orders").await;
    assert_eq!(
        next(&mut statuses).await,
        Some(ServingStatus::ServiceUnknown)
    );
}

#[tokio::test]
async fn a_watch_tells_of_each_change_until_the_service_drains() {
    let mut served = Served::ready().await;
    let mut statuses = served.watch(ITEMS).await;
    assert_eq!(next(&mut statuses).await, Some(ServingStatus::Serving));
    served.store.store(false, Relaxed);
    assert_eq!(next(&mut statuses).await, Some(ServingStatus::NotServing));
    served.store.store(true, Relaxed);
    assert_eq!(next(&mut statuses).await, Some(ServingStatus::Serving));
    served.health.mark_draining();
    assert_eq!(next(&mut statuses).await, Some(ServingStatus::NotServing));
    assert_eq!(next(&mut statuses).await, None);
}

#[tokio::test]
async fn a_watch_does_not_hold_up_a_graceful_shutdown() {
    let mut served = Served::ready().await;
    let mut statuses = [served.watch("").await, served.watch("livez").await];
    for statuses in &mut statuses {
        assert_eq!(next(statuses).await, Some(ServingStatus::Serving));
    }
    served.health.mark_draining();
    served.stop.send(()).unwrap();
    served.server.await.unwrap();
}
