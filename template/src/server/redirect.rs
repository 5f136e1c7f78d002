use std::sync::Arc;

use axum::{
    Router,
    extract::{OriginalUri, Request, State},
    http::{
        HeaderValue, StatusCode, Uri,
        header::{HOST, LOCATION},
        uri::Authority,
    },
    response::{IntoResponse, Response},
};

use crate::tls::Certificates;

const HTTPS_PORT: u16 = 443;

struct Target {
    certificates: Certificates,
    port: u16,
}

/// Answers plain HTTP with 308 to HTTPS, method and body unchanged. Only to a host that
/// the certificate is for: a redirect to anywhere else serves no client of ours.
pub(super) fn router(certificates: Certificates, port: u16) -> Router {
    let target = Target { certificates, port };
    Router::new()
        .fallback(redirect)
        .with_state(Arc::new(target))
}

async fn redirect(
    State(target): State<Arc<Target>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    match location(&target, &uri, request.headers().get(HOST)) {
        Some(location) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response(),
        None => StatusCode::MISDIRECTED_REQUEST.into_response(),
    }
}

fn location(target: &Target, uri: &Uri, host: Option<&HeaderValue>) -> Option<HeaderValue> {
    let named = match uri.authority() {
        // HTTP/2, or a request to a proxy.
        Some(authority) => authority.clone(),
        None => host?.to_str().ok()?.parse::<Authority>().ok()?,
    };
    let host = named.host();
    if named.as_str().contains('@') || !target.certificates.current().is_for(host) {
        return None;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let location = match target.port {
        HTTPS_PORT => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    HeaderValue::try_from(location).ok()
}
