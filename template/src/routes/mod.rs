//! The routes of the API, each file a resource.

mod etag;
mod items;
pub(crate) mod json;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Everything that a token is needed for.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().nest("/api/v1", items::router())
}
