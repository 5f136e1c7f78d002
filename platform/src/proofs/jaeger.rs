//! Spans as clients of Jaeger send them, by each of its four protocols.

use std::{
    net::UdpSocket,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};

use crate::{
    addresses::free_address, collector::Collector, modes, proof::Outcome, setup::Setup, sink::Sink,
};

mod grpc;
mod thrift;

use self::thrift::Encoding;

const SERVICE: &str = "old-shop";

/// What a protocol calls a span.
pub struct JaegerSpan {
    pub trace_id: u128,
    pub span_id: u64,
    pub name: &'static str,
    pub start_microseconds: u64,
    pub duration_microseconds: u64,
}

impl JaegerSpan {
    fn new(name: &'static str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            trace_id: fastrand::u128(1..),
            // Thrift has no unsigned numbers.
            span_id: fastrand::u64(1..1 << 62),
            name,
            start_microseconds: now.unwrap_or_default().as_micros() as u64,
            duration_microseconds: 1_500,
        }
    }
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let sink = Sink::start().await?;
    let ports = [(); 4].map(|()| free_address().port());
    let mut settings = modes::all_are_kept();
    let names = [
        "COLLECTOR_JAEGER_GRPC_PORT",
        "COLLECTOR_JAEGER_HTTP_PORT",
        "COLLECTOR_JAEGER_COMPACT_PORT",
        "COLLECTOR_JAEGER_BINARY_PORT",
    ];
    settings.extend(names.into_iter().zip(ports.iter().map(u16::to_string)));
    settings.push(("COLLECTOR_TRACES_FROM", "[otlp, jaeger]".to_owned()));
    let composition = setup.composition("agent")?.and("receive-jaeger.yaml");
    let _agent: Collector = modes::agent_of(&setup, composition, &sink, &settings).await?;
    let spans = ["by gRPC", "by HTTP", "by compact UDP", "by binary UDP"].map(JaegerSpan::new);
    grpc::send(&format!("127.0.0.1:{}", ports[0]), SERVICE, &spans[0]).await?;
    by_http(ports[1], &spans[1]).await?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let compact = thrift::message(Encoding::Compact, SERVICE, &spans[2]);
    socket.send_to(&compact, ("127.0.0.1", ports[2]))?;
    let binary = thrift::message(Encoding::Binary, SERVICE, &spans[3]);
    socket.send_to(&binary, ("127.0.0.1", ports[3]))?;
    sink.until("a span of each protocol has come", |sink| {
        sink.counted() >= 4
    })
    .await?;
    let come = sink.spans();
    let mut outcome =
        Outcome::of("a span each by gRPC, Thrift over HTTP, compact and binary over UDP");
    for sent in &spans {
        let trace_id = sent.trace_id.to_be_bytes().to_vec();
        let found = come.iter().find(|seen| seen.span.trace_id == trace_id);
        let is_right = found.is_some_and(|seen| {
            let (span, duration) = (&seen.span, sent.duration_microseconds * 1_000);
            span.name == sent.name
                && span.span_id == sent.span_id.to_be_bytes()
                && span.end_time_unix_nano - span.start_time_unix_nano == duration
                && seen
                    .of_resource("service.name")
                    .is_some_and(|name| name == SERVICE)
        });
        outcome = outcome.goal(is_right, format!("{}: {found:?}", sent.name));
    }
    Ok(outcome)
}

async fn by_http(port: u16, span: &JaegerSpan) -> Result<()> {
    let answer = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{port}/api/traces"))
        .header("content-type", "application/x-thrift")
        .body(thrift::batch(Encoding::Binary, SERVICE, span))
        .send()
        .await?;
    ensure!(answer.status().is_success(), "HTTP: {}", answer.status());
    Ok(())
}
