//! A database that is not there for a while: frozen, so that it accepts and says
//! nothing, or killed.

use std::{
    future::pending,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    task::JoinSet,
    time::sleep,
};
use url::Url;

use super::server::Server;
use crate::support::{Service, problem, run, until};

/// Time for a request to be told.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Two periods of the check that readiness hangs on.
const RED_WITHIN: Duration = Duration::from_secs(4);
/// Time until all is well after the database is.
const WELL_WITHIN: Duration = Duration::from_secs(5);

enum Outage {
    Frozen,
    Killed,
}

impl Outage {
    fn begin(&self, server: &mut Server) {
        match self {
            Self::Frozen => server.freeze(),
            Self::Killed => server.kill(),
        }
    }

    async fn end(&self, server: &mut Server) {
        match self {
            Self::Frozen => server.thaw(),
            Self::Killed => server.start_again().await,
        }
    }
}

#[tokio::test]
async fn a_frozen_database_costs_no_more_than_a_time_out_and_is_back_at_once() {
    outage(Outage::Frozen).await;
}

#[tokio::test]
async fn a_killed_database_costs_no_more_than_a_time_out_and_is_back_at_once() {
    outage(Outage::Killed).await;
}

/// Until it is over, whoever asks for these tables waits.
async fn locked<'c>(
    connection: &'c mut PgConnection,
    statement: &'static str,
) -> Transaction<'c, Postgres> {
    let mut lock = connection.begin().await.unwrap();
    sqlx::query(statement).execute(&mut *lock).await.unwrap();
    lock
}

#[tokio::test]
async fn a_database_that_falls_silent_in_the_middle_of_an_answer_is_told_as_soon() {
    let server = Server::start().await;
    let settings = [
        ("APP_STORE__URL", server.url()),
        ("APP_STORE__ANSWER_TIMEOUT", "1800ms"),
    ];
    let service = Service::with(&settings).await;
    let (item, _, _) = service.create("before").await;
    // A request that waits for a lock has its connection already.
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    let lock = locked(&mut connection, "LOCK TABLE items IN ACCESS EXCLUSIVE MODE").await;
    let answer = service.get(&item).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let cause = service
        .log_line(|line| line["http.response.status_code"] == 503)
        .await;
    let cause = cause["cause"].as_str().unwrap();
    assert!(cause.ends_with("no answer within 1.8s"), "{cause}");

    lock.rollback().await.unwrap();
    let used = "db_client_connection_count{db_client_connection_pool_name=\"store\",\
                db_client_connection_state=\"used\"} 0";
    service.until_metrics(used).await;
    assert_eq!(service.get(&item).send().await.unwrap().status(), 200);
    server.stop();
}

/// A way to a server, which is long, or can be lost: then nothing comes or goes by the
/// connections that there are, and neither side is told. Others are made as before.
struct Way {
    url: String,
    lost: Arc<Notify>,
}

impl Way {
    async fn to(server: &Server, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = Url::parse(server.url()).unwrap();
        let target = ("127.0.0.1", url.port().unwrap());
        let own = listener.local_addr().unwrap().port();
        url.set_port(Some(own)).unwrap();
        let lost = Arc::new(Notify::new());
        let way = Self {
            url: url.into(),
            lost: Arc::clone(&lost),
        };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let lost = Arc::clone(&lost);
                tokio::spawn(async move {
                    let (from, back) = near.into_split();
                    let far = TcpStream::connect(target).await.unwrap();
                    let (answers, to) = far.into_split();
                    let asked = carry(from, to, delay);
                    let answered = carry(answers, back, delay);
                    let mut both = pin!(async { tokio::join!(asked, answered) });
                    tokio::select! {
                        _ = &mut both => {}
                        () = lost.notified() => pending().await,
                    }
                });
            }
        });
        way
    }

    fn lose(&self) {
        self.lost.notify_waiters();
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        sleep(delay).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn connections_to_a_host_that_vanishes_give_their_places_to_new_ones() {
    let server = Server::start().await;
    let way = Way::to(&server, Duration::ZERO).await;
    let settings = [
        ("APP_STORE__URL", &*way.url),
        ("APP_STORE__MAX_CONNECTIONS", "2"),
        ("APP_STORE__ANSWER_TIMEOUT", "1500ms"),
        ("APP_STORE__STATEMENT_TIMEOUT", "2s"),
    ];
    let service = Service::with(&settings).await;
    let (item, _, _) = service.create("before").await;
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    let mut lock = locked(&mut connection, "LOCK TABLE items IN ACCESS EXCLUSIVE MODE").await;
    // Both places are taken by requests that wait for an answer.
    let ask = async || service.get(&item).send().await.unwrap().status();
    let vanish = async {
        until("both wait", async || {
            let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            let waiting = sqlx::query_scalar(waiting).fetch_one(&mut *lock);
            waiting.await.unwrap_or(0_i64) == 2
        })
        .await;
        way.lose();
    };
    let (one, other, ()) = tokio::join!(ask(), ask(), vanish);
    assert_eq!([one, other], [StatusCode::SERVICE_UNAVAILABLE; 2]);
    lock.rollback().await.unwrap();
    until("the item is there again", async || {
        ask().await == StatusCode::OK
    })
    .await;
    server.stop();
}

#[tokio::test]
async fn a_service_whose_connections_are_all_in_use_stays_ready() {
    let server = Server::start().await;
    let migrated = run(&["migrate"], &[("APP_STORE__URL", server.url())]);
    assert_eq!(migrated.status.code(), Some(0));
    // Each request has the one connection for some tenths of a second.
    let way = Way::to(&server, Duration::from_millis(50)).await;
    let settings = [
        ("APP_STORE__URL", &*way.url),
        ("APP_STORE__MAX_CONNECTIONS", "1"),
        ("APP_STORE__ACQUIRE_TIMEOUT", "5s"),
    ];
    let service = Service::with(&settings).await;
    let (item, _, _) = service.create("lamp").await;
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let request = service.get(&item);
        clients.spawn(async move { while request.try_clone().unwrap().send().await.is_ok() {} });
    }
    let checked = async || {
        let asked = service.operation(Method::GET, "/readyz");
        let answer = asked.header("accept", "application/json").send().await;
        let page: Value = answer.unwrap().json().await.unwrap();
        page["checks"]["store"][0]["time"].clone()
    };
    for _ in 0..2 {
        let before = checked().await;
        until("it is checked again", async || checked().await != before).await;
        assert_eq!(service.probe("/readyz").await, StatusCode::OK);
    }
    server.stop();
}

#[tokio::test]
async fn what_goes_on_beside_requests_waits_no_longer_for_an_answer() {
    let server = Server::start().await;
    let settings = [
        ("APP_STORE__URL", server.url()),
        ("APP_STORE__ANSWER_TIMEOUT", "500ms"),
        ("APP_STORE__OUTBOX__URL", "http://127.0.0.1:1/events"),
        ("APP_IDEMPOTENCY__CLEAN_UP_INTERVAL", "50ms"),
    ];
    let service = Service::with(&settings).await;
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    let tables = "LOCK TABLE idempotency_keys, outbox IN ACCESS EXCLUSIVE MODE";
    let lock = locked(&mut connection, tables).await;
    for message in ["an event waits", "expired answers are not deleted"] {
        let told = |line: &Value| {
            let cause = line["cause"].as_str().unwrap_or_default();
            line["message"] == message && cause.ends_with("no answer within 500ms")
        };
        service.log_line(told).await;
    }
    lock.rollback().await.unwrap();
    server.stop();
}

async fn outage(outage: Outage) {
    let mut server = Server::start().await;
    let service = Service::with(&[("APP_STORE__URL", server.url())]).await;
    let (item, _, _) = service.create("before").await;

    outage.begin(&mut server);
    let begun = Instant::now();
    let answer = service.get(&item).send().await.unwrap();
    let told = begun.elapsed();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    problem(answer).await;
    let unready = StatusCode::SERVICE_UNAVAILABLE;
    service.until_probe("/readyz", unready).await;
    let red = begun.elapsed();
    assert_eq!(service.probe("/livez").await, StatusCode::OK);

    outage.end(&mut server).await;
    let ended = Instant::now();
    until("the item is there again", async || {
        let answer = service.get(&item).send().await.unwrap();
        answer.status() == StatusCode::OK
    })
    .await;
    let served = ended.elapsed();
    service.until_probe("/readyz", StatusCode::OK).await;
    let green = ended.elapsed();

    println!("told in {told:?}, unready in {red:?}; served in {served:?}, ready in {green:?}");
    assert!(told < ANSWER_WITHIN, "{told:?}");
    assert!(red < RED_WITHIN, "{red:?}");
    assert!(served.max(green) < WELL_WITHIN, "{served:?} {green:?}");
    service.create("after").await;
}
