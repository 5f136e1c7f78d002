//! What an agent has by itself: lines in files, and the machine.

use std::{collections::BTreeMap, fs::File, io::Write, time::Duration};

use anyhow::Result;
use opentelemetry_proto::tonic::{common::v1::any_value::Value, logs::v1::LogRecord};
use tokio::time::sleep;

use crate::{modes, proof::Outcome, setup::Setup, sink::Sink};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let lines = setup.of(20_000, 2_000);
    let folder = tempfile::tempdir()?;
    let mut log = File::create(folder.path().join("service.log"))?;
    let mut sink = Sink::start().await?;
    let settings = [
        (
            "COLLECTOR_LOG_FILES",
            format!("[{}/*.log]", folder.path().display()),
        ),
        ("COLLECTOR_HOST_INTERVAL", "1s".to_owned()),
    ];
    let mut agent = modes::agent(&setup, &sink, &settings).await?;
    write(&mut log, 0..lines / 2)?;
    sink.until("some lines have come", |sink| !sink.logs().is_empty())
        .await?;
    // Away, killed, back: and lines that are written meanwhile.
    sink.go_away().await;
    write(&mut log, lines / 2..lines * 3 / 4)?;
    sleep(Duration::from_secs(1)).await;
    agent.kill()?;
    write(&mut log, lines * 3 / 4..lines)?;
    agent.start_again().await?;
    sink.come_back().await?;
    sink.until("all lines have come", |sink| {
        numbers(&sink.logs()).len() == lines
    })
    .await?;
    let logs = sink.logs();
    let again = numbers(&logs).values().filter(|times| **times > 1).count();
    let parsed = logs.iter().filter(|record| is_parsed(record)).count();
    let metrics = sink.metrics();
    let has = |name: &str| metrics.iter().any(|metric| metric.name == name);
    let wanted = [
        "system.cpu.time",
        "system.memory.usage",
        "system.filesystem.usage",
    ];
    let missing: Vec<_> = wanted.iter().filter(|name| !has(name)).collect();
    Ok(Outcome::of(format!(
        "{lines} lines, the back end away and the agent killed in between: all came, {again} of them twice, each with level and trace; {} metrics of the host",
        metrics.iter().map(|m| m.name.as_str()).collect::<std::collections::BTreeSet<_>>().len()
    ))
    .goal(parsed == logs.len(), format!("{} lines are not parsed", logs.len() - parsed))
    .goal(again <= lines / 10, "too many came twice")
    .goal(missing.is_empty(), format!("no {missing:?}")))
}

fn write(log: &mut File, numbers: std::ops::Range<usize>) -> Result<()> {
    for number in numbers {
        writeln!(
            log,
            r#"{{"timestamp":"2026-11-25T12:00:00.000001Z","level":"WARN","message":"line","number":"{number}","trace_id":"{TRACE}","span_id":"00f067aa0ba902b7"}}"#
        )?;
    }
    Ok(())
}

/// How often each line has come.
fn numbers(logs: &[LogRecord]) -> BTreeMap<String, usize> {
    let mut numbers = BTreeMap::new();
    for record in logs {
        *numbers.entry(attribute(record, "number")).or_default() += 1;
    }
    numbers
}

fn is_parsed(record: &LogRecord) -> bool {
    let body = record.body.as_ref().and_then(|body| body.value.clone());
    record.severity_text == "WARN"
        && record.trace_id.len() == TRACE.len() / 2
        && record.time_unix_nano % 1_000_000 == 1_000
        && body == Some(Value::StringValue("line".to_owned()))
}

fn attribute(record: &LogRecord, key: &str) -> String {
    let found = record
        .attributes
        .iter()
        .find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.clone());
    match value {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    }
}
