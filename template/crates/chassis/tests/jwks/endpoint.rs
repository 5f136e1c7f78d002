//! An endpoint that answers as it is told to, and counts.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::IntoResponse};
use axum_chassis::jwt::source::{KeyEndpoint, MAX_DOCUMENT_BYTES};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header::LOCATION};
use http_body_util::{BodyExt, StreamBody};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_stream::{Stream, StreamExt};

type Handler = Arc<dyn Fn(&Request) -> Option<Response<Body>> + Send + Sync>;

#[derive(Clone)]
pub struct Endpoint(Arc<State>);

struct State {
    url: String,
    handler: Mutex<Handler>,
    hits: AtomicUsize,
    heads: Mutex<Vec<HeaderMap>>,
    _server: Mutex<JoinSet<()>>,
}

impl Endpoint {
    /// One that answers with this body.
    pub async fn with(body: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            url,
            handler: Mutex::new(Arc::new(|_| None)),
            hits: AtomicUsize::new(0),
            heads: Mutex::default(),
            _server: Mutex::default(),
        });
        let weak = Arc::downgrade(&state);
        let router = Router::new().fallback(async move |request: Request| {
            let Some(state) = weak.upgrade() else {
                return pending().await;
            };
            state.hits.fetch_add(1, Relaxed);
            let head = request.headers().clone();
            state.heads.lock().unwrap().push(head);
            let handler = Arc::clone(&state.handler.lock().unwrap());
            drop(state);
            match handler(&request) {
                Some(response) => response,
                None => pending().await,
            }
        });
        state._server.lock().unwrap().spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        let endpoint = Self(state);
        endpoint.publish(body);
        endpoint
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn keys(&self) -> KeyEndpoint {
        KeyEndpoint::jwks(&format!("{}/jwks", self.url())).unwrap()
    }

    pub fn hits(&self) -> usize {
        self.0.hits.load(Relaxed)
    }

    /// The header fields of all requests so far.
    pub fn heads(&self) -> Vec<HeaderMap> {
        self.0.heads.lock().unwrap().clone()
    }

    /// From now on answers so; `None` is never.
    pub fn answer(
        &self,
        handler: impl Fn(&Request) -> Option<Response<Body>> + Send + Sync + 'static,
    ) {
        *self.0.handler.lock().unwrap() = Arc::new(handler);
    }

    pub fn publish(&self, body: impl Into<String>) {
        let body = body.into();
        self.answer(move |_| Some(body.clone().into_response()));
    }

    pub fn fail(&self, status: u16) {
        let status = StatusCode::from_u16(status).unwrap();
        self.answer(move |_| Some(status.into_response()));
    }

    pub fn redirect(&self, to: &str) {
        let to = to.to_owned();
        self.answer(move |request| {
            let moved = (StatusCode::FOUND, [(LOCATION, to.clone())]);
            let there = request.uri().path() == to;
            Some(match there {
                true => r#"{"keys": []}"#.into_response(),
                false => moved.into_response(),
            })
        });
    }

    pub fn hang(&self) {
        self.answer(|_| None);
    }

    /// Sends a byte now and then, and never ends.
    pub fn trickle(&self) {
        let byte = || {
            tokio_stream::iter(std::iter::repeat(Bytes::from_static(b" ")))
                .throttle(Duration::from_millis(10))
        };
        self.answer(move |_| Some(stream(byte())));
    }

    /// Sends as fast as it can, and never ends.
    pub fn flood(&self) {
        let block = || Bytes::from(vec![b' '; 16 * 1024]);
        self.answer(move |_| Some(stream(tokio_stream::iter(std::iter::repeat_with(block)))));
    }

    /// One byte more than is read, in chunks: nothing announces it.
    pub fn exceed(&self, document: &str) {
        let padding = " ".repeat(MAX_DOCUMENT_BYTES + 1 - document.len());
        let document = Bytes::from(document.to_owned() + &padding);
        self.answer(move |_| Some(stream(tokio_stream::once(document.clone()))));
    }
}

fn stream(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    let frames = chunks.map(|chunk| Ok::<_, std::io::Error>(http_body::Frame::data(chunk)));
    Response::new(Body::new(StreamBody::new(frames).boxed_unsync()))
}
