//! HTTP/2 by RFC 9113, on the wire: what a client may not do, and what it may.

mod cases;
mod floods;

use anyhow::Result;

use self::cases::Answer;

use crate::{
    fault::Outcome, load::thousands, probing::Probing, service::Service, setup::Setup, usage,
};

pub const RULES: &str = "each answered as RFC 9113 says";
pub const FLOODS: &str = "each cut or held back; probes green; memory + 8 MiB at most";

const MEMORY_MIB: f64 = 8.0;

/// What is said once, and how it is answered.
pub async fn rules(setup: Setup) -> Result<Outcome> {
    let service = Service::start(&setup, &[]).await?;
    let cases = cases::all();
    let (mut wrong, mut unspecific) = (Vec::new(), 0);
    for case in &cases {
        match case.check(service.public).await {
            Ok(Answer::Exact) => {}
            Ok(Answer::Unspecific) => unspecific += 1,
            Err(error) => wrong.push(format!("{}: {error:#}", case.name)),
        }
    }
    let alive = service.probe("/readyz").await? == 200;
    Ok(Outcome::of(format!("{} sequences of frames", cases.len()))
        .lost(format!(
            "{} of {} answers; {unspecific} by PROTOCOL_ERROR instead of a closer code",
            wrong.len(),
            cases.len()
        ))
        .goal(wrong.is_empty(), wrong.join("; "))
        .goal(alive, "the service is not ready any more"))
}

/// What is said without end.
pub async fn floods(setup: Setup) -> Result<Outcome> {
    let frames = setup.of(1_000_000, 50_000);
    let service = Service::start(&setup, &[]).await?;
    let floods = floods::all(&service.bearer());
    for flood in &floods {
        flood.send(service.public, 1000).await?;
    }
    let before = service.usage()?;
    usage::forget_peak(service.id())?;
    let probing = Probing::begin(&service)?;
    let mut told = Vec::new();
    for flood in &floods {
        let sent = flood.send(service.public, frames).await?;
        told.push(format!("{} {sent}", flood.name));
    }
    let probed = probing.end().await?;
    let grown = service.usage()?.peak_over(&before);
    Ok(Outcome::of(format!(
        "{} floods of up to {} frames",
        floods.len(),
        thousands(frames as u64)
    ))
    .lost(probed.told())
    .recovery(format!("{}; memory + {grown:.1} MiB", told.join(", ")))
    .goal(probed.red == 0, "a probe was red")
    .goal(grown <= MEMORY_MIB, "too much memory"))
}
