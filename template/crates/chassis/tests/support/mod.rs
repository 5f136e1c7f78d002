//! Services and bodies that end in every way there is.

#![allow(
    dead_code,
    reason = "each test binary uses its part of what they share"
)]

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    future::{self, poll_fn},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
};
use tower::{Service, ServiceExt, service_fn};

/// The error of everything here.
#[derive(Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the pipe broke")
    }
}

impl Error for Broken {}

/// What a body does next.
#[derive(Clone, Copy)]
pub enum Step {
    Data(&'static str),
    Trailers,
    /// Says that there is nothing more. Without it, the body is known to have
    /// ended as soon as its last step is done.
    End,
    Fail,
    Panic,
}

const HUNDRED_BYTES: &str = match str::from_utf8(&[b'x'; 100]) {
    Ok(bytes) => bytes,
    Err(_) => unreachable!(),
};

/// A body that does one step after the other.
pub struct Script {
    steps: VecDeque<Step>,
    bytes: Option<u64>,
}

impl Script {
    pub fn new(steps: &[Step]) -> Self {
        let steps = steps.iter().copied().collect();
        Self { steps, bytes: None }
    }

    /// More than fits into the buffers of a socket.
    pub fn huge() -> Self {
        Self::new(&[Step::Data(HUNDRED_BYTES); 1_000_000])
    }

    pub fn of_size(self, bytes: u64) -> Self {
        let bytes = Some(bytes);
        Self { bytes, ..self }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.steps.pop_front() {
            Some(Step::Data(data)) => Some(Ok(Frame::data(data.into()))),
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Fail) => Some(Err(Broken)),
            Some(Step::Panic) => panic!("the body panics, as the test asks"),
            Some(Step::End) | None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// A service that answers always the same.
pub fn answers(
    response: impl Fn() -> Response<Script> + Clone,
) -> impl Service<Request<()>, Response = Response<Script>, Error = Broken, Future: Send> + Clone {
    service_fn(move |_| future::ready(Ok(response())))
}

/// A service that answers 200 with these steps.
pub fn sends(
    steps: &'static [Step],
) -> impl Service<Request<()>, Response = Response<Script>, Error = Broken, Future: Send> + Clone {
    answers(move || Response::new(Script::new(steps)))
}

/// A response without a body.
pub fn with_status(status: u16) -> Response<Script> {
    let mut response = Response::new(Script::new(&[]));
    *response.status_mut() = StatusCode::from_u16(status).expect("a valid status");
    response
}

/// How a gRPC call has ended, as headers or trailers.
fn grpc_status(number: &'static str) -> HeaderMap {
    let name = HeaderName::from_static("grpc-status");
    HeaderMap::from_iter([(name, HeaderValue::from_static(number))])
}

/// A response to a gRPC call, with its status in the head.
pub fn with_grpc_status(status: u16, number: &'static str) -> Response<Script> {
    let mut response = with_status(status);
    *response.headers_mut() = grpc_status(number);
    response
}

/// A service that answers a gRPC call with a message and a status in the trailers.
pub fn says(
    number: &'static str,
) -> impl Service<
    Request<()>,
    Response = Response<impl Body<Data = Bytes, Error = Broken>>,
    Error = Broken,
> {
    service_fn(move |_| {
        let message = Frame::data(Bytes::from("hello"));
        let frames = [message, Frame::trailers(grpc_status(number))];
        let frames = frames.map(Ok::<_, Broken>);
        let answer = Response::builder().header("content-type", "application/grpc");
        let body = StreamBody::new(tokio_stream::iter(frames));
        future::ready(Ok::<_, Broken>(answer.body(body).expect("a head")))
    })
}

/// A service that fails before it answers.
pub fn fails()
-> impl Service<Request<()>, Response = Response<Script>, Error = Broken, Future: Send> + Clone {
    service_fn(async |_| Err(Broken))
}

/// A service that panics before it answers.
pub fn panics()
-> impl Service<Request<()>, Response = Response<Script>, Error = Broken, Future: Send> + Clone {
    service_fn(async |_| panic!("the service panics, as the test asks"))
}

/// A service that never answers.
pub fn hangs()
-> impl Service<Request<()>, Response = Response<Script>, Error = Broken, Future: Send> + Clone {
    service_fn(|_| future::pending())
}

pub fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).expect("a valid path")
}

pub fn head(path: &str) -> Request<()> {
    Request::head(path).body(()).expect("a valid path")
}

/// Calls the service and reads its response until it ends or fails.
pub async fn read<S, B>(service: S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<B>>,
    B: Body,
{
    if let Ok(response) = service.oneshot(request).await {
        read_whole(response).await;
    }
}

/// Reads the response until it ends or fails.
pub async fn read_whole<B: Body>(response: Response<B>) {
    let _ = response.into_body().collect().await;
}

/// Calls the service and drops its response when it has read so many frames.
pub async fn hang_up_after<S, B>(frames: usize, service: S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<B>>,
    B: Body,
{
    let Ok(response) = service.oneshot(request).await else {
        panic!("there is no response to drop");
    };
    let mut body = pin!(response.into_body());
    for _ in 0..frames {
        assert!(body.frame().await.is_some());
    }
}

/// Calls the service and drops its future before there is a response.
pub async fn cancel<S, B>(service: S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<B>>,
{
    let mut call = pin!(service.oneshot(request));
    poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// Serves the router on a socket, and gives back what the client got when all
/// connections are closed.
pub async fn serve<T: Send + 'static>(
    app: axum::Router,
    client: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("is bound");
    let client = tokio::task::spawn_blocking(move || client(address));
    let (done, result) = oneshot::channel();
    let client_is_done = async {
        let _ = done.send(client.await.expect("the client does not panic"));
    };
    let server = axum::serve(listener, app).with_graceful_shutdown(client_is_done);
    server.await.expect("a server that serves");
    result.await.expect("the server has waited for it")
}

/// A client that sends the requests one after the other and reads each answer.
pub fn asks(
    requests: &'static [&'static str],
) -> impl FnOnce(SocketAddr) -> Vec<String> + Send + 'static {
    move |address| {
        let answers = requests.iter().map(|request| {
            let mut answer = String::new();
            let mut connection = send(address, request);
            let read = connection.read_to_string(&mut answer);
            read.expect("a server that answers");
            answer
        });
        answers.collect()
    }
}

/// A client that goes away when it has read the first byte.
pub fn hangs_up_early(address: SocketAddr) {
    let mut connection = send(address, "GET /");
    let read = connection.read_exact(&mut [0]);
    read.expect("a server that answers");
}

/// Leaves HTTP, as a WebSocket does, and says everything twice from then on.
pub async fn takes_over(request: Request<axum::body::Body>) -> Response<axum::body::Body> {
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgraded.await.expect("HTTP is over"));
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.expect("a word");
        let twice = [word, word].concat();
        stream.write_all(&twice).await.expect("a listener");
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response.header("connection", "upgrade");
    let response = response.header("upgrade", "echo");
    response.body(axum::body::Body::empty()).expect("a head")
}

/// A client that asks for that, and speaks with whoever has taken over.
pub fn talks_past_http(address: SocketAddr) {
    let mut connection = TcpStream::connect(address).expect("a server that listens");
    let head = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    connection
        .write_all(head.as_bytes())
        .expect("a server that reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).expect("a head");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    connection.write_all(b"echo").expect("a server that reads");
    let mut twice = [0; 8];
    connection.read_exact(&mut twice).expect("an answer");
    assert_eq!(&twice, b"echoecho");
}

fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).expect("a server that listens");
    let head = format!("{request} HTTP/1.1\r\nhost: test:80\r\nconnection: close\r\n\r\n");
    connection
        .write_all(head.as_bytes())
        .expect("a server that reads");
    connection
}

/// Calls the service as a server does, which outlives a panic.
pub async fn survive<S, B>(service: S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<B>, Future: Send, Error: Send> + Send + 'static,
    B: Body<Data: Send> + Send + 'static,
{
    let call = tokio::spawn(read(service, request));
    assert!(call.await.expect_err("must panic").is_panic());
}
