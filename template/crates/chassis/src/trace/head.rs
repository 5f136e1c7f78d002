use std::borrow::Cow;

use http::{
    Request,
    header::{HOST, USER_AGENT},
    uri::{Authority, PathAndQuery},
};
use opentelemetry::{KeyValue, trace::Span};

use super::{
    ClientAddress,
    capture::{Capture, clip},
    grpc,
};
use crate::{
    Route,
    names::{self, span::*},
    request::{self, KnownMethods, OTHER},
};

/// What a request is, kept to its end.
pub(super) struct Head {
    pub(super) method: &'static str,
    pub(super) route: Option<Route>,
    target: Option<PathAndQuery>,
    pub(super) is_grpc: bool,
}

impl Head {
    pub(super) fn of<B>(request: &Request<B>, methods: &KnownMethods) -> Self {
        Self {
            method: methods.name_of(request.method()),
            route: Route::matched(request.extensions()),
            target: request.uri().path_and_query().cloned(),
            is_grpc: grpc::is_call(request),
        }
    }

    pub(super) fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// `{method} {route}`, an unknown method being `HTTP`; for gRPC the call's method.
    pub(super) fn span_name(&self) -> Cow<'static, str> {
        if self.is_grpc {
            return clip(grpc::method(self.path())).to_owned().into();
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
    pub(super) fn describe<B>(
        &self,
        request: &Request<B>,
        capture: &Capture,
        span: &mut impl Span,
    ) {
        // Whether it is gRPC is the server's to say.
        if !self.is_grpc {
            self.describe_http(request, capture, span);
        }
        describe_peers(request, span);
        span.set_attributes(capture.of_request(request.headers()));
    }

    /// What is kept of a request that said to be a gRPC call, and was answered by HTTP.
    pub(super) fn as_http(&self) -> impl Iterator<Item = KeyValue> {
        let route = self.route.as_ref().map(|route| route.as_str().to_owned());
        let optional = [
            Some(KeyValue::new(names::HTTP_REQUEST_METHOD, self.method)),
            route.map(|route| KeyValue::new(names::HTTP_ROUTE, route)),
            Some(KeyValue::new(URL_PATH, clip(self.path()).to_owned())),
        ];
        optional.into_iter().flatten()
    }

    fn describe_http<B>(&self, request: &Request<B>, capture: &Capture, span: &mut impl Span) {
        span.set_attribute(KeyValue::new(names::HTTP_REQUEST_METHOD, self.method));
        if self.method == OTHER {
            let original = clip(request.method().as_str()).to_owned();
            span.set_attribute(KeyValue::new(HTTP_REQUEST_METHOD_ORIGINAL, original));
        }
        if let Some(route) = &self.route {
            let template = route.as_str().to_owned();
            span.set_attribute(KeyValue::new(names::HTTP_ROUTE, template));
        }
        let scheme = request::scheme(request);
        span.set_attribute(KeyValue::new(names::URL_SCHEME, scheme));
        let path = clip(self.path()).to_owned();
        span.set_attribute(KeyValue::new(URL_PATH, path));
        span.set_attributes(capture.query(request.uri()));
        if let Some(agent) = request::header(request.headers(), USER_AGENT).next()
            && let Ok(agent) = agent.to_str()
        {
            let agent = clip(agent).to_owned();
            span.set_attribute(KeyValue::new(USER_AGENT_ORIGINAL, agent));
        }
    }
}

/// Who talks to whom, and how.
fn describe_peers<B>(request: &Request<B>, span: &mut impl Span) {
    if let Some(server) = server(request) {
        let address = clip(host(&server)).to_owned();
        span.set_attribute(KeyValue::new(SERVER_ADDRESS, address));
        if let Some(port) = server.port_u16() {
            span.set_attribute(KeyValue::new(SERVER_PORT, i64::from(port)));
        }
    }
    if let Some(client) = request.extensions().get::<ClientAddress>() {
        span.set_attribute(KeyValue::new(CLIENT_ADDRESS, client.0.to_string()));
    }
    if let Some(version) = request::protocol_version(request.version()) {
        span.set_attribute(KeyValue::new(names::NETWORK_PROTOCOL_VERSION, version));
    }
}

/// Whom the client asked: HTTP/2's `:authority`, or the header `Host`.
pub(super) fn server<B>(request: &Request<B>) -> Option<Authority> {
    let told = request.uri().authority().cloned();
    let host = || request::header(request.headers(), HOST).next();
    told.or_else(|| host()?.as_bytes().try_into().ok())
}

/// The name or address, an IPv6 address without its brackets.
pub(super) fn host(server: &Authority) -> &str {
    let host = server.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host)
}
