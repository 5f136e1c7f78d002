//! A service that is told to stop under load loses no request, and is gone in time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::{StatusCode, Version};
use tokio::net::TcpStream;

use crate::{
    fault::Outcome,
    load::{
        asking::{Asking, Target},
        thousands,
    },
    service::{Service, until},
    setup::Setup,
    shared::{
        client::{Transport, Unfinished},
        pki::Authority,
    },
};

pub const GOAL: &str = "0 requests lost; exit within the deadlines + 1 s";

const CLIENTS: [(Version, usize); 2] = [(Version::HTTP_11, 100), (Version::HTTP_2, 50)];
/// Requests whose bodies come only when the listener is closed.
const IN_FLIGHT: usize = 50;
/// So many answers of each client make a load.
const WARM: u64 = 5;

/// The deadlines, with their sum; the others are far away: that the machine is busy with
/// the load is no fault of the service.
const DEADLINES: [(&str, &str); 10] = [
    ("APP_HTTP__HEADER_READ_TIMEOUT", "1m"),
    ("APP_HTTP__KEEP_ALIVE_TIMEOUT", "1m"),
    ("APP_HTTP__REQUEST_TIMEOUT", "1m"),
    ("APP_HTTP__REQUEST_BODY_TIMEOUT", "1m"),
    // No more than the drain's.
    ("APP_HTTP__WRITE_TIMEOUT", "10s"),
    ("APP_HTTP2__PING_TIMEOUT", "1m"),
    ("APP_SHUTDOWN__DRAIN_DELAY", "1s"),
    ("APP_SHUTDOWN__DRAIN_TIMEOUT", "10s"),
    ("APP_SHUTDOWN__CLOSE_TIMEOUT", "2s"),
    ("APP_SHUTDOWN__FLUSH_TIMEOUT", "3s"),
];
const LONGEST: Duration = Duration::from_secs(16);

/// Of all cycles.
#[derive(Default)]
struct Sum {
    requests: u64,
    lost: u64,
    first_loss: Option<String>,
    slowest_exit: Duration,
}

pub async fn run(setup: Setup, tls: bool) -> Result<Outcome> {
    let authority = Authority::new();
    let folder = tempfile::tempdir()?;
    let (certificate, key) = authority
        .server(time::Duration::days(10))
        .write(folder.path());
    let (certificate, key) = (certificate.to_string_lossy(), key.to_string_lossy());
    let mut settings = DEADLINES.to_vec();
    let mut transport = Transport::Plain;
    if tls {
        settings.push(("APP_TLS__CERTIFICATE_FILE", &certificate));
        settings.push(("APP_TLS__KEY_FILE", &key));
        transport = Transport::tls(&authority);
    }
    let cycles = setup.of(100, 1);
    let mut sum = Sum::default();
    for _ in 0..cycles {
        sum.add(&setup, &transport, &settings).await?;
    }
    Ok(Outcome::of(format!(
        "{cycles} × 100 HTTP/1.1 and 50 HTTP/2 clients, 50 requests in flight"
    ))
    .lost(format!(
        "{} of {} requests",
        sum.lost,
        thousands(sum.requests),
    ))
    .recovery(format!(
        "exit after {:.2} s at most",
        sum.slowest_exit.as_secs_f64()
    ))
    .goal(sum.lost == 0, sum.first_loss.unwrap_or_default())
    .goal(
        sum.slowest_exit <= LONGEST + Duration::from_secs(1),
        "the exit is too late",
    ))
}

impl Sum {
    /// Starts a service, loads it, stops it, and counts.
    async fn add(
        &mut self,
        setup: &Setup,
        transport: &Transport,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let service = Service::start(setup, settings).await?;
        let mut in_flight = Vec::new();
        for number in 0..IN_FLIGHT {
            let (token, name) = (service.token(), format!("in flight {number}"));
            let begun = Unfinished::begin(transport, service.public, token, &name);
            in_flight.push(begun.await?);
        }
        let target = Target {
            transport: transport.clone(),
            ..Target::items(&service)
        };
        let clients = Asking::begin(&target, &CLIENTS);
        let warm = until(async || clients.tally.succeeded() >= WARM * 150).await;
        ensure!(warm, "no load: {}", clients.tally.told());

        service.signal("TERM")?;
        let signalled = Instant::now();
        service.until_probe("/readyz", 503).await?;
        clients.stop_connecting();
        let is_closed = async || TcpStream::connect(service.public).await.is_err();
        ensure!(until(is_closed).await, "the listener never closes");
        self.requests += in_flight.len() as u64;
        for request in in_flight {
            let status = request.finish().await;
            if status != StatusCode::CREATED {
                self.lose(1, || format!("{status} for one in flight"));
            }
        }
        let clients = clients.finished().await;
        self.requests += clients.all();
        self.lose(clients.failed(), || clients.told());
        let ended = service.ended().await?;
        self.slowest_exit = self.slowest_exit.max(signalled.elapsed());
        if !ended.success() {
            self.lose(1, || format!("the service ended by {}", ended));
        }
        Ok(())
    }

    fn lose(&mut self, count: u64, why: impl FnOnce() -> String) {
        self.lost += count;
        if count > 0 {
            self.first_loss.get_or_insert_with(why);
        }
    }
}
