use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use reqwest::{Body, Client, Error};
use tower_service::Service;

/// A [`reqwest::Client`] as a service of `http`'s requests and responses, so that
/// layers can go around it.
///
/// Its errors are without the URL, which may hold what no trace should.
///
/// A client that follows redirects does so below all layers, and sends what they have set
/// along: also to another host go the trace's context and the baggage. Let it follow none,
/// unless all whom it may be sent to may know them.
///
/// ```no_run
/// use axum_chassis::trace::client::{ClientTraceLayer, Reqwest};
/// use http::Request;
/// use http_body_util::BodyExt;
/// use reqwest::redirect::Policy;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// let tracer = opentelemetry::global::tracer("my-service");
/// let client = reqwest::Client::builder().redirect(Policy::none()).build()?;
/// let client = ServiceBuilder::new()
///     .layer(ClientTraceLayer::new(tracer))
///     .service(Reqwest::new(client));
///
/// let request = Request::get("http://inventory/items").body("")?;
/// let response = client.oneshot(request).await?;
/// let items = response.into_body().collect().await?.to_bytes();
/// # Ok(())
/// # }
/// ```
///
/// A [`reqwest::Request`], made with all its helpers, becomes one of `http` by
/// [`Request::try_from`], with a body of type [`reqwest::Body`].
#[derive(Clone, Debug)]
pub struct Reqwest {
    client: Client,
}

impl Reqwest {
    /// Takes the client.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

impl<B: Into<Body>> Service<Request<B>> for Reqwest {
    type Response = Response<Body>;
    type Error = Error;
    type Future = ReqwestFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.client.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> ReqwestFuture {
        let sent = request
            .try_into()
            .map(|request: reqwest::Request| self.client.call(request));
        ReqwestFuture {
            sent: sent.map_err(Some),
        }
    }
}

/// The future of [`Reqwest`].
pub struct ReqwestFuture {
    /// Or why there is no such request.
    sent: Result<<Client as Service<reqwest::Request>>::Future, Option<Error>>,
}

impl Future for ReqwestFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.sent {
            Ok(sent) => ready!(Pin::new(sent).poll(cx)),
            Err(error) => Err(error.take().expect("is polled once")),
        };
        Poll::Ready(answer.map(Into::into).map_err(Error::without_url))
    }
}
