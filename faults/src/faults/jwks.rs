//! The provider of keys is down: the keys that are known stay good, and it is told.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::{
    fault::Outcome,
    issuer::{AUDIENCE, ISSUER, Issuer, Signer},
    load::thousands,
    probing::Probing,
    proxy::{Mode, Proxy},
    service::Service,
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str = "known keys stay good; 401 for unknown ones; without any key 503 and not ready; \
                        recovered by itself";

/// They do not hammer.
const PAUSE: Duration = Duration::from_millis(10);
/// A look at the provider for the sake of an unknown key included.
const TOLD: Duration = Duration::from_secs(6);
/// The longest pause between two looks at a provider that was down for so long.
const RETRY: Duration = Duration::from_secs(60);

const FAILED: &str = "axum_chassis_jwks_fetches_total{axum_chassis_jwks_outcome=\"connection\"";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (old, new) = (Signer::new()?, Signer::new()?);
    let issuer = Issuer::start(&old).await?;
    let proxy = Proxy::start(issuer.address).await?;
    let (cold_start, cold_status) = cold(&setup, &proxy, &old).await?;

    let service = start(&setup, &proxy).await?;
    service.until_probe("/readyz", 200).await?;
    let probing = Probing::begin(&service)?;
    proxy.behave(Mode::Refuse);
    // Keys that are fresh for a minute, five times: an hour is one of those that are
    // fresh for an hour, the most usual case.
    let lasting = setup.of(Duration::from_secs(300), Duration::from_secs(4));
    let begun = Instant::now();
    let (mut asked, mut lost) = (0u64, 0u64);
    while begun.elapsed() < lasting {
        let status = service.get_as(&old.bearer()?, "/api/v1/items").await?;
        asked += 1;
        lost += u64::from(status != 200);
        sleep(PAUSE).await;
    }
    let unknown = Instant::now();
    let stranger = service.get_as(&new.bearer()?, "/api/v1/items").await?;
    let told = unknown.elapsed();
    service.until_sum(FAILED, |fetches| fetches > 0.0).await?;
    let failed = service.sum(FAILED).await?;
    let probed = probing.end().await?;

    issuer.rotate(&new)?;
    proxy.behave(Mode::Pass);
    let recovered = match setup.quick {
        // Not before the pause for the sake of unknown keys is over.
        true => None,
        false => Some(until_good(&service, &new).await?),
    };
    Ok(Outcome::of(format!(
        "down for {} s, keys being fresh for 60 s (an hour, if they are for an hour); {} tokens, \
         each a new one",
        lasting.as_secs(),
        thousands(asked),
    ))
    .lost(format!(
        "{lost} requests; {}; an unknown key: {stranger} after {:.2} s; {failed} fetches told as \
         failed; started without any: {cold_status}, not ready",
        probed.told(),
        told.as_secs_f64(),
    ))
    .recovery(format!(
        "ready {:.2} s after the first keys{}",
        cold_start.as_secs_f64(),
        recovered.map_or_else(String::new, |time| format!(
            "; another key is good after {:.1} s",
            time.as_secs_f64()
        )),
    ))
    .goal(lost == 0, "a good token was refused")
    .goal(probed.red == 0, "a probe was red")
    .goal(
        stranger == 401 && told <= setup.within(TOLD),
        format!("{stranger} after {told:?}"),
    )
    .goal(cold_status == 503, format!("{cold_status} without any key"))
    .goal(cold_start <= RETRY, "ready too late")
    .goal(
        recovered.is_none_or(|time| time <= RETRY),
        "the new key is good too late",
    ))
}

/// A start while the provider is down: how long until it is ready when that is over, and
/// what a request got before.
async fn cold(setup: &Setup, proxy: &Proxy, signer: &Signer) -> Result<(Duration, u16)> {
    proxy.behave(Mode::Refuse);
    let service = start(setup, proxy).await?;
    let down = setup.of(Duration::from_secs(60), Duration::from_secs(2));
    let begun = Instant::now();
    let mut status = 503;
    while begun.elapsed() < down && status == 503 {
        status = service.get_as(&signer.bearer()?, "/api/v1/items").await?;
        sleep(PAUSE).await;
    }
    ensure!(
        service.probe("/readyz").await? == 503,
        "ready without any key"
    );
    ensure!(service.probe("/livez").await? == 200, "liveness is red");
    proxy.behave(Mode::Pass);
    let up = Instant::now();
    while service.probe("/readyz").await? != 200 {
        ensure!(up.elapsed() < RETRY * 3, "it is never ready");
        sleep(PAUSE).await;
    }
    Ok((up.elapsed(), status))
}

/// Does not wait until it is ready.
async fn start(setup: &Setup, proxy: &Proxy) -> Result<Service> {
    let url = postgres::new_database().await;
    let keys = format!("http://{}/jwks", proxy.address);
    let settings = [
        ("APP_STORE__URL", &*url),
        ("APP_AUTH__ISSUERS__PROVIDER__ISSUER", ISSUER),
        ("APP_AUTH__ISSUERS__PROVIDER__AUDIENCE", AUDIENCE),
        ("APP_AUTH__ISSUERS__PROVIDER__JWKS_URL", &*keys),
    ];
    let mut command = setup.command();
    command.arg("serve");
    // Tokens are the issuer's own.
    Service::listening(setup, String::new(), command, &settings).await
}

async fn until_good(service: &Service, signer: &Signer) -> Result<Duration> {
    let begun = Instant::now();
    while service.get_as(&signer.bearer()?, "/api/v1/items").await? != 200 {
        ensure!(begun.elapsed() < RETRY * 2, "a new key is never good");
        sleep(Duration::from_millis(500)).await;
    }
    Ok(begun.elapsed())
}
