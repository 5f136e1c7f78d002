//! What the keys mean for readiness.

use std::time::Duration;

use axum_chassis::{
    health::{Check, Health},
    jwt::Keys,
};

use crate::{Endpoint, Live, Signer, eventually, jwks};

const HOUR: Duration = Duration::from_secs(3600);

fn started(check: Check) -> Health {
    let check = check.interval(Check::MIN_INTERVAL).staleness(HOUR);
    let health = Health::builder().check(check).build();
    health.mark_started();
    health
}

#[tokio::test]
async fn the_service_is_not_ready_before_there_are_keys_and_stays_so_after() {
    let signer = Signer::new("a");
    let endpoint = Endpoint::with("").await;
    endpoint.fail(500);
    let live = Live::spawn(endpoint.keys());
    let health = started(live.keys.available_check("keys"));
    let _checks = health.spawn();
    assert!(live.authenticate(&signer).await.is_err());
    assert!(!health.is_ready());

    endpoint.publish(jwks(&[&signer]));
    eventually("ready", || health.is_ready()).await;
    endpoint.fail(500);
    assert!(live.authenticate(&Signer::new("b")).await.is_err());
    assert!(health.is_ready());
}

#[tokio::test]
async fn keys_that_are_old_are_a_warning_and_no_more() {
    let signer = Signer::new("a");
    let endpoint = Endpoint::with(jwks(&[&signer])).await;
    let live = Live::spawn(endpoint.keys());
    assert_eq!(live.authenticate(&signer).await, Ok(()));

    let fresh = started(live.keys.fresh_check("keys", HOUR));
    let stale = started(live.keys.fresh_check("keys", Duration::ZERO));
    let _checks = (fresh.spawn(), stale.spawn());
    eventually("fresh", || report(&fresh).contains(r#""status":"pass""#)).await;
    eventually("stale", || {
        report(&stale).contains("no look at the keys for 0 s")
    })
    .await;
    assert!(report(&stale).contains(r#""status":"warn""#));
    assert!(stale.is_ready());
}

#[tokio::test]
async fn keys_that_never_change_are_always_good() {
    let keys = Keys::from(crate::issuer::hs256_key());
    for check in [
        keys.available_check("keys"),
        keys.fresh_check("keys", Duration::ZERO),
    ] {
        let health = started(check);
        let _checks = health.spawn();
        eventually("good", || report(&health).contains(r#""time""#)).await;
        assert!(!report(&health).contains("warn") && health.is_ready());
    }
}

/// What `/readyz` says to who reads JSON.
fn report(health: &Health) -> String {
    use axum_chassis::health::HealthLayer;
    use http_body_util::{BodyExt, Full};
    use std::task::{Context, Poll, Waker};
    use tower::{Layer, ServiceExt, service_fn};

    let nobody = service_fn(async |_: http::Request<()>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(Full::<bytes::Bytes>::default()))
    });
    let request = http::Request::get("/readyz")
        .header(http::header::ACCEPT, "application/health+json")
        .body(())
        .unwrap();
    let service = HealthLayer::new(health.clone()).layer(nobody);
    let read = async { service.oneshot(request).await.unwrap().collect().await };
    match std::pin::pin!(read).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(body) => String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap(),
        Poll::Pending => panic!("the probe waits"),
    }
}
