//! What a request passes, outermost first.

use std::{any::Any, net::SocketAddr, time::Duration};

use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    http::{
        HeaderValue, Method, StatusCode, Version,
        header::{self, AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, RETRY_AFTER},
        request::Parts,
    },
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use axum_chassis::{
    Cause,
    health::Health,
    jwt::{JwtLayer, Verifier},
    metrics::MetricsLayer,
    trace::{ClientAddress, TraceLayer},
};
use tower::{Layer, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed::LoadShedLayer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
    limit::RequestBodyLimitLayer,
    normalize_path::{NormalizePath, NormalizePathLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::SetResponseHeaderLayer,
    timeout::{RequestBodyDeadlineLayer, TimeoutLayer},
};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    config::{Config, Profile},
    flags, openapi, problem,
    reload::Live,
    routes,
    state::AppState,
    telemetry::Telemetry,
};

/// The API: what the public listener serves.
pub fn public(
    config: &Config,
    state: AppState,
    verifier: Verifier,
    telemetry: &Telemetry,
    health: Health,
) -> NormalizePath<Router> {
    let limits = &config.http;
    let live = state.live.clone();
    let mut router = Router::from(routes::router())
        // Inside the JWT layer: who may not write is told so first.
        .route_layer(middleware::from_fn_with_state(
            live.clone(),
            flags::read_only,
        ))
        // As a route layer: an unknown path is 404, with a token or without.
        .route_layer(JwtLayer::new(verifier))
        .with_state(state);
    if config.profile == Profile::Development {
        router = router.merge(documentation());
    }

    // One builder: each `Router::layer` would box every request once more.
    let stack = ServiceBuilder::new()
        // Lame duck: tells kept-alive clients to come back by another connection.
        .layer(middleware::from_fn_with_state(health, close_when_draining))
        .map_request(name_client)
        // Before anything can log them.
        .layer(SetSensitiveRequestHeadersLayer::new([
            AUTHORIZATION,
            COOKIE,
        ]))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        // Outside every early answer, so that 401, 413 and 503 have spans too.
        .layer(TraceLayer::new(telemetry.tracer()).propagation(config.otlp.propagation))
        // Inside the span, outside every rejection.
        .layer(MetricsLayer::new(&telemetry.meter()))
        .layer(PropagateRequestIdLayer::x_request_id())
        // Also on rejections: a browser must be able to read a 401.
        .layer(nosniff())
        .layer(cors(live))
        .layer(CompressionLayer::new())
        // Every error below, whoever made it, has a problem+json body from here on.
        .map_response(problem::fill)
        // A panic is a 500 that the layers above trace and count.
        .layer(CatchPanicLayer::custom(panicked))
        // Shed before any work is done.
        .layer(HandleErrorLayer::new(overloaded))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(limits.concurrent_requests))
        // Replaces axum's own limit, which does not hold for every extractor.
        .layer(RequestBodyLimitLayer::new(limits.request_body_limit_bytes))
        .layer(DefaultBodyLimit::disable())
        // The answer's head, the request's body: each has its time.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            limits.request_timeout,
        ))
        .layer(RequestBodyDeadlineLayer::new(limits.request_body_timeout));
    normalized(router.layer(stack))
}

/// The API's document, and a page to browse it.
fn documentation() -> Router {
    let page = SwaggerUi::new("/docs/ui").url("/api/openapi.json", openapi::document());
    // By its file: the page's own redirect adds a slash, which is taken away again.
    let to_page = || async { Redirect::temporary("/docs/ui/index.html") };
    Router::from(page).route("/docs", get(to_page))
}

/// `/items/` is `/items`: around the router, for it changes what that sees.
pub(crate) fn normalized(router: Router) -> NormalizePath<Router> {
    NormalizePathLayer::trim_trailing_slash().layer(router)
}

/// Only HTTP/1.1 needs the header: to HTTP/2 the server itself says GOAWAY.
async fn close_when_draining(
    State(health): State<Health>,
    request: Request,
    next: Next,
) -> Response {
    let by_header = request.version() < Version::HTTP_2;
    let mut response = next.run(request).await;
    if by_header && health.is_draining() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// The peer of the connection. Who is behind a proxy is not believed here.
fn name_client(mut request: Request) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let client = ClientAddress(peer.ip());
        request.extensions_mut().insert(client);
    }
    request
}

fn nosniff() -> SetResponseHeaderLayer<HeaderValue> {
    let nosniff = HeaderValue::from_static("nosniff");
    SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, nosniff)
}

/// Denies every origin but the configured ones.
fn cors(live: Live) -> CorsLayer {
    let is_allowed = move |origin: &HeaderValue, _: &Parts| {
        live.read(|config| {
            let mut origins = config.http.allowed_origins.iter();
            origins.any(|allowed| allowed.as_bytes() == origin.as_bytes())
        })
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
        ])
        .expose_headers([header::ETAG, header::LINK, header::LOCATION])
        .max_age(Duration::from_secs(600))
}

async fn overloaded(error: BoxError) -> Response {
    let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response.extensions_mut().insert(Cause::new(error));
    response
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response
        .extensions_mut()
        .insert(Cause::new(format!("the handler panicked: {message}")));
    response
}
