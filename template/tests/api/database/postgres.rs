mod outage;
mod replica;
mod server;

use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use self::server::Server;
use crate::support::{Service, problem, run, until};

/// A database of its own in a server that all tests share.
pub struct Database {
    url: String,
}

impl Database {
    /// The series that tells how much it may hold.
    pub const FULLNESS: &str =
        r#"db_client_connection_max{db_client_connection_pool_name="store"}"#;
    /// The file of the store that is for this database alone.
    pub const SOURCE: &str = "postgres.rs";

    pub async fn create() -> Self {
        Self {
            url: server::new_database().await,
        }
    }

    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Few connections: many services run at a time. What a test holds up is no outage.
    pub fn settings(&self) -> [(&str, &str); 4] {
        [
            ("APP_STORE__URL", &self.url),
            ("APP_STORE__MIN_CONNECTIONS", "1"),
            ("APP_STORE__MAX_CONNECTIONS", "4"),
            ("APP_STORE__ANSWER_TIMEOUT", "20s"),
        ]
    }
}

#[tokio::test]
async fn a_database_that_is_gone_makes_the_service_unready_but_not_dead() {
    let server = Server::start().await;
    let service = Service::with(&[("APP_STORE__URL", server.url())]).await;
    let (item, _, _) = service.create("before").await;
    server.stop();

    let answer = service.get(&item).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    problem(answer).await;
    service
        .until_probe("/readyz", StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert_eq!(service.probe("/livez").await, StatusCode::OK);

    let line = service
        .log_line(|line| line["http.response.status_code"] == 503)
        .await;
    assert_eq!(line["level"], "ERROR");
    let cause = line["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("the store cannot be reached: "),
        "{cause}"
    );
}

#[test]
fn a_server_that_is_not_there_is_told_with_exit_69_and_no_password() {
    let settings = [
        (
            "APP_STORE__URL",
            "postgres://service:hunter2@127.0.0.1:1/items",
        ),
        ("APP_HTTP__ADDRESS", "127.0.0.1:0"),
        ("APP_OPERATIONS__ADDRESS", "127.0.0.1:0"),
    ];
    for command in ["serve", "migrate"] {
        let ended = run(&[command], &settings);
        assert_eq!(ended.status.code(), Some(69), "{command}");
        let told = [ended.stdout, ended.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(told.contains("refused"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn migrations_can_run_alone() {
    let database = Database::create().await;
    for _ in 0..2 {
        let migrated = run(&["migrate"], &database.settings());
        assert_eq!(migrated.status.code(), Some(0));
    }
    let mut connection = database.connect().await;
    let (items,): (i64,) = sqlx::query_as("SELECT count(*) FROM items")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(items, 0);
}

#[tokio::test]
async fn a_server_that_has_become_read_only_is_told_as_one_that_is_away() {
    let database = Database::create().await;
    let migrated = run(&["migrate"], &database.settings());
    assert_eq!(migrated.status.code(), Some(0));
    // As a primary after a failover, which comes back as a replica.
    let mut connection = database.connect().await;
    let read_only = "DO $$ BEGIN EXECUTE format(
        'ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
        END $$";
    sqlx::raw_sql(read_only)
        .execute(&mut connection)
        .await
        .unwrap();
    let schema = [("APP_STORE__MIGRATE_ON_START", "false")];
    let service = Service::with(&[&database.settings()[..], &schema].concat()).await;
    let create = service.post("/api/v1/items", &json!({ "name": "lamp" }));
    let answer = create.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    let list = service.get("/api/v1/items").send().await.unwrap();
    assert_eq!(list.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_key_that_is_in_work_is_told_at_once_by_every_replica() {
    let database = Database::create().await;
    let replicas = [
        Service::with(&database.settings()).await,
        Service::with(&database.settings()).await,
    ];
    let create = |replica: &Service| {
        let request = replica.post("/api/v1/items", &json!({ "name": "lamp" }));
        request.header("idempotency-key", "\"k\"").send()
    };
    // Holds up the first request in the middle of its work.
    let mut connection = database.connect().await;
    let mut lock = connection.begin().await.unwrap();
    sqlx::query("LOCK TABLE items IN SHARE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let first = tokio::spawn(create(&replicas[0]));
    until_waiting(&mut lock).await;
    for replica in &replicas {
        let second = create(replica).await.unwrap();
        assert_eq!(second.status(), StatusCode::CONFLICT);
        let told = problem(second).await;
        assert_eq!(told["type"], "urn:problem-type:idempotency-key-in-work");
    }
    lock.commit().await.unwrap();
    let first = first.await.unwrap().unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let again = create(&replicas[1]).await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.headers()["location"], first.headers()["location"]);
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_a_work_leaves_nothing_of_it() {
    let database = Database::create().await;
    let service = Service::with(&database.settings()).await;
    let create = || {
        let request = service.post("/api/v1/items", &json!({ "name": "lamp" }));
        request.header("idempotency-key", "\"k\"").send()
    };
    let mut connection = database.connect().await;
    let mut lock = connection.begin().await.unwrap();
    sqlx::query("LOCK TABLE items IN SHARE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let first = tokio::spawn(create());
    until_waiting(&mut lock).await;
    first.abort();
    let active = r#"http_server_active_requests{http_request_method="POST",url_scheme="http"}"#;
    service.series(active, |requests| requests == 0.0).await;
    lock.commit().await.unwrap();
    until("it is done anew", async || {
        let again = create().await.unwrap();
        assert!(!again.headers().contains_key("idempotent-replayed"));
        let status = again.status();
        assert!([StatusCode::CONFLICT, StatusCode::CREATED].contains(&status));
        status == StatusCode::CREATED
    })
    .await;
}

/// Waits until somebody waits for a lock in this database.
async fn until_waiting(connection: &mut PgConnection) {
    let waiting = "SELECT count(*) > 0 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                   WHERE NOT granted AND datname = current_database()";
    until("somebody waits", async || {
        let asked = sqlx::query_scalar(waiting).fetch_one(&mut *connection);
        asked.await.unwrap()
    })
    .await;
}
