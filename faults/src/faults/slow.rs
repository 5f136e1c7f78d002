//! Clients that are slow in every way: each is cut, and nobody else is hurt.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hyper::Version;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::{
    fault::Outcome,
    load::asking::{Asking, Target},
    probing::Probing,
    service::{Service, until},
    setup::Setup,
    shared::frames,
    usage,
};

pub const GOAL: &str = "each cut in 10 s; probes green all along; memory + 64 MiB at most";

/// A slow client is not cut at all if it is not by then.
const NEVER: Duration = Duration::from_secs(60);
const MEMORY_MIB: f64 = 64.0;

/// In what a client is slow.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// A field of the head a second.
    Head,
    /// A byte of the body a second.
    Body,
    /// Many requests, of whose answers it takes nothing.
    Reading,
    /// A request by HTTP/2 for whose answer it has no window; PINGs are answered.
    Window,
    /// One request by HTTP/2, and then nothing, not even an answer to a PING.
    Idle,
}

const ALL: [Slow; 5] = [
    Slow::Head,
    Slow::Body,
    Slow::Reading,
    Slow::Window,
    Slow::Idle,
];

pub async fn run(setup: Setup) -> Result<Outcome> {
    let each = setup.of(400, 10);
    // A quick run shares its machine with other tests.
    let longest_allowed = Duration::from_secs(setup.of(10, 15));
    let service = Service::start(&setup, &[]).await?;
    let others = Asking::begin(&Target::items(&service), &[(Version::HTTP_11, 4)]);
    // Until the queues of telemetry are as full as they ever are.
    let many = setup.of(10_000, 100);
    let warm = until(async || others.tally.succeeded() > many).await;
    ensure!(warm, "no load: {}", others.tally.told());
    let before = service.usage()?;
    usage::forget_peak(service.id())?;
    let probing = Probing::begin(&service)?;

    let mut clients = JoinSet::new();
    for slow in ALL {
        for _ in 0..each {
            clients.spawn(slow.client(service.public, service.bearer()));
        }
    }
    let mut longest = [Duration::ZERO; ALL.len()];
    while let Some(ended) = clients.join_next().await {
        let (slow, lasted) = ended??;
        longest[slow as usize] = longest[slow as usize].max(lasted);
    }
    let probed = probing.end().await?;
    others.stop_asking();
    let others = others.finished().await;
    let grown = service.usage()?.peak_over(&before);
    let worst = longest.iter().max().copied().unwrap_or_default();
    let told = ALL.map(|slow| format!("{slow:?} {:.1} s", longest[slow as usize].as_secs_f64()));
    Ok(
        Outcome::of(format!("5 × {each} slow clients beside 4 that are not"))
            .lost(format!("{}; {}", others.told(), probed.told()))
            .recovery(format!(
                "cut after at most: {}; memory + {grown:.0} MiB",
                told.join(", ").to_lowercase()
            ))
            .goal(worst <= longest_allowed, "a client is cut too late")
            .goal(probed.red == 0, "a probe was red")
            .goal(others.failed() == 0, "another client lost a request")
            .goal(grown <= MEMORY_MIB, "too much memory"),
    )
}

impl Slow {
    async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if matches!(self, Self::Reading) {
            // Else its system would take megabytes in its place, and it is not slow yet.
            socket.set_recv_buffer_size(4096)?;
        }
        socket.connect(address).await
    }

    /// How long a client of this kind is endured.
    async fn client(self, address: SocketAddr, bearer: String) -> Result<(Self, Duration)> {
        let begun = Instant::now();
        let mut stream = self.connect(address).await?;
        stream.set_nodelay(true)?;
        let enduring = async {
            match self {
                Self::Head => {
                    let head = b"GET / HTTP/1.1\r\nhost: x\r\n";
                    trickle(&mut stream, head, b"a: b\r\n").await;
                }
                Self::Body => {
                    let head = format!(
                        "POST /api/v1/items HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\n\
                         content-type: application/json\r\ncontent-length: 1000\r\n\r\n"
                    );
                    trickle(&mut stream, head.as_bytes(), b" ").await;
                }
                Self::Reading => {
                    // More answers than the buffers of both sides hold.
                    let request = "GET /api/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
                    let sent = stream.write_all(request.repeat(2000).as_bytes()).await;
                    // Whoever is cut while it still sends has been told so already.
                    while sent.is_ok() && matches!(stream.take_error(), Ok(None)) {
                        sleep(Duration::from_millis(100)).await;
                    }
                }
                Self::Window => without_window(address).await?,
                Self::Idle => {
                    let request = [frames::PREFACE, &frames::settings(), &frames::get(1)];
                    let _ = stream.write_all(&request.concat()).await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            }
            anyhow::Ok(())
        };
        let ended = timeout(NEVER, enduring).await;
        ended.with_context(|| format!("{self:?} is never cut"))??;
        Ok((self, begun.elapsed()))
    }
}

/// Lets the server send nothing but PINGs.
async fn without_window(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let no_window = frames::settings_without_window();
    let request = [frames::PREFACE, &no_window, &frames::get(1)].concat();
    stream.write_all(&request).await?;
    while let Some(payload) = frames::next_ping(&mut stream).await {
        if stream.write_all(&frames::pong(&payload)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Sends the beginning, and a piece a second, until the other side closes.
async fn trickle(stream: &mut TcpStream, beginning: &[u8], piece: &[u8]) {
    let (mut reader, mut writer) = stream.split();
    let writing = async {
        let mut next = beginning;
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            if writer.write_all(next).await.is_err() {
                return;
            }
            next = piece;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = writing => {}
        _ = reader.read_to_end(&mut answer) => {}
    }
}
