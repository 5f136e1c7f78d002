//! Requests that were good before something was changed in them.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    fault::Outcome,
    garbage::{Garbage, Sent},
    load::thousands,
    probing::Probing,
    service::{Service, token},
    setup::Setup,
    usage,
};

pub const GOAL: &str = "0 crashes, 0 accepted, 0 5xx that are not 503";

/// As many clients; each has numbers of its own from this seed.
const CLIENTS: u64 = 8;
const SEED: u64 = 20_261_125;
/// Above what a head may take to arrive.
const PATIENCE: Duration = Duration::from_secs(15);
const PANICS: &str = "process_panics_total";

/// What came of all.
#[derive(Debug, Default)]
struct Told {
    /// Without an answer: the connection was closed, as RFC 9112 section 2.2 allows.
    statuses: BTreeMap<Option<u16>, u64>,
    accepted: Vec<String>,
    failed: Vec<String>,
    unanswered: Vec<String>,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let service =
        Service::start(&setup, &[("APP_LOG__FILTER", "off,service::server=info")]).await?;
    let other = token(setup.command(), "another", "4h")?;
    let tokens = [service.token().to_owned(), other];
    let requests = setup.of(1_000_000, 4_000);
    let before = service.usage()?;
    usage::forget_peak(service.id())?;
    let probing = Probing::begin(&service)?;
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let garbage = Garbage::new(&tokens, SEED + number);
        let count = requests / CLIENTS;
        clients.spawn(send(service.public, garbage, count, setup.within(PATIENCE)));
    }
    let mut told = Told::default();
    for client in clients.join_all().await {
        told.add(client?);
    }
    let took = begun.elapsed();
    let probed = probing.end().await?;
    let alive = service
        .probe("/livez")
        .await
        .is_ok_and(|status| status == 200);
    let panics = service.sum(PANICS).await.unwrap_or(f64::NAN);
    let memory = service
        .usage()
        .map_or(f64::NAN, |usage| usage.peak_over(&before));
    Ok(Outcome::of(format!(
        "{} requests with changed tokens, heads, targets and bodies in {:.0} s; seed {SEED}",
        thousands(requests),
        took.as_secs_f64(),
    ))
    .lost(format!(
        "{} accepted, {} answered by 5xx that are not 503, {panics} panics; {}; {}; memory + {memory:.1} MiB",
        told.accepted.len(),
        told.failed.len(),
        told.counts(),
        probed.told(),
    ))
    .goal(alive && panics == 0.0, "it has crashed or panicked")
    .goal(told.accepted.is_empty(), first("accepted", &told.accepted))
    .goal(told.failed.is_empty(), first("failed at", &told.failed))
    .goal(told.unanswered.is_empty(), first("no end after", &told.unanswered))
    .goal(probed.red == 0, "a probe was red"))
}

fn first(what: &str, requests: &[String]) -> String {
    let first = requests.first().map_or("", |request| request);
    format!("{} {what}, the first: {first}", requests.len())
}

impl Told {
    fn take_down(&mut self, sent: &Sent, status: Result<Option<u16>>) {
        let request = || sent.bytes.escape_ascii().to_string();
        let Ok(status) = status else {
            return self.unanswered.push(request());
        };
        *self.statuses.entry(status).or_default() += 1;
        match status {
            Some(200..300) if !sent.may_succeed => self.accepted.push(request()),
            Some(503) => {}
            Some(500..) => self.failed.push(request()),
            _ => {}
        }
    }

    fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.accepted.extend(other.accepted);
        self.failed.extend(other.failed);
        self.unanswered.extend(other.unanswered);
    }

    /// `400: 12, 401: 34, closed: 5`.
    fn counts(&self) -> String {
        let counts = self.statuses.iter().map(|(status, count)| {
            let status = status.map_or_else(|| "closed".to_owned(), |status| status.to_string());
            format!("{status}: {}", thousands(*count))
        });
        counts.collect::<Vec<_>>().join(", ")
    }
}

async fn send(
    address: SocketAddr,
    mut garbage: Garbage,
    requests: u64,
    patience: Duration,
) -> Result<Told> {
    let mut told = Told::default();
    let mut kept = None;
    for _ in 0..requests {
        let sent = garbage.request();
        let status = timeout(patience, exchange(address, &mut kept, &sent)).await;
        if !matches!(status, Ok(Ok(Some(_)))) || !sent.is_framed {
            kept = None;
        }
        told.take_down(&sent, status.context("no answer").flatten());
    }
    Ok(told)
}

/// The status of the answer, or none if the connection is closed without one.
async fn exchange(
    address: SocketAddr,
    kept: &mut Option<TcpStream>,
    sent: &Sent,
) -> Result<Option<u16>> {
    // A connection that was kept may have been closed meanwhile.
    if sent.is_framed
        && let Some(stream) = kept
        && let Ok(Some(status)) = over(stream, sent).await
    {
        return Ok(Some(status));
    }
    let stream = kept.insert(TcpStream::connect(address).await?);
    stream.set_nodelay(true)?;
    if !sent.is_framed {
        // So that a million connections leave no million of ports behind.
        stream.set_zero_linger()?;
    }
    Ok(over(stream, sent).await.unwrap_or_default())
}

async fn over(stream: &mut TcpStream, sent: &Sent) -> std::io::Result<Option<u16>> {
    stream.write_all(&sent.bytes).await?;
    let mut answer = Vec::with_capacity(1024);
    if sent.is_framed {
        while !is_whole(&answer) {
            if stream.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
    } else {
        // Whatever it was, it is all that comes.
        stream.shutdown().await?;
        // A reset is an end too.
        let _ = stream.read_to_end(&mut answer).await;
    }
    Ok(status(&answer))
}

/// Of the first answer, if there are more.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.")?;
    str::from_utf8(line.get(2..5)?).ok()?.parse().ok()
}

/// Head and body; the service says how long each body is.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    answer.len() >= end + 4 + length.unwrap_or(0)
}
