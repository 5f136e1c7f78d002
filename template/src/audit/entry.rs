use std::net::IpAddr;

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, header::LOCATION},
    response::Response,
};
use axum_chassis::{
    jwt::Claims,
    trace::{ClientAddress, current_trace_id},
};
use serde::Serialize;
use time::OffsetDateTime;

use crate::idempotency::IDEMPOTENT_REPLAYED;

/// A line of the log.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    stream: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    issuer: Option<String>,
    subject: Option<String>,
    token_id: Option<String>,
    action: String,
    resource_type: Option<String>,
    resource_id: Option<String>,
    outcome: &'static str,
    status: Option<u16>,
    replayed: bool,
    trace_id: Option<String>,
    client_address: Option<IpAddr>,
}

impl Entry {
    /// What the request tells. What becomes of it is unknown yet.
    pub(super) fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        let claims = extensions.get::<Claims>();
        let route = extensions.get().map(MatchedPath::as_str);
        let (resource_type, resource_id) = resource(route.unwrap_or_default(), request);
        Self {
            stream: "audit",
            timestamp: OffsetDateTime::now_utc(),
            issuer: claims.map(|claims| claims.issuer().to_owned()),
            subject: claims.map(|claims| claims.subject().to_owned()),
            token_id: claims.and_then(|claims| claims.id().map(str::to_owned)),
            action: action(request.method()),
            resource_type,
            resource_id,
            outcome: "unknown",
            status: None,
            replayed: false,
            trace_id: current_trace_id().map(|id| id.to_string()),
            client_address: extensions.get().map(|ClientAddress(address)| *address),
        }
    }

    /// What became of it.
    pub(super) fn answered(&mut self, response: &Response) {
        let status = response.status();
        let success = status.is_success() || status.is_redirection();
        self.outcome = if success { "success" } else { "failure" };
        self.status = Some(status.as_u16());
        self.replayed = response.headers().contains_key(IDEMPOTENT_REPLAYED);
        let location = response.headers().get(LOCATION);
        let made = location.and_then(|location| location.to_str().ok()?.rsplit('/').next());
        self.resource_id = self.resource_id.take().or(made.map(str::to_owned));
    }

    pub(super) fn ended(&mut self) {
        self.timestamp = OffsetDateTime::now_utc();
    }
}

fn action(method: &Method) -> String {
    match *method {
        Method::POST => "create".to_owned(),
        Method::PUT => "replace".to_owned(),
        Method::PATCH => "modify".to_owned(),
        _ => method.as_str().to_lowercase(),
    }
}

/// Of `/api/v1/items/{id}` the type is `items`, and the id what stands for `{id}`.
fn resource(route: &str, request: &Request) -> (Option<String>, Option<String>) {
    let names = route.split('/');
    let values = request.uri().path().split('/');
    let (mut kind, mut id) = (None, None);
    for (name, value) in names.zip(values) {
        if name.starts_with('{') {
            id = Some(value.to_owned());
        } else {
            (kind, id) = (Some(name.to_owned()), None);
        }
    }
    (kind.filter(|kind| !kind.is_empty()), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_is_the_last_thing_that_the_route_names() {
        for (route, path, kind, id) in [
            ("/api/v1/items", "/api/v1/items", Some("items"), None),
            ("/items/{id}", "/items/7", Some("items"), Some("7")),
            ("/a/{id}/b/{id}", "/a/7/b/8", Some("b"), Some("8")),
            ("/a/{id}/b", "/a/7/b", Some("b"), None),
            ("", "/nowhere", None, None),
        ] {
            let request = Request::builder().uri(path).body(Default::default());
            let (of_kind, of_id) = resource(route, &request.unwrap());
            assert_eq!(
                (of_kind.as_deref(), of_id.as_deref()),
                (kind, id),
                "{route}"
            );
        }
    }
}
