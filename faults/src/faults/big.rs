//! Requests that are too big in every way: refused, and they cost no memory.

use std::{
    io::Write,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{fault::Outcome, service::Service, setup::Setup, usage};

pub const GOAL: &str = "413, 431, 413; memory + 8 MiB at most";

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;
const MEMORY_MIB: f64 = 8.0;
const PATIENCE: Duration = Duration::from_secs(30);

/// What is too big, and how it is answered.
struct Case {
    name: &'static str,
    status: u16,
    head: String,
    /// Sent again and again …
    piece: Vec<u8>,
    /// … until so much is sent.
    bytes: usize,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let times = setup.of(50, 5);
    let service = Service::start(&setup, &[]).await?;
    let cases = cases(&service.bearer(), setup.of(GIB, 64 * MIB))?;
    // Whatever is needed once for all requests of this kind is not theirs.
    for case in &cases {
        case.send(service.public).await?;
    }
    let before = service.usage()?;
    usage::forget_peak(service.id())?;
    let mut lost = Vec::new();
    let mut slowest = Duration::ZERO;
    for case in &cases {
        for _ in 0..times {
            let begun = Instant::now();
            match case.send(service.public).await {
                Ok(status) if status == case.status => {}
                Ok(status) => lost.push(format!("{}: {status}", case.name)),
                Err(error) => lost.push(format!("{}: {error:#}", case.name)),
            }
            slowest = slowest.max(begun.elapsed());
        }
    }
    let grown = service.usage()?.peak_over(&before);
    let names: Vec<_> = cases.iter().map(|case| case.name).collect();
    Ok(Outcome::of(format!("{times} × {}", names.join(", ")))
        .lost(format!("{} of {} answers", lost.len(), times * cases.len()))
        .recovery(format!(
            "answered after {:.2} s at most; memory + {grown:.1} MiB",
            slowest.as_secs_f64()
        ))
        .goal(
            lost.is_empty(),
            format!(
                "{} not answered so, the first: {}",
                lost.len(),
                lost.first().map_or("", |l| l)
            ),
        )
        .goal(grown <= MEMORY_MIB, "too much memory"))
}

fn cases(bearer: &str, bomb: usize) -> Result<Vec<Case>> {
    let post = |fields: &str| {
        format!(
            "POST /api/v1/items HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\n\
             content-type: application/json\r\n{fields}\r\n\r\n"
        )
    };
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 64 * KIB], b"\r\n"].concat();
    let bomb = gzip(bomb)?;
    Ok(vec![
        Case {
            name: "10 GiB chunked",
            status: 413,
            head: post("transfer-encoding: chunked"),
            piece: chunk,
            bytes: 10 * GIB,
        },
        Case {
            name: "1 MiB of headers",
            status: 431,
            head: "GET / HTTP/1.1\r\nhost: x\r\n".to_owned(),
            piece: format!("field: {}\r\n", "a".repeat(1000)).into(),
            bytes: MIB,
        },
        Case {
            name: "a gzip bomb",
            status: 413,
            head: post(&format!(
                "content-encoding: gzip\r\ncontent-length: {}",
                bomb.len()
            )),
            bytes: bomb.len(),
            piece: bomb,
        },
    ])
}

/// So many spaces, which JSON may begin with.
fn gzip(bytes: usize) -> Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let spaces = [b' '; 64 * KIB];
    for _ in 0..bytes / spaces.len() {
        gzip.write_all(&spaces)?;
    }
    let bomb = gzip.finish()?;
    ensure!(bomb.len() < MIB, "the bomb is too large as it is");
    Ok(bomb)
}

impl Case {
    /// Sends it, as far as it is taken, and gives the status of the answer.
    async fn send(&self, address: SocketAddr) -> Result<u16> {
        let (mut reader, mut writer) = TcpStream::connect(address).await?.into_split();
        let (head, piece, bytes) = (self.head.clone(), self.piece.clone(), self.bytes);
        let sending = tokio::spawn(async move {
            // It may be cut while it sends.
            let mut left = bytes;
            let mut sent = writer.write_all(head.as_bytes()).await;
            while sent.is_ok() && left > 0 {
                sent = writer.write_all(&piece).await;
                left = left.saturating_sub(piece.len());
            }
            writer
        });
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, async {
            while !answer.ends_with(b"\r\n\r\n") {
                answer.push(reader.read_u8().await?);
            }
            std::io::Result::Ok(())
        });
        let read = read.await.context("no answer")?;
        sending.abort();
        read.context("the answer is lost")?;
        let head = String::from_utf8_lossy(&answer);
        let status = head.split(' ').nth(1).context("no status")?;
        Ok(status.parse()?)
    }
}
