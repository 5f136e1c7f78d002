use axum::{
    extract::State,
    http::{
        HeaderMap,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use axum_chassis::prometheus::Registry;

/// In OpenMetrics, with exemplars, for who asks for that; else as plain text.
pub(super) async fn show(State(registry): State<Registry>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let page = registry.exposition(accept);
    ([(CONTENT_TYPE, page.content_type())], page.into_text()).into_response()
}
