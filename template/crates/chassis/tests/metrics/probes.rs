//! The health layer outside of this one.

use axum_chassis::health::{Health, HealthLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::{DURATION, Observed, support::*};

#[tokio::test]
async fn a_probe_that_is_answered_outside_is_not_counted() {
    let observed = Observed::new();
    let service = ServiceBuilder::new()
        .layer(HealthLayer::new(Health::builder().build()))
        .layer(observed.layer.clone())
        .service(service_fn(async |_: Request<()>| {
            Ok::<_, Broken>(Response::new(Full::<Bytes>::default()))
        }));

    let answer = service.clone().oneshot(get("/livez")).await.unwrap();
    let said = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(said, "ok\n");
    assert_eq!(observed.series(DURATION), [""; 0]);

    read(service, get("/")).await;
    assert!(observed.only(DURATION).ends_with(" 1"));
}
