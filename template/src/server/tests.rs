//! What no route of the service shows: who the client of a request is, and for whom a drain
//! waits.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    http::StatusCode,
    routing::{get, post},
};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::{Instant, interval, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, ServerName},
    },
};

use super::{
    activity::GRACE,
    descriptors::Spares,
    handshake::Tls,
    listener::{Listener, Running, Serving},
    metrics::Connections,
    protocol::Protocol,
};
use crate::{
    config::{self, Config},
    tls::{Certificates, ClientCertificate},
};

#[path = "../../tests/api/support/frames.rs"]
#[expect(dead_code, reason = "the black-box tests use all of it")]
mod frames;

/// Above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections at one time.
const PLACES: usize = 4;
/// An answer of more bytes than the buffers of both sides hold.
const LARGE: usize = 16 << 20;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Writes a certificate that serves both sides, and gives the settings of the one and
/// the configuration of the other.
fn both_sides(folder: &Path) -> (config::Tls, ClientConfig) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);

    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params
        .distinguished_name
        .push(DnType::CommonName, "billing");
    let uri = "spiffe://acme/billing".try_into().unwrap();
    params.subject_alt_names.push(SanType::URI(uri));
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();

    let write = |name: &str, pem: String| {
        let file = folder.join(name);
        fs::write(&file, pem).unwrap();
        Some(file)
    };
    let server = config::Tls {
        certificate_file: write("tls.crt", leaf.pem()),
        key_file: write("tls.key", key.serialize_pem()),
        client_ca_file: write("ca.crt", root.pem()),
        ..config::Tls::default()
    };
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![leaf.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    (server, client)
}

fn serve(app: Router, tls: Option<&config::Tls>) -> (SocketAddr, Running) {
    let listener = Listener::bind("public", "http.address", ([127, 0, 0, 1], 0).into(), None);
    let listener = listener.unwrap();
    let address = listener.address().unwrap();
    let meter = opentelemetry::global::meter("test");
    let tls = tls.map(|tls| Tls::new(Certificates::follow(tls, &meter).unwrap(), tls));
    let serving = Serving {
        protocol: Arc::new(Protocol::new(&Config::default())),
        tls,
        connections: PLACES,
        spares: Arc::new(Spares::open()),
        may_use_spares: false,
        open: Connections::default(),
        meter: &meter,
    };
    (address, listener.serve(app, serving).unwrap())
}

/// Reads an answer whole, and gives its head.
async fn answer(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let count = stream.read_line(&mut head).await.unwrap();
        assert!(count > 0, "closed after {head:?}");
    }
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    head
}

/// Sends a request over a connection of its own.
async fn ask(address: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    BufReader::new(stream)
}

#[tokio::test]
async fn a_handler_knows_the_client_by_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = both_sides(folder.path());
    let who = |Extension(client): Extension<ClientCertificate>| async move {
        format!(
            "{} {:?} {:?}",
            client.subject(),
            client.dns_names(),
            client.uris()
        )
    };
    let (address, _running) = serve(Router::new().route("/", get(who)), Some(&server));

    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let stream = connector.connect(name, stream).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let expected = r#"CN=billing ["localhost"] ["spiffe://acme/billing"]"#;
    assert_eq!(String::from_utf8_lossy(&body), expected);
}

#[tokio::test]
async fn whoever_takes_its_answer_slowly_gets_it_whole_though_the_service_drains() {
    let large = || async { vec![b'x'; LARGE] };
    let (address, mut running) = serve(Router::new().route("/", get(large)), None);

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    stream.readable().await.unwrap();
    running.close();
    // It reads for longer than a connection may take to close that has nothing to do.
    let mut read: Vec<u8> = Vec::with_capacity(LARGE);
    let mut piece = vec![0; 256 << 10];
    let mut ticks = tokio::time::interval(GRACE * 3 / 64);
    loop {
        ticks.tick().await;
        let mut taken = 0;
        while taken < piece.len() {
            match stream.read(&mut piece[taken..]).await.unwrap() {
                0 => break,
                count => taken += count,
            }
        }
        read.extend(&piece[..taken]);
        if taken < piece.len() {
            break;
        }
    }
    let head = read.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(read.len() - head, LARGE);
    running.drained().await;
}

#[tokio::test]
async fn whoever_waits_for_a_place_when_the_service_drains_gets_one() {
    let (address, mut running) = serve(Router::new().route("/", get(|| async { "here" })), None);
    let mut inside = Vec::new();
    for _ in 0..PLACES {
        let mut stream = ask(address).await;
        answer(&mut stream).await;
        inside.push(stream);
    }
    let mut waiting = ask(address).await;
    running.close();
    let head = answer(&mut waiting).await;
    assert!(head.contains("connection: close"), "{head}");
    running.drained().await;
}

#[tokio::test]
async fn whose_answer_began_before_the_drain_may_ask_once_more() {
    let large = || async { vec![b'x'; LARGE] };
    let (address, mut running) = serve(Router::new().route("/", get(large)), None);
    let mut stream = ask(address).await;
    stream.get_ref().readable().await.unwrap();
    running.close();
    // Then the connection knows it too, which heard of it at the same moment.
    while TcpStream::connect(address).await.is_ok() {}
    let head = answer(&mut stream).await;
    assert!(!head.contains("connection"), "{head}");

    stream.write_all(REQUEST).await.unwrap();
    let head = answer(&mut stream).await;
    assert!(head.contains("connection: close"), "{head}");
    running.drained().await;
}

/// Begins a request with a large body, which is refused before that has come.
async fn begin_refused(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.readable().await.unwrap();
    stream
}

#[tokio::test]
async fn whoever_is_refused_in_the_middle_of_its_body_can_send_the_rest_and_is_told() {
    let refuse = || async { (StatusCode::UNAUTHORIZED, "no") };
    let (address, mut running) = serve(Router::new().route("/", post(refuse)), None);
    let mut stream = begin_refused(address).await;
    stream.write_all(&vec![b'x'; LARGE]).await.unwrap();
    let mut stream = BufReader::new(stream);
    let head = answer(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    drop(stream);
    running.close();
    running.drained().await;
}

#[tokio::test]
async fn whoever_sends_on_after_a_refusal_is_left_a_moment_later() {
    let refuse = || async { (StatusCode::UNAUTHORIZED, "no") };
    let (address, _running) = serve(Router::new().route("/", post(refuse)), None);
    let mut stream = begin_refused(address).await;
    let refused = Instant::now();
    let mut ticks = interval(GRACE / 16);
    let sending = async {
        while stream.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    };
    timeout(PATIENCE, sending).await.expect("it is left");
    let left = refused.elapsed();
    assert!(left > GRACE / 2, "{left:?}");
}

/// An answer of more bytes than the first windows of HTTP/2 let through, and the client's
/// side holds.
const MIDDLING: u32 = 160 << 10;

fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frames::frame(8, 0, stream, &bytes.to_be_bytes())
}

/// Asks by HTTP/2. What is answered waits on the service's side, and not on the client's.
async fn ask_by_http2(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = [frames::PREFACE, &frames::settings(), &frames::get(1)].concat();
    stream.write_all(&request).await.unwrap();
    stream
}

/// Reads to the end of the answer, a frame each tick, and opens windows meanwhile.
async fn answer_by_http2(stream: &mut TcpStream, tick: Duration) {
    const DATA: u8 = 0;
    let mut ticks = tokio::time::interval(tick);
    loop {
        ticks.tick().await;
        let frame = frames::next(stream).await;
        let (kind, flags, payload) = frame.expect("the answer to its end");
        if kind == DATA && flags & frames::END_STREAM != 0 {
            return;
        }
        let frame = match kind {
            frames::PING => frames::pong(&payload),
            _ => window(0, 1),
        };
        // What becomes of it the next frame shows.
        let _ = stream.write_all(&frame).await;
    }
}

#[tokio::test]
async fn whoever_opens_windows_when_the_service_has_closed_gets_its_answer_whole() {
    let middling = || async { vec![b'x'; MIDDLING as usize] };
    let (address, mut running) = serve(Router::new().route("/", get(middling)), None);
    let mut stream = ask_by_http2(address).await;
    running.close();
    let ping = frames::next_ping(&mut stream).await.unwrap();
    let pong = [
        frames::pong(&ping),
        window(0, MIDDLING),
        window(1, MIDDLING),
    ]
    .concat();
    stream.write_all(&pong).await.unwrap();
    answer_by_http2(&mut stream, Duration::from_millis(1)).await;
    drop(stream);
    running.drained().await;
}

#[tokio::test]
async fn whoever_takes_its_answer_slowly_by_http2_gets_it_whole_though_the_service_drains() {
    let middling = || async { vec![b'x'; MIDDLING as usize] };
    let (address, mut running) = serve(Router::new().route("/", get(middling)), None);
    let mut stream = ask_by_http2(address).await;
    let windows = [window(0, MIDDLING), window(1, MIDDLING)].concat();
    stream.write_all(&windows).await.unwrap();
    running.close();
    answer_by_http2(&mut stream, GRACE / 4).await;
    drop(stream);
    running.drained().await;
}
