//! Real clients and servers.

use axum::{Router, body::Body, routing::get};
use axum_chassis::trace::client::ClientTrace;
use http::Request;
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::{SdkTracer, SpanData};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tower::{Service, ServiceExt};

use crate::{Exported, attribute};

/// A server on a socket of its own.
struct Server {
    url: String,
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<()>,
}

impl Server {
    async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("is bound");
        let (stop, until) = oneshot::channel();
        let server = async {
            let served = axum::serve(listener, app).with_graceful_shutdown(async {
                let _ = until.await;
            });
            served.await.expect("a server that serves");
        };
        Self {
            url: format!("http://{address}/"),
            stop,
            stopped: tokio::spawn(server),
        }
    }

    /// Waits until it has answered everything and let go of its router.
    async fn stop(self) {
        let _ = self.stop.send(());
        self.stopped.await.expect("a server that stops");
    }
}

type HyperClient = ClientTrace<Client<HttpConnector, Body>, SdkTracer>;

fn hyper_client(exported: &Exported) -> HyperClient {
    exported.client(Client::builder(TokioExecutor::new()).build_http())
}

/// Asks for the URL and reads what comes.
async fn ask(client: HyperClient, url: &str) -> String {
    let request = Request::get(url).body(Body::empty()).expect("a valid URL");
    let response = client.oneshot(request).await.expect("an answer");
    let body = response.into_body().collect().await.expect("a whole body");
    String::from_utf8(body.to_bytes().into()).expect("text")
}

#[tokio::test]
async fn client_server_client_server_is_one_trace() {
    let exported = Exported::new();
    let answers = get(async || "42");
    let inventory = Server::start(Router::new().route("/", answers).layer(exported.layer())).await;
    let (client, url) = (hyper_client(&exported), inventory.url.clone());
    let asks = get(async move || ask(client, &url).await);
    let shop = Server::start(Router::new().route("/", asks).layer(exported.layer())).await;

    assert_eq!(ask(hyper_client(&exported), &shop.url).await, "42");
    shop.stop().await;
    inventory.stop().await;

    let spans = exported.spans();
    assert_eq!(spans.len(), 4, "{spans:?}");
    let child_of = |parent: &SpanData| {
        let parent = parent.span_context.span_id();
        let mut children = spans.iter().filter(|span| span.parent_span_id == parent);
        let (child, other) = (children.next().expect("a child"), children.next());
        assert!(other.is_none(), "{other:?}");
        child
    };
    let is_root = |span: &&SpanData| span.parent_span_id == opentelemetry::SpanId::INVALID;
    let mut span = spans.iter().find(is_root).expect("a span that began it");
    let mut kinds = vec![span.span_kind.clone()];
    while kinds.len() < spans.len() {
        let child = child_of(span);
        assert_eq!(child.span_context.trace_id(), span.span_context.trace_id());
        assert_eq!(
            child.parent_span_is_remote,
            child.span_kind == SpanKind::Server
        );
        kinds.push(child.span_kind.clone());
        span = child;
    }
    let (client, server) = (SpanKind::Client, SpanKind::Server);
    assert_eq!(kinds, [client.clone(), server.clone(), client, server]);
}

#[tokio::test]
async fn nobody_listens() {
    let exported = Exported::new();
    let gone = Server::start(Router::new()).await;
    let url = gone.url.clone();
    gone.stop().await;

    let mut client = hyper_client(&exported);
    let request = Request::get(&url).body(Body::empty()).expect("a valid URL");
    let client = client.ready().await.expect("is always ready");
    assert!(client.call(request).await.is_err());

    let span = exported.only();
    assert_eq!(attribute(&span, "axum_chassis.ending"), "service_failed");
    assert_eq!(attribute(&span, "url.full"), url);
}

#[cfg(feature = "reqwest")]
mod reqwest {
    use axum_chassis::trace::{client::Reqwest, current_trace_id};
    use opentelemetry::trace::Status;

    use super::*;

    #[tokio::test]
    async fn a_reqwest_client_is_traced() {
        let exported = Exported::new();
        let tells = get(async || current_trace_id().map_or_else(String::new, |id| id.to_string()));
        let server = Server::start(Router::new().route("/", tells).layer(exported.layer())).await;

        let client = ::reqwest::Client::new();
        let request = client.get(&server.url).bearer_auth("s3cret").build();
        let request = Request::<::reqwest::Body>::try_from(request.expect("a valid request"));
        let request = request.expect("a valid request");
        let service = exported.client(Reqwest::new(client));
        let response = service.oneshot(request).await.expect("an answer");
        let body = response.into_body().collect().await.expect("a whole body");
        server.stop().await;

        let spans = exported.spans();
        let client = spans.iter().find(|span| span.span_kind == SpanKind::Client);
        let client = client.expect("a client span");
        let trace_id = client.span_context.trace_id().to_string();
        assert_eq!(body.to_bytes(), trace_id);
        assert_eq!(attribute(client, "axum_chassis.ending"), "complete");
        assert_eq!(attribute(client, "network.protocol.version"), "1.1");
        assert_eq!(spans.len(), 2);
    }

    #[tokio::test]
    async fn an_error_of_reqwest_does_not_show_the_url() {
        let exported = Exported::new();
        let gone = Server::start(Router::new()).await;
        let url = format!("{}?token=s3cret", gone.url);
        gone.stop().await;

        let service = exported.client(Reqwest::new(::reqwest::Client::new()));
        let request = Request::get(&url).body("").expect("a valid URL");
        let error = service
            .oneshot(request)
            .await
            .map(drop)
            .expect_err("nobody listens");
        assert!(error.is_connect(), "{error}");

        let span = exported.only();
        assert_ne!(span.status, Status::Unset);
        assert!(!format!("{span:?}").contains("s3cret"), "{span:?}");
    }

    #[tokio::test]
    async fn a_url_that_reqwest_does_not_take_is_its_error() {
        let exported = Exported::new();
        let service = exported.client(Reqwest::new(::reqwest::Client::new()));
        let request = Request::get("/relative").body("").expect("a valid URI");
        let error = service
            .oneshot(request)
            .await
            .map(drop)
            .expect_err("no host");
        assert!(error.is_builder(), "{error}");
        let ending = attribute(&exported.only(), "axum_chassis.ending");
        assert_eq!(ending, "service_failed");
    }
}
