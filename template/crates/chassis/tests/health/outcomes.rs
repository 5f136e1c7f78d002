//! The check of what happens anyway.

use std::time::Duration;

use axum_chassis::health::Outcomes;
use tokio::time::advance;

use crate::{Alone, eventually, report};

const TOLERANCE: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn it_fails_when_nothing_went_well_for_longer_than_tolerated() {
    let feed = Outcomes::default();
    let alone = Alone::run(feed.check("feed", TOLERANCE)).await;
    assert_eq!(alone.told(), "", "nothing has happened");

    feed.failed("refused");
    advance(TOLERANCE - Duration::from_secs(10)).await;
    feed.failed("timed out");
    advance(Duration::from_secs(5)).await;
    assert_eq!(alone.status(), "pass");
    eventually("failed", || alone.told() == "failing for 5m: timed out").await;
    assert_eq!(alone.status(), "warn");

    feed.succeeded();
    eventually("passed", || alone.told().is_empty()).await;
    assert_eq!(alone.status(), "pass");
}

#[tokio::test(start_paused = true)]
async fn a_success_in_between_forgets_the_failures_before() {
    let feed = Outcomes::default();
    let alone = Alone::run(feed.check("feed", TOLERANCE)).await;
    for _ in 0..10 {
        feed.failed("refused");
        advance(TOLERANCE / 2).await;
        feed.clone().succeeded();
    }
    feed.failed("refused");
    let told_at = || report(&alone.health)["checks"]["feed"][0]["time"].clone();
    advance(TOLERANCE / 2).await;
    let before = told_at();
    eventually("run again", || told_at() != before).await;
    assert_eq!(alone.told(), "");
}
