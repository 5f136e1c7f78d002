//! Reads that may be some time behind, by a real replica.

use reqwest::StatusCode;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use super::server::Server;
use crate::support::{Service, until};

#[tokio::test]
async fn a_list_is_read_from_the_replica_and_an_item_from_the_primary() {
    let primary = Server::start().await;
    let replica = primary.replica().await;
    let service = behind(&primary, &replica).await;
    service.create("before").await;
    until_listed(&service, &["before"]).await;

    ask(&replica, "SELECT pg_wal_replay_pause()").await;
    let (item, _, _) = service.create("after").await;
    assert_eq!(listed(&service).await, ["before"]);
    let answer = service.get(&item).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    service
        .until_metrics(r#"db_client_connection_max{db_client_connection_pool_name="replica"} "#)
        .await;

    service
        .series("store_replica_lag_seconds", |lag| lag > 0.0)
        .await;
    service
        .series(&reads("answered"), |count| count >= 2.0)
        .await;

    ask(&replica, "SELECT pg_wal_replay_resume()").await;
    until_listed(&service, &["before", "after"]).await;
    service
        .series("store_replica_lag_seconds", |lag| lag == 0.0)
        .await;
    replica.stop();
    primary.stop();
}

#[tokio::test]
async fn a_replica_that_is_away_is_passed_over_and_asked_again() {
    let primary = Server::start().await;
    let mut replica = primary.replica().await;
    replica.kill();
    let service = behind(&primary, &replica).await;
    service.create("before").await;
    assert_eq!(listed(&service).await, ["before"]);
    service.until_probe("/readyz", StatusCode::OK).await;
    let passed_over = |line: &Value| line["message"] == "the replica was passed over";
    service.log_line(passed_over).await;
    // It is left alone for a while: the log is no place for each request.
    listed(&service).await;
    let lines = service.lines();
    assert_eq!(lines.iter().filter(|line| passed_over(line)).count(), 1);
    service.series(&reads("failed"), |count| count == 1.0).await;
    service.series(&reads("away"), |count| count == 1.0).await;
    let metrics = service.metrics().await;
    let mut lines = metrics.lines();
    let tells_lag = lines.any(|line| line.starts_with("store_replica_lag_seconds"));
    assert!(!tells_lag, "{metrics}");

    replica.start_again().await;
    until("it has caught up", async || count(&replica).await == 1).await;
    ask(&replica, "SELECT pg_wal_replay_pause()").await;
    service.create("after").await;
    until_listed(&service, &["before"]).await;
    replica.stop();
    primary.stop();
}

/// Reads by who has answered them.
fn reads(outcome: &str) -> String {
    format!("store_replica_reads_total{{store_replica_outcome=\"{outcome}\"}}")
}

async fn behind(primary: &Server, replica: &Server) -> Service {
    let settings = [
        ("APP_STORE__URL", primary.url()),
        ("APP_STORE__REPLICA_URL", replica.url()),
    ];
    Service::with(&settings).await
}

async fn listed(service: &Service) -> Vec<String> {
    let answer = service.get("/api/v1/items").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let page: Value = answer.json().await.unwrap();
    let items = page["items"].as_array().unwrap().iter();
    let names = items.map(|item| item["name"].as_str().unwrap().to_owned());
    names.collect()
}

async fn until_listed(service: &Service, names: &[&str]) {
    until("they are listed", async || listed(service).await == names).await;
}

async fn ask(server: &Server, sql: &'static str) {
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

/// How many items it has; none, as long as not even their table has come.
async fn count(server: &Server) -> i64 {
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    let count = sqlx::query_scalar("SELECT count(*) FROM items");
    count.fetch_one(&mut connection).await.unwrap_or(0)
}
