//! What a request passes, outermost first.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    body::Body,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, Request},
    http::{
        Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
        header::{self, AUTHORIZATION, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE},
        request::Parts,
    },
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use axum_chassis::{
    Cause,
    health::Health,
    jwt::{JwtLayer, Verifier},
    metrics::MetricsLayer,
    trace::TraceLayer,
};
use tokio::sync::Semaphore;
use tower::{
    Layer, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, Predicate},
    },
    cors::{AllowOrigin, CorsLayer},
    decompression::RequestDecompressionLayer,
    limit::RequestBodyLimitLayer,
    normalize_path::{NormalizePath, NormalizePathLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::SetResponseHeaderLayer,
    timeout::RequestBodyDeadlineLayer,
};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    audit::Record,
    clients::{Proxies, RateLimits},
    config::{Config, Profile},
    flags::ReadOnly,
    headers,
    idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED},
    limits::{self, Refusals},
    openapi, problem,
    reload::Live,
    state::AppState,
    step::{Rest, Step, StepLayer},
    telemetry::Telemetry,
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The API: these routes, as the public listener serves them.
pub fn public(
    config: &Config,
    routes: Router<AppState>,
    state: AppState,
    verifier: Verifier,
    telemetry: &Telemetry,
    health: Health,
) -> NormalizePath<Router> {
    let bounds = &config.http;
    let meter = telemetry.meter();
    let live = state.live.clone();
    let proxies = Proxies::new(&config.clients);
    let refusals = Refusals::new(&meter);
    let rates = RateLimits::follow(live.clone());
    // As route layers: an unknown path is 404, with a token or without.
    let known = ServiceBuilder::new()
        .layer(JwtLayer::new(verifier))
        // Who changes something is written down, the scope being enough or not.
        .layer(StepLayer(Record(state.audit.clone())))
        // Inside the JWT layer: who may not write is told so first.
        .layer(StepLayer(ReadOnly(live.clone())));
    let mut router = routes.route_layer(known).with_state(state);
    if config.profile == Profile::Development {
        router = router.merge(documentation());
    }

    // One builder: each `Router::layer` would box every request once more.
    let stack = ServiceBuilder::new()
        // Lame duck: tells kept-alive clients to come back by another connection.
        .layer(StepLayer(CloseWhenDraining(health)))
        .map_request(move |request| proxies.name_client(request))
        // Before anything can log them.
        .layer(SetSensitiveRequestHeadersLayer::new([
            AUTHORIZATION,
            COOKIE,
        ]))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        // Outside every early answer, so that 401, 413 and 503 have spans too.
        .layer(
            TraceLayer::new(telemetry.tracer())
                .propagation(config.otlp.propagation)
                // What a client has of its request leads to the trace.
                .record_request_headers([X_REQUEST_ID]),
        )
        // Inside the span, outside every rejection.
        .layer(MetricsLayer::new(&meter))
        .layer(PropagateRequestIdLayer::x_request_id())
        // Also on rejections: a browser must be able to read a 401.
        .map_response(headers::secure)
        .map_response(headers::name_trace)
        .layer(cors(live))
        // A body that may be compressed is large: in a box it is moved no further.
        .map_response(|response: axum::http::Response<_>| response.map(Body::new))
        .layer(CompressionLayer::new().compress_when(packable()))
        // Every error below, whoever made it, has a problem+json body from here on.
        .map_response(problem::fill)
        .map_response(move |response| refusals.count(response))
        // A panic is a 500 that the layers above trace and count.
        .layer(CatchPanicLayer::custom(panicked))
        // Before anything is done for who asks too much.
        .layer(StepLayer(rates))
        // Shed before any work is done.
        .layer(HandleErrorLayer::new(limits::refuse))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(
            bounds.concurrent_requests.min(Semaphore::MAX_PERMITS),
        ))
        // The answer's head, the request's body: each has its time.
        .layer(TimeoutLayer::new(bounds.request_timeout))
        .layer(RequestBodyDeadlineLayer::new(bounds.request_body_timeout))
        // Replaces axum's own limit, which does not hold for every extractor. Twice: a
        // small body may unfold into a large one.
        .layer(RequestBodyLimitLayer::new(bounds.request_body_limit_bytes))
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(bounds.request_body_limit_bytes))
        .layer(DefaultBodyLimit::disable());
    normalized(router.layer(stack))
}

/// The API's document, and a page to browse it.
fn documentation() -> Router {
    let page = SwaggerUi::new("/docs/ui").url("/api/openapi.json", openapi::document());
    let own_scripts = HeaderValue::from_static(
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    );
    // By its file: the page's own redirect adds a slash, which is taken away again.
    let to_page = || async { Redirect::temporary("/docs/ui/index.html") };
    Router::from(page)
        .route("/docs", get(to_page))
        .layer(SetResponseHeaderLayer::overriding(
            CONTENT_SECURITY_POLICY,
            own_scripts,
        ))
}

/// `/items/` is `/items`: around the router, for it changes what that sees.
pub(crate) fn normalized(router: Router) -> NormalizePath<Router> {
    NormalizePathLayer::trim_trailing_slash().layer(router)
}

/// Only HTTP/1.1 needs the header: to HTTP/2 the server itself says GOAWAY.
#[derive(Clone)]
struct CloseWhenDraining(Health);

impl Step for CloseWhenDraining {
    type Rest = Option<Self>;

    fn before(&self, request: &Request) -> Result<Option<Self>, Response> {
        let by_header = request.version() < Version::HTTP_2;
        Ok(by_header.then(|| self.clone()))
    }
}

impl Rest for CloseWhenDraining {
    fn after(self, response: &mut Response) {
        if self.0.is_draining() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
    }
}

/// What has an ETag is sent as it is: a strong one names exactly these bytes, and packed
/// they would be others (RFC 9110 section 8.8.3.3).
fn packable() -> impl Predicate {
    let has_no_etag = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        !headers.contains_key(header::ETAG)
    };
    DefaultPredicate::new().and(has_no_etag)
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
            IDEMPOTENCY_KEY,
        ])
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            IDEMPOTENT_REPLAYED,
            headers::X_TRACE_ID,
        ])
        .max_age(Duration::from_secs(600))
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
