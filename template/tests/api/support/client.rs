//! Clients that know what becomes of their one connection.

use std::{io, net::SocketAddr, pin::pin, sync::Arc};

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode, Version,
    body::{Bytes, Incoming},
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
        version::{TLS12, TLS13},
    },
};

use super::{
    PATIENCE,
    pki::{Authority, Pair},
};

/// A connection of any kind.
pub type Stream = Box<dyn Connection>;

pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// How a connection is made.
#[derive(Clone)]
pub enum Transport {
    Plain,
    Tls(Arc<ClientConfig>),
}

impl Transport {
    /// TLS that trusts this authority.
    pub fn tls(authority: &Authority) -> Self {
        Self::tls_as(authority, None, &[&TLS13, &TLS12])
    }

    /// TLS that trusts whom this PEM says.
    pub fn tls_trusting(pem: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(pem).unwrap())
            .unwrap();
        Self::tls_of(roots, None, &[&TLS13])
    }

    /// The same with a certificate of one's own, and these versions alone.
    pub fn tls_as(
        authority: &Authority,
        client: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        Self::tls_of(authority.roots(), client, versions)
    }

    fn tls_of(
        roots: RootCertStore,
        client: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Self::Tls(Arc::new(match client.map(Pair::der) {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
            None => config.with_no_client_auth(),
        }))
    }

    /// Connects, and offers these protocols.
    pub async fn connect(&self, address: SocketAddr, protocols: &[&str]) -> io::Result<Stream> {
        timeout(PATIENCE, self.handshake(address, protocols)).await?
    }

    async fn handshake(&self, address: SocketAddr, protocols: &[&str]) -> io::Result<Stream> {
        let stream = TcpStream::connect(address).await?;
        let Self::Tls(config) = self else {
            return Ok(Box::new(stream));
        };
        let mut config = ClientConfig::clone(config);
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        let (_, session) = stream.get_ref();
        let chosen = session.alpn_protocol().map(<[u8]>::to_vec);
        assert!(protocols.is_empty() || chosen.as_deref() == Some(protocols[0].as_bytes()));
        Ok(Box::new(stream))
    }
}

/// A client with one connection.
pub enum Client {
    Http1(Sender<http1::SendRequest<Full<Bytes>>>),
    Http2(Sender<http2::SendRequest<Full<Bytes>>>),
}

/// What became of a request.
pub enum Sent {
    Answered(Response<Incoming>),
    /// It never left: the connection was closed before.
    Unsent,
    /// Nobody knows.
    Lost(hyper::Error),
}

impl Client {
    pub async fn connect(
        transport: &Transport,
        version: Version,
        address: SocketAddr,
    ) -> io::Result<Self> {
        if version == Version::HTTP_2 {
            let stream = TokioIo::new(transport.connect(address, &["h2"]).await?);
            let executor = TokioExecutor::new();
            let (client, connection) = http2::handshake(executor, stream)
                .await
                .map_err(io::Error::other)?;
            Ok(Self::Http2(Sender::new(client, connection)))
        } else {
            let stream = TokioIo::new(transport.connect(address, &["http/1.1"]).await?);
            let (client, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
            Ok(Self::Http1(Sender::new(client, connection)))
        }
    }

    pub async fn send(&mut self, path: &str) -> Sent {
        let request = Request::get(format!("http://localhost{path}"))
            .header("host", "localhost")
            .body(Full::default())
            .unwrap();
        self.send_request(request).await
    }

    pub async fn send_request(&mut self, request: Request<Full<Bytes>>) -> Sent {
        let version = match self {
            Self::Http1(_) => Version::HTTP_11,
            Self::Http2(_) => Version::HTTP_2,
        };
        match timeout(PATIENCE, self.is_ready()).await {
            Ok(true) => {}
            Ok(false) => return Sent::Unsent,
            Err(_) => panic!("nothing can be sent by {version:?}"),
        }
        match timeout(PATIENCE, self.exchange(request)).await {
            Ok(sent) => sent,
            Err(_) if self.is_open() => panic!("no answer in time by {version:?}"),
            Err(_) => panic!("neither an answer nor an error by {version:?}, which is closed"),
        }
    }

    async fn is_ready(&mut self) -> bool {
        match self {
            Self::Http1(Sender {
                client: Some(client),
                ..
            }) => client.ready().await.is_ok(),
            Self::Http2(Sender {
                client: Some(client),
                ..
            }) => client.ready().await.is_ok(),
            _ => false,
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.open.has_changed().is_ok(),
            Self::Http2(sender) => sender.open.has_changed().is_ok(),
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Sent {
        let settled = match self {
            Self::Http1(sender) => sender.send(|client| client.try_send_request(request)).await,
            Self::Http2(sender) => sender.send(|client| client.try_send_request(request)).await,
        };
        match settled {
            Ok(answer) => Sent::Answered(answer),
            Err(mut error) => match error.take_message() {
                Some(_) => Sent::Unsent,
                None if is_refused(error.error()) => Sent::Unsent,
                None => Sent::Lost(error.into_error()),
            },
        }
    }

    /// The status of what must be answered.
    pub async fn status(&mut self, path: &str) -> StatusCode {
        self.answer(path).await.status()
    }

    pub async fn answer(&mut self, path: &str) -> Response<Incoming> {
        match self.send(path).await {
            Sent::Answered(answer) => answer,
            Sent::Unsent => panic!("the connection was closed"),
            Sent::Lost(error) => panic!("lost: {error:?}"),
        }
    }
}

/// What sends over a connection, until that takes no more.
#[derive(Clone)]
pub struct Sender<S> {
    client: Option<S>,
    /// Closed when the connection takes no more.
    open: watch::Receiver<()>,
}

type Settled = Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>;

impl<S> Sender<S> {
    fn new(
        client: S,
        connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
    ) -> Self {
        let (taking, open) = watch::channel(());
        tokio::spawn(async move {
            // What became of its requests they tell themselves.
            let _ = connection.await;
            drop(taking);
        });
        let client = Some(client);
        Self { client, open }
    }

    /// Sends, and waits for what becomes of it.
    ///
    /// A request that is sent at the very moment in which the connection ends can be left
    /// in the channel between the two: its place is counted before the receiver looks for
    /// the last time, and filled after that. It is given back when the last sender is gone,
    /// so this one goes with the connection.
    async fn send<F: Future<Output = Settled>>(
        &mut self,
        send: impl FnOnce(&mut S) -> F,
    ) -> Settled {
        let client = self.client.as_mut().expect("who is ready has a client");
        let mut settled = pin!(send(client));
        tokio::select! {
            biased;
            settled = &mut settled => return settled,
            _ = self.open.changed() => self.client = None,
        }
        settled.await
    }
}

/// Whether the server has said, before it took the request, that it takes no more
/// (RFC 9113 section 6.8). Of one that it took the error would be another.
fn is_refused(error: &hyper::Error) -> bool {
    let error =
        std::error::Error::source(error).and_then(|error| error.downcast_ref::<h2::Error>());
    error.is_some_and(|error| error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR))
}

/// Reads what comes until the other side closes, in time.
pub async fn read_to_end(stream: &mut Stream) -> Vec<u8> {
    let mut read = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut read)).await {
        // A reset is an end too.
        Ok(_) => read,
        Err(_) => panic!("the connection is not closed"),
    }
}

/// Reads one head of an answer, up to its empty line.
pub async fn read_status(stream: &mut Stream) -> StatusCode {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await;
        head.push(byte.expect("an answer in time").unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A request whose body has not been sent yet.
pub struct Unfinished {
    stream: Stream,
    body: String,
}

impl Unfinished {
    /// Sends the head of a request that makes an item, and waits until a handler wants
    /// its body.
    pub async fn begin(
        transport: &Transport,
        address: SocketAddr,
        token: &str,
        name: &str,
    ) -> io::Result<Self> {
        let body = json!({ "name": name }).to_string();
        let head = format!(
            "POST /api/v1/items HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\
             expect: 100-continue\r\n\r\n",
            body.len(),
        );
        let mut stream = transport.connect(address, &[]).await?;
        stream.write_all(head.as_bytes()).await?;
        let status = read_status(&mut stream).await;
        assert_eq!(status, StatusCode::CONTINUE);
        Ok(Self { stream, body })
    }

    pub async fn finish(mut self) -> StatusCode {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        self.answer().await
    }

    /// Waits for an answer without sending the rest.
    pub async fn answer(mut self) -> StatusCode {
        read_status(&mut self.stream).await
    }
}
