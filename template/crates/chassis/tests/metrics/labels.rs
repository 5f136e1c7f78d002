//! Labels of one's own.

use axum_chassis::metrics::Labels;
use http::Response;

use crate::{DURATION, Observed, label, support::*};

/// A response with labels.
fn labelled(labels: &[(&'static str, &'static str)]) -> Response<Script> {
    let mut response = with_status(200);
    response
        .extensions_mut()
        .insert(Labels::new(labels.iter().copied()));
    response
}

#[tokio::test]
async fn a_label_of_the_request_is_one_of_the_series() {
    let observed = Observed::with(|layer| layer.label("tenant.tier"));
    let mut request = get("/");
    let labels = Labels::new([("tenant.tier", "gold")]);
    request.extensions_mut().insert(labels);
    read(observed.around(sends(&[])), request).await;
    assert_eq!(label(&observed.only(DURATION), "tenant_tier"), "gold");
}

#[tokio::test]
async fn the_label_of_the_response_wins() {
    let observed = Observed::with(|layer| layer.label("cache").label("tier"));
    let service = answers(|| labelled(&[("cache", "hit")]));
    let mut request = get("/");
    let labels = Labels::new([("cache", "unknown"), ("tier", "gold")]);
    request.extensions_mut().insert(labels);
    read(observed.around(service), request).await;

    let series = observed.only(DURATION);
    assert_eq!(label(&series, "cache"), "hit");
    assert_eq!(label(&series, "tier"), "gold");
}

#[tokio::test]
async fn a_label_that_the_layer_was_not_told_is_none() {
    for observed in [
        Observed::new(),
        Observed::with(|layer| layer.label("cache")),
    ] {
        let service = answers(|| labelled(&[("user.id", "ada")]));
        read(observed.around(service), get("/")).await;
        assert!(!observed.only(DURATION).contains("ada"));
    }
}

#[tokio::test]
async fn a_label_cannot_take_the_place_of_one_of_the_conventions() {
    let observed = Observed::with(|layer| layer.label("http.response.status_code"));
    let service = answers(|| labelled(&[("http.response.status_code", "teapot")]));
    read(observed.around(service), get("/")).await;
    let status = label(&observed.only(DURATION), "http_response_status_code");
    assert_eq!(status, "200");
}

#[tokio::test]
async fn values_of_a_label_are_under_the_ceiling_too() {
    let observed = Observed::with(|layer| layer.label("user").series_ceiling(10));
    for n in 0..100 {
        let mut request = get("/");
        let labels = Labels::new([("user", n.to_string())]);
        request.extensions_mut().insert(labels);
        read(observed.around(sends(&[])), request).await;
    }
    assert_eq!(observed.series(DURATION).len(), 11);
}
