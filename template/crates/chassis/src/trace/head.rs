use std::borrow::Cow;

use http::{
    Request, Uri,
    header::{HOST, USER_AGENT},
    uri::Authority,
};
use opentelemetry::KeyValue;

use super::{
    ClientAddress,
    capture::{Capture, clip},
    grpc,
};
use crate::{
    Route,
    names::{self, span::*},
    request::{self, OTHER},
};

/// How many attributes a request has of its own, so that their list grows but once.
const ATTRIBUTES: usize = 16;

/// What a request is, kept to its end.
pub(super) struct Head {
    pub(super) method: &'static str,
    pub(super) route: Option<Route>,
    pub(super) uri: Uri,
    pub(super) is_grpc: bool,
}

impl Head {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request::method(request.method()),
            route: Route::matched(request.extensions()),
            uri: request.uri().clone(),
            is_grpc: grpc::is_call(request),
        }
    }

    /// `{method} {route}`, an unknown method being `HTTP`; for gRPC the call's method.
    pub(super) fn span_name(&self) -> Cow<'static, str> {
        if self.is_grpc {
            return clip(grpc::method(self.uri.path())).to_owned().into();
        }
        let method = if self.method == OTHER {
            "HTTP"
        } else {
            self.method
        };
        match &self.route {
            Some(route) => [method, " ", route.as_str()].concat().into(),
            None => method.into(),
        }
    }

    /// What the request itself tells.
    pub(super) fn attributes<B>(&self, request: &Request<B>, capture: &Capture) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(ATTRIBUTES);
        if self.is_grpc {
            attributes.push(KeyValue::new(RPC_SYSTEM_NAME, "grpc"));
        } else {
            self.push_http(request, capture, &mut attributes);
        }
        push_peers(request, &mut attributes);
        attributes.extend(capture.of_request(request.headers()));
        attributes
    }

    fn push_http<B>(
        &self,
        request: &Request<B>,
        capture: &Capture,
        attributes: &mut Vec<KeyValue>,
    ) {
        attributes.push(KeyValue::new(names::HTTP_REQUEST_METHOD, self.method));
        if self.method == OTHER {
            let original = clip(request.method().as_str()).to_owned();
            attributes.push(KeyValue::new(HTTP_REQUEST_METHOD_ORIGINAL, original));
        }
        if let Some(route) = &self.route {
            let template = route.as_str().to_owned();
            attributes.push(KeyValue::new(names::HTTP_ROUTE, template));
        }
        let scheme = request::scheme(request);
        attributes.push(KeyValue::new(names::URL_SCHEME, scheme));
        let path = clip(self.uri.path()).to_owned();
        attributes.push(KeyValue::new(URL_PATH, path));
        attributes.extend(capture.query(&self.uri));
        if let Some(agent) = request.headers().get(USER_AGENT)
            && let Ok(agent) = agent.to_str()
        {
            let agent = clip(agent).to_owned();
            attributes.push(KeyValue::new(USER_AGENT_ORIGINAL, agent));
        }
    }
}

/// Who talks to whom, and how.
fn push_peers<B>(request: &Request<B>, attributes: &mut Vec<KeyValue>) {
    if let Some(server) = server(request) {
        let address = clip(host(&server)).to_owned();
        attributes.push(KeyValue::new(SERVER_ADDRESS, address));
        if let Some(port) = server.port_u16() {
            attributes.push(KeyValue::new(SERVER_PORT, i64::from(port)));
        }
    }
    if let Some(client) = request.extensions().get::<ClientAddress>() {
        attributes.push(KeyValue::new(CLIENT_ADDRESS, client.0.to_string()));
    }
    if let Some(version) = request::protocol_version(request.version()) {
        attributes.push(KeyValue::new(names::NETWORK_PROTOCOL_VERSION, version));
    }
}

/// Whom the client asked: HTTP/2's `:authority`, or the header `Host`.
pub(super) fn server<B>(request: &Request<B>) -> Option<Authority> {
    let told = request.uri().authority().cloned();
    told.or_else(|| request.headers().get(HOST)?.as_bytes().try_into().ok())
}

/// The name or address, an IPv6 address without its brackets.
pub(super) fn host(server: &Authority) -> &str {
    let host = server.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host)
}
