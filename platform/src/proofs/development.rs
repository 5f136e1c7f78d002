//! The mode that shows.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::{
    addresses::free_address,
    client::Client,
    collector::Collector,
    proof::Outcome,
    setup::Setup,
    spans::{Kind, Trace, text},
};

const PATIENCE: Duration = Duration::from_secs(60);
const PERSON: &str = "jane.doe@example.org";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let [profiles, pages] = [(); 2].map(|()| free_address().port());
    let settings = [
        ("COLLECTOR_PPROF_PORT", profiles.to_string()),
        ("COLLECTOR_ZPAGES_PORT", pages.to_string()),
    ];
    let composition = setup.composition("development")?;
    let collector = Collector::start(&setup, "development", composition, &settings).await?;
    let trace = Trace::new(Kind::Failed).with(vec![text("app.note", PERSON)]);
    let client = Client::plain(&collector.grpc())?;
    client.traces(&[trace], 1).await?;
    let begun = Instant::now();
    while !collector.log()?.contains("out of stock") {
        ensure!(
            begun.elapsed() < PATIENCE,
            "no span is shown:\n{}",
            collector.log()?
        );
        sleep(Duration::from_millis(50)).await;
    }
    let log = collector.log()?;
    let mut outcome = Outcome::of(
        "each span with its attributes in the log, what is personal masked; profiles and pages",
    )
    .goal(log.contains("app.note"), "attributes are not shown")
    .goal(!log.contains(PERSON), "a person is shown");
    for page in [
        format!("{profiles}/debug/pprof/heap"),
        format!("{pages}/debug/pipelinez"),
    ] {
        let answer = reqwest::get(format!("http://127.0.0.1:{page}")).await?;
        outcome = outcome.goal(
            answer.status().is_success(),
            format!("{page}: {}", answer.status()),
        );
    }
    Ok(outcome)
}
