//! OTLP without gRPC: from small clients, and from browsers.

use anyhow::{Result, ensure};
use prost::Message;
use reqwest::{Client, Method};

use crate::{
    modes,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, Trace, requests},
};

const PAGE: &str = "https://www.example.com";
const STRANGER: &str = "https://www.example.org";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let sink = Sink::start().await?;
    let mut settings = modes::all_are_kept();
    settings.push(("COLLECTOR_CORS_ORIGINS", format!("[{PAGE}]")));
    let agent = modes::agent(&setup, &sink, &settings).await?;
    let url = format!("http://{}/v1/traces", agent.http());
    let http = Client::new();
    let traces = [Trace::new(Kind::Ordinary)];
    for request in requests(&traces) {
        let answer = http
            .post(&url)
            .header("content-type", "application/x-protobuf")
            .body(request.encode_to_vec())
            .send()
            .await?;
        ensure!(answer.status().is_success(), "it was {}", answer.status());
    }
    sink.until("all spans have come", |sink| sink.torn(&traces) == 0)
        .await?;
    let page = allowed(&http, &url, PAGE).await?;
    let stranger = allowed(&http, &url, STRANGER).await?;
    Ok(Outcome::of(format!(
        "a trace came; a browser may send from {PAGE}, and from no other page"
    ))
    .goal(
        page.as_deref() == Some(PAGE),
        format!("a page is allowed {page:?}"),
    )
    .goal(
        stranger.is_none(),
        format!("a stranger is allowed {stranger:?}"),
    ))
}

/// Asks as a browser does before it sends.
async fn allowed(http: &Client, url: &str, origin: &str) -> Result<Option<String>> {
    let answer = http
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .send()
        .await?;
    let allowed = answer.headers().get("access-control-allow-origin");
    Ok(allowed.and_then(|value| Some(value.to_str().ok()?.to_owned())))
}
