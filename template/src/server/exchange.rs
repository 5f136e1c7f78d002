use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    extract::{ConnectInfo, Request},
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, STRICT_TRANSPORT_SECURITY},
    },
    response::{IntoResponse, Response},
};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::{Service, ServiceExt, util::Oneshot};

use super::{
    activity::{Activity, Counted, InFlight},
    upload,
};
use crate::{
    limits::{Limit, Refusals},
    tls::ClientCertificate,
};

/// What a listener serves.
pub(super) trait App:
    Service<Request, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> App for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// The requests of one connection: each knows whose it is, and is in flight until its
/// answer is at its end.
pub(super) struct Exchange<S> {
    pub(super) app: S,
    pub(super) peer: SocketAddr,
    pub(super) client: Option<ClientCertificate>,
    pub(super) hsts: Option<HeaderValue>,
    pub(super) header_limit_fields: usize,
    pub(super) refusals: Refusals,
    pub(super) activity: Arc<Activity>,
}

impl<S: App> hyper::service::Service<hyper::Request<Incoming>> for Exchange<S> {
    type Response = Response<Counted>;
    type Error = Infallible;
    type Future = Answer<S>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let version = request.version();
        let in_flight = self.activity.request(version);
        let mut request = request.map(|body| upload::body(body, version, &self.activity));
        // HTTP/2 has a limit of bytes alone.
        let too_many = request.headers().len() > self.header_limit_fields;
        if too_many {
            self.refusals.add(Limit::HeaderFields);
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if let Some(client) = &self.client {
            request.extensions_mut().insert(client.clone());
        }
        Answer {
            answer: (!too_many).then(|| self.app.clone().oneshot(request)),
            hsts: self.hsts.clone(),
            in_flight: Some(in_flight),
        }
    }
}

pin_project! {
    /// The answer to come; without one the head of the request was too large.
    pub(super) struct Answer<S: Service<Request>> {
        #[pin]
        answer: Option<Oneshot<S, Request>>,
        hsts: Option<HeaderValue>,
        in_flight: Option<InFlight>,
    }
}

impl<S: App> Future for Answer<S> {
    type Output = Result<Response<Counted>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = match this.answer.as_pin_mut() {
            Some(answer) => ready!(answer.poll(cx))?,
            None => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response(),
        };
        if let Some(hsts) = this.hsts.take() {
            answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts);
        }
        let in_flight = this.in_flight.take().expect("a future ends once");
        if in_flight.tells_close() {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        Poll::Ready(Ok(answer.map(|body| Counted::new(body, in_flight))))
    }
}
