//! Handlers panic under load: each is a 500 that is counted, and nobody else is hurt.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use http_body_util::BodyExt;
use hyper::{StatusCode, Version};
use tokio::task::JoinSet;

use crate::{
    fault::Outcome,
    load::{
        asking::{Asking, Target},
        thousands,
    },
    service::{Service, until},
    setup::Setup,
    shared::{
        client::{Client, Sent, Transport},
        postgres,
    },
};

pub const GOAL: &str = "each a 500 that is counted; nothing else lost";

const COUNTED: &str = "process_panics_total";
const ANSWERED: &str = "http_server_request_duration_seconds_count{";
const OTHERS: [(Version, usize); 2] = [(Version::HTTP_11, 8), (Version::HTTP_2, 2)];
/// How many the handlers of `/panic/at-once` wait for.
const AT_ONCE: usize = 1000;

pub async fn run(setup: Setup) -> Result<Outcome> {
    let in_a_row = setup.of(20_000, 500);
    let database = postgres::new_database().await;
    let settings = [
        ("APP_STORE__URL", &*database),
        ("APP_HTTP2__PING_TIMEOUT", "1m"),
        ("APP_HTTP__REQUEST_TIMEOUT", "1m"),
    ];
    let service = Service::of(&setup, &panicking(&setup)?, &settings).await?;
    let target = Target::items(&service);
    let others = Asking::begin(&target, &OTHERS);
    let warm = until(async || others.tally.succeeded() > 100).await;
    ensure!(warm, "no load: {}", others.tally.told());

    let mut connections = Vec::new();
    for _ in 0..10 {
        let client = Client::connect(&Transport::Plain, Version::HTTP_2, service.public);
        connections.push(client.await?);
    }
    let mut answered = 0;
    for number in 0..in_a_row {
        let client = &mut connections[number % 10];
        answered += panic(client, "/panic", &target).await?;
    }
    let mut at_once = JoinSet::new();
    for number in 0..AT_ONCE {
        let Client::Http2(sender) = &connections[number % 10] else {
            bail!("no HTTP/2");
        };
        let (mut client, target) = (Client::Http2(sender.clone()), target.clone());
        at_once.spawn(async move { panic(&mut client, "/panic/at-once", &target).await });
    }
    while let Some(one) = at_once.join_next().await {
        answered += one??;
    }
    let alive = service.probe("/livez").await? == 200 && service.probe("/readyz").await? == 200;
    others.stop_asking();
    let others = others.finished().await;

    let all = in_a_row + AT_ONCE;
    let counted = service.sum(COUNTED).await?;
    let spans = service
        .sum_where(ANSWERED, r#"http_response_status_code="500""#)
        .await?;
    Ok(Outcome::of(format!(
        "{} in a row and {AT_ONCE} at once, beside 10 other clients",
        thousands(in_a_row as u64)
    ))
    .lost(format!(
        "{} of {all} 500s; of the others {}",
        all - answered,
        others.told()
    ))
    .goal(answered == all, format!("{answered} answers of {all}"))
    .goal(counted == all as f64, format!("{counted} panics counted"))
    .goal(spans == all as f64, format!("{spans} 500s counted"))
    .goal(others.failed() == 0, "another request is lost")
    .goal(alive, "a probe was red"))
}

/// The service with routes that panic, built beside this one.
fn panicking(_: &Setup) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("no folder")?.join("panicking"))
}

/// Asks for a panic: 1 if it is answered as it must be.
async fn panic(client: &mut Client, path: &str, target: &Target) -> Result<usize> {
    match client.send_request(target.request_of(path)).await {
        Sent::Answered(answer) if answer.status() == StatusCode::INTERNAL_SERVER_ERROR => {
            answer.into_body().collect().await?;
            Ok(1)
        }
        Sent::Answered(_) | Sent::Unsent | Sent::Lost(_) => Ok(0),
    }
}
