//! A database that is killed, stopped, or slow: said at once, and over at once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{task::JoinSet, time::sleep};
use url::Url;

use crate::{
    fault::Outcome,
    probing::Probing,
    proxy::{Mode, Proxy},
    service::{IMPATIENT, Service},
    setup::Setup,
    shared::postgres::Server,
};

pub const GOAL: &str =
    "503 within 2 s; liveness 200; readiness red within two periods; recovered within 5 s";

const CLIENTS: usize = 20;
/// They do not hammer.
const PAUSE: Duration = Duration::from_millis(20);
const TOLD: Duration = Duration::from_secs(2);
/// Two periods of the check that readiness hangs on.
const RED: Duration = Duration::from_secs(4);
const RECOVERY: Duration = Duration::from_secs(5);
const BY: Duration = Duration::from_secs(5);

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    Killed,
    Stopped,
    Slow,
}

/// The server, and the way to it.
struct Database {
    server: Server,
    proxy: Proxy,
}

impl Database {
    async fn start() -> Result<(Self, Url)> {
        let server = Server::start().await;
        let mut url = Url::parse(server.url())?;
        let port = url.port().context("a port")?;
        let proxy = Proxy::start(([127, 0, 0, 1], port).into()).await?;
        // It can be set, for there is a host.
        let _ = url.set_port(Some(proxy.address.port()));
        Ok((Self { server, proxy }, url))
    }

    fn begin(&mut self, outage: Outage) {
        match outage {
            Outage::Killed => self.server.kill(),
            Outage::Stopped => self.server.freeze(),
            Outage::Slow => self.proxy.behave(Mode::Slow(BY)),
        }
    }

    async fn end(&mut self, outage: Outage) {
        match outage {
            Outage::Killed => self.server.start_again().await,
            Outage::Stopped => self.server.thaw(),
            Outage::Slow => self.proxy.behave(Mode::Pass),
        }
    }
}

pub async fn run(setup: Setup, outage: Outage) -> Result<Outcome> {
    let (mut database, url) = Database::start().await?;
    let settings = [&[("APP_STORE__URL", url.as_str())], &IMPATIENT[..]].concat();
    let service = Service::of(&setup, &setup.service, &settings).await?;
    let clients = Clients::begin(&service)?;
    let liveness = Probing::of(&service, &["/livez"])?;
    sleep(setup.of(Duration::from_secs(5), Duration::from_secs(1))).await;

    database.begin(outage);
    let begun = Instant::now();
    service.until_probe("/readyz", 503).await?;
    let red = begun.elapsed();
    let lasting = setup.of(Duration::from_secs(30), Duration::from_secs(4));
    sleep(lasting.saturating_sub(begun.elapsed())).await;
    database.end(outage).await;
    let over = Instant::now();
    service.until_probe("/readyz", 200).await?;
    let green = over.elapsed();
    sleep(setup.of(RECOVERY, Duration::from_secs(2))).await;
    let answers = clients.end().await;
    let dead = liveness.end().await?.red;
    database.server.stop();
    Ok(outcome(
        &setup,
        outage,
        &Told::of(&answers, begun, over),
        (red, green),
        lasting,
        dead,
    ))
}

fn outcome(
    setup: &Setup,
    outage: Outage,
    told: &Told,
    (red, green): (Duration, Duration),
    lasting: Duration,
    dead: u64,
) -> Outcome {
    let what = match outage {
        Outage::Killed => "killed",
        Outage::Stopped => "stopped",
        Outage::Slow => "slower by 5 s",
    };
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let recovered = told.served_after.max(green);
    Outcome::of(format!(
        "{CLIENTS} clients, {} requests; {what} for {} s",
        told.requests,
        lasting.as_secs()
    ))
    .lost(format!(
        "{} answered by 503, after {} at most; {} otherwise; liveness red {dead} times; \
         readiness red after {}",
        told.unavailable,
        seconds(told.slowest),
        told.otherwise.values().sum::<usize>(),
        seconds(red),
    ))
    .recovery(format!(
        "served after {}, ready after {}",
        seconds(told.served_after),
        seconds(green)
    ))
    .goal(told.unavailable > 0, "no request was told")
    .goal(
        told.slowest <= setup.within(TOLD),
        format!("a 503 took {}", seconds(told.slowest)),
    )
    .goal(
        told.otherwise.is_empty(),
        format!(
            "neither 200 nor 503, but (0: no answer): {:?}",
            told.otherwise
        ),
    )
    .goal(dead == 0, "liveness was red")
    .goal(red <= setup.within(RED), "readiness was red too late")
    .goal(recovered <= setup.within(RECOVERY), "recovered too late")
}

/// When it was asked, what came, and when.
type Answer = (Instant, u16, Instant);

/// What clients were told.
struct Told {
    requests: usize,
    unavailable: usize,
    /// How many by which status.
    otherwise: BTreeMap<u16, usize>,
    slowest: Duration,
    /// When the last answer that was not 200 came, after the outage was over.
    served_after: Duration,
}

impl Told {
    fn of(answers: &[Answer], begun: Instant, over: Instant) -> Self {
        let failed = || answers.iter().filter(|(_, status, _)| *status != 200);
        let unavailable = failed().filter(|(_, status, _)| *status == 503);
        let mut otherwise = BTreeMap::new();
        for (_, status, _) in failed().filter(|(_, status, _)| *status != 503) {
            *otherwise.entry(*status).or_default() += 1;
        }
        let last = failed().map(|(_, _, answered)| *answered).max();
        let slowest = answers
            .iter()
            .filter(|(_, _, answered)| *answered > begun)
            .map(|(asked, _, answered)| answered.duration_since(*asked))
            .max();
        Self {
            requests: answers.len(),
            unavailable: unavailable.count(),
            otherwise,
            slowest: slowest.unwrap_or_default(),
            served_after: last.map_or(Duration::ZERO, |last| last.saturating_duration_since(over)),
        }
    }
}

/// Who asks for the list of items all along, also in the moment in which it happens.
struct Clients {
    answers: Arc<Mutex<Vec<Answer>>>,
    stop: Arc<AtomicBool>,
    asking: JoinSet<()>,
}

impl Clients {
    fn begin(service: &Service) -> Result<Self> {
        let http = reqwest::Client::builder().build()?;
        let url = format!("http://{}/api/v1/items", service.public);
        let mut clients = Self {
            answers: Arc::default(),
            stop: Arc::default(),
            asking: JoinSet::new(),
        };
        for _ in 0..CLIENTS {
            let request = http.get(&url).header("authorization", service.bearer());
            let (answers, stop) = (Arc::clone(&clients.answers), Arc::clone(&clients.stop));
            clients.asking.spawn(async move {
                while !stop.load(Relaxed) {
                    let asked = Instant::now();
                    let sent = request.try_clone().expect("it has no body").send().await;
                    // 0: there was no answer.
                    let status = sent.map_or(0, |answer| answer.status().as_u16());
                    let answer = (asked, status, Instant::now());
                    answers.lock().expect("nobody panics with it").push(answer);
                    sleep(PAUSE).await;
                }
            });
        }
        Ok(clients)
    }

    async fn end(self) -> Vec<Answer> {
        self.stop.store(true, Relaxed);
        self.asking.join_all().await;
        std::mem::take(&mut *self.answers.lock().expect("nobody panics with it"))
    }
}
