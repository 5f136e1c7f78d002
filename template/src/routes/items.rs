//! `/items`: an example of a resource, to copy from and to delete.
//!
//! Every write is a [work](crate::store::Work). A client that hangs up cancels its handler,
//! and the write has then happened whole or not at all.

use axum::{
    Json as JsonAnswer,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{
        HeaderValue, StatusCode,
        header::{ETAG, LINK, LOCATION},
    },
    response::{IntoResponse, Response},
};
use axum_chassis::jwt::{RequireLayer, Requirement};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    etag::{Conditions, etag},
    json::Json,
};
use crate::{
    error::AppError,
    idempotency::Idempotent,
    items::{Draft, Item, ItemInput, Owner},
    metrics::Metrics,
    problem::Problem,
    state::AppState,
    store::Store,
    webhook::Webhook,
};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

pub(super) fn router() -> OpenApiRouter<AppState> {
    let readers = OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .route_layer(RequireLayer::new(Requirement::scope("items:read")));
    let writers = OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(update, delete))
        .route_layer(RequireLayer::new(Requirement::scope("items:write")));
    readers.merge(writers)
}

/// Makes an item
#[utoipa::path(
    post,
    path = "/items",
    tag = "items",
    security(("bearer" = ["items:write"])),
    params(("idempotency-key" = Option<String>, Header, description =
        "A string in quotes, such as a UUID: with the same one, the same request is done once, for as long as the service keeps its answer (24 hours by default)")),
    request_body = ItemInput,
    responses(
        (status = 201, description = "It is made", body = Item, headers(
            ("location" = String, description = "Where it is"),
            ("etag" = String, description = "Its version"),
            ("idempotent-replayed" = Option<String>, description = "`true` if it was made before, by the same key"),
        )),
        (status = 400, description = "No JSON, or an Idempotency-Key that is no string", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks items:write", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or a request with this key is in work", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "No JSON by its content type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are at fault: each is named; or the key came with another request", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be reached", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create(
    State(store): State<Store>,
    State(metrics): State<Metrics>,
    State(webhook): State<Webhook>,
    owner: Owner,
    Idempotent(once, input): Idempotent<ItemInput>,
) -> Result<Response, AppError> {
    let draft = Draft::try_from(input)?;
    let mut work = once.begin(&store).await?;
    let item = work.create_item(&owner, &draft).await?;
    let response = work.commit(created(&item)).await?;
    metrics.item_created(&item);
    webhook.item_created(&item);
    Ok(response)
}

fn created(item: &Item) -> Response {
    let location = format!("/api/v1/items/{}", item.id);
    let location = HeaderValue::try_from(location).expect("a UUID makes a header");
    let headers = [(LOCATION, location), (ETAG, etag(item))];
    (StatusCode::CREATED, headers, JsonAnswer(item)).into_response()
}

/// Reads an item
#[utoipa::path(
    get,
    path = "/items/{id}",
    tag = "items",
    security(("bearer" = ["items:read"])),
    params(
        ("id" = Uuid, Path, description = "The item's"),
        ("if-none-match" = Option<String>, Header, description = "The ETag that you have"),
    ),
    responses(
        (status = 200, description = "The item", body = Item, headers(("etag" = String, description = "Its version"))),
        (status = 304, description = "You have it already"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks items:read", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such item", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be reached", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn read(
    State(store): State<Store>,
    owner: Owner,
    id: Result<Path<Uuid>, PathRejection>,
    conditions: Conditions,
) -> Result<Response, AppError> {
    let item = own_item(&store, &owner, id).await?;
    let headers = [(ETAG, etag(&item))];
    if conditions.is_known(&item) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, JsonAnswer(item)).into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Page {
    /// How many at most; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next` of the page before; the first page if left out.
    after: Option<Uuid>,
}

/// A page of items, the oldest first.
#[derive(Serialize, ToSchema)]
struct Items {
    items: Vec<Item>,
    /// The `after` of the next page, if there is one.
    next: Option<Uuid>,
}

/// Lists items, page by page
#[utoipa::path(
    get,
    path = "/items",
    tag = "items",
    security(("bearer" = ["items:read"])),
    params(Page),
    responses(
        (status = 200, description = "A page", body = Items, headers(("link" = String, description = "The next page (RFC 8288)"))),
        (status = 400, description = "A parameter is at fault", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks items:read", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be reached", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list(
    State(store): State<Store>,
    owner: Owner,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, AppError> {
    let Query(Page { limit, after }) = page.map_err(|error| bad_query(error.body_text()))?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bad_query(format!("limit must be from 1 to {MAX_LIMIT}")));
    }
    // One more than asked for tells whether there is a next page.
    let mut items = store.list_items(&owner, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|item| item.id);

    let mut response = JsonAnswer(Items { items, next }).into_response();
    if let Some(next) = next {
        let link = format!("</api/v1/items?limit={limit}&after={next}>; rel=\"next\"");
        let link = HeaderValue::try_from(link).expect("numbers and a UUID make a header");
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

fn bad_query(detail: String) -> AppError {
    AppError::Malformed(StatusCode::BAD_REQUEST, detail)
}

/// Changes an item, if it is still what the client last saw
#[utoipa::path(
    put,
    path = "/items/{id}",
    tag = "items",
    security(("bearer" = ["items:write"])),
    params(
        ("id" = Uuid, Path, description = "The item's"),
        ("if-match" = String, Header, description = "The ETag that you last read"),
    ),
    request_body = ItemInput,
    responses(
        (status = 200, description = "It is changed", body = Item, headers(("etag" = String, description = "Its new version"))),
        (status = 400, description = "No JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks items:write", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such item", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It has changed since", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "No JSON by its content type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are at fault: each is named", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be reached", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn update(
    State(store): State<Store>,
    owner: Owner,
    id: Result<Path<Uuid>, PathRejection>,
    conditions: Conditions,
    Json(input): Json<ItemInput>,
) -> Result<Response, AppError> {
    let draft = Draft::try_from(input)?;
    let item = own_item(&store, &owner, id).await?;
    match conditions.allow(&item) {
        None => return Err(AppError::PreconditionRequired),
        Some(false) => return Err(AppError::PreconditionFailed),
        Some(true) => {}
    }
    // The statement compares the version again: of two that got here, one wins.
    let changed = store
        .update_item(&owner, item.id, item.version, &draft)
        .await?;
    let item = changed.ok_or(AppError::PreconditionFailed)?;
    Ok(([(ETAG, etag(&item))], JsonAnswer(item)).into_response())
}

/// Deletes an item
#[utoipa::path(
    delete,
    path = "/items/{id}",
    tag = "items",
    security(("bearer" = ["items:write"])),
    params(
        ("id" = Uuid, Path, description = "The item's"),
        ("if-match" = Option<String>, Header, description = "The ETag that you last read"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks items:write", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such item", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It has changed since", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be reached", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete(
    State(store): State<Store>,
    owner: Owner,
    id: Result<Path<Uuid>, PathRejection>,
    conditions: Conditions,
) -> Result<StatusCode, AppError> {
    let item = own_item(&store, &owner, id).await?;
    let guard = match conditions.allow(&item) {
        None => None,
        Some(true) => Some(item.version),
        Some(false) => return Err(AppError::PreconditionFailed),
    };
    let deleted = store.delete_item(&owner, item.id, guard).await?;
    match (deleted, guard) {
        (true, _) => Ok(StatusCode::NO_CONTENT),
        (false, Some(_)) => Err(AppError::PreconditionFailed),
        (false, None) => Err(AppError::NotFound),
    }
}

/// An id that is none names nothing, and neither does another's item.
async fn own_item(
    store: &Store,
    owner: &Owner,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Item, AppError> {
    let Path(id) = id.map_err(|_| AppError::NotFound)?;
    let item = store.item(owner, id).await?;
    item.ok_or(AppError::NotFound)
}
