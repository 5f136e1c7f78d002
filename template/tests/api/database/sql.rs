//! What a database must hold, whichever it is: through crashes and clients that
//! hang up.

mod outbox;
mod seed;
mod statements;

use std::{
    collections::BTreeSet,
    env,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::Database;
use crate::support::{Service, run, token, until};

/// How often the process is killed, unless `CRASH_CYCLES` says otherwise.
const CYCLES: usize = 1;
const WRITERS: usize = 8;
/// How many writes there are, at least, before the process is killed.
const WRITES_PER_CYCLE: usize = 100;
const READY_WITHIN: Duration = Duration::from_secs(2);

/// What the writers know: which names were acknowledged, and which were only sent.
#[derive(Clone, Default)]
struct Known {
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    unknown: Arc<Mutex<BTreeSet<String>>>,
    count: Arc<AtomicUsize>,
}

/// Makes an item, with its name for a key.
fn create(service: &Service, name: &str) -> RequestBuilder {
    let request = service.post("/api/v1/items", &json!({ "name": name }));
    request.header("idempotency-key", format!("\"{name}\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_when_the_process_is_killed_and_none_is_done_twice() {
    let cycles = env::var("CRASH_CYCLES").map_or(CYCLES, |cycles| cycles.parse().unwrap());
    let database = Database::create().await;
    let known = Known::default();
    let mut service = Service::with(&database.settings()).await;
    let mut slowest = Duration::ZERO;
    for cycle in 0..cycles {
        service = crash(service, &database, &known, cycle).await;
        slowest = slowest.max(service.ready_after);
        settle(&service, &known).await;
        let there = names(&service).await;
        let acknowledged = known.acknowledged.lock().unwrap().clone();
        assert_eq!(there.len(), acknowledged.len(), "cycle {cycle}");
        let there: BTreeSet<_> = there.into_iter().collect();
        assert_eq!(there, acknowledged, "cycle {cycle}");
    }
    let count = known.acknowledged.lock().unwrap().len();
    println!("{cycles} crashes, {count} writes, ready again after {slowest:?} at most");
    assert!(slowest < READY_WITHIN, "{slowest:?}");
}

/// As after a rollback: the schema stays, and suits the release before.
#[tokio::test]
async fn a_release_starts_with_the_schema_of_the_next_one() {
    let database = Database::create().await;
    let migrated = run(&["migrate"], &database.settings());
    assert_eq!(migrated.status.code(), Some(0));
    let mut connection = database.connect().await;
    let next =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                SELECT 9999, 'of the next release', success, checksum, execution_time
                FROM _sqlx_migrations LIMIT 1";
    let inserted = sqlx::query(next).execute(&mut connection).await.unwrap();
    assert_eq!(inserted.rows_affected(), 1);

    let migrated = run(&["migrate"], &database.settings());
    assert_eq!(migrated.status.code(), Some(0));
    let service = Service::with(&database.settings()).await;
    service.create("lamp").await;
}

/// Kills the service in the middle of writes, and starts it again.
async fn crash(service: Service, database: &Database, known: &Known, cycle: usize) -> Service {
    let service = Arc::new(service);
    let enough = known.count.load(Ordering::Relaxed) + WRITES_PER_CYCLE;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let prefix = format!("{cycle}-{writer}");
            tokio::spawn(write(Arc::clone(&service), known.clone(), prefix))
        })
        .collect();
    until("enough is written", async || {
        known.count.load(Ordering::Relaxed) >= enough
    })
    .await;
    service.signal("KILL");
    for writer in writers {
        writer.await.unwrap();
    }
    Service::with(&database.settings()).await
}

/// Makes items until the service is gone.
async fn write(service: Arc<Service>, known: Known, prefix: String) {
    for number in 0.. {
        let name = format!("{prefix}-{number}");
        match create(&service, &name).send().await {
            Ok(answer) => {
                assert_eq!(answer.status(), StatusCode::CREATED);
                known.acknowledged.lock().unwrap().insert(name);
                known.count.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                known.unknown.lock().unwrap().insert(name);
                return;
            }
        }
    }
}

/// Asks again what has become of what was only sent.
async fn settle(service: &Service, known: &Known) {
    let unknown = std::mem::take(&mut *known.unknown.lock().unwrap());
    let mut were_there = 0;
    for name in &unknown {
        let answer = create(service, name).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        were_there += usize::from(answer.headers().contains_key("idempotent-replayed"));
        known.acknowledged.lock().unwrap().insert(name.clone());
    }
    let count = unknown.len();
    println!("of {count} requests without an answer {were_there} were done, the others not");
}

async fn names(service: &Service) -> Vec<String> {
    let mut names = Vec::new();
    let mut next = "/api/v1/items?limit=100".to_owned();
    loop {
        let page = service.get(&next).send().await.unwrap();
        let page: Value = page.json().await.unwrap();
        let items = page["items"].as_array().unwrap();
        names.extend(
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(after) => next = format!("/api/v1/items?limit=100&after={after}"),
            None => return names,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_that_hang_up_leave_no_connection_behind() {
    const CANCELLED: f64 = 1000.0;
    const BATCH: usize = 100;
    /// Most are in work when they are cut; some are answered already.
    const MOST_BATCHES: usize = 100;

    let service = Service::start().await;
    let (path, _, _) = service.create("lamp").await;
    let head = format!(
        "HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json",
        token("tester", "items:read items:write"),
    );
    let mut batches = 0;
    while cancelled(&service).await < CANCELLED {
        batches += 1;
        assert!(batches <= MOST_BATCHES, "too few are cut while in work");
        let clients: Vec<_> = (0..BATCH)
            .map(|number| {
                let body = json!({ "name": format!("{batches}-{number}") }).to_string();
                let length = body.len();
                let request = match number % 2 {
                    0 => format!("GET {path} {head}\r\n\r\n"),
                    _ => format!(
                        "POST /api/v1/items {head}\r\ncontent-length: {length}\r\n\r\n{body}"
                    ),
                };
                tokio::spawn(hang_up_after(request, service.public))
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    }
    let used = "db_client_connection_count{db_client_connection_pool_name=\"store\",\
                db_client_connection_state=\"used\"} 0";
    service.until_metrics(used).await;
    assert_eq!(service.get(&path).send().await.unwrap().status(), 200);
    service.create("chair").await;
    let (clients, cancelled) = (batches * BATCH, cancelled(&service).await);
    println!("{cancelled} of {clients} requests were cut in the middle of their work");
}

/// Sends a request whole, and does not wait for the answer.
async fn hang_up_after(request: String, address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// How many requests were cut, as the service has counted them.
async fn cancelled(service: &Service) -> f64 {
    let metrics = service.metrics().await;
    let counts = metrics.lines().filter(|line| {
        line.starts_with("http_server_request_duration_seconds_count")
            && line.contains("error_type=\"cancelled\"")
    });
    let values = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}
