//! How many series there are, whatever clients send.

use axum_chassis::Route;
use http::Method;

use crate::{DURATION, Observed, label, support::*};

const OVERFLOWED: &str = "axum_chassis_overflowed_requests_total";

/// How many requests a series counts.
fn count(series: &str) -> u64 {
    let (_, count) = series.rsplit_once(' ').expect("labels and a value");
    count.parse().expect("a count")
}

#[tokio::test]
async fn beyond_the_ceiling_is_one_series_and_a_count() {
    let observed = Observed::with(|layer| layer.series_ceiling(3));
    let service = observed.around(sends(&[]));
    for n in 0..10 {
        let mut request = get("/");
        let route = Route::new(format!("/{}", n % 5));
        request.extensions_mut().insert(route);
        read(service.clone(), request).await;
    }
    let series = observed.series(DURATION);
    let mut told: Vec<_> = series
        .iter()
        .map(|series| (label(series, "http_route"), count(series)))
        .collect();
    told.sort();
    let expected = [("", 4), ("/0", 2), ("/1", 2), ("/2", 2)];
    assert_eq!(told, expected.map(|(route, n)| (route.to_owned(), n)));
    assert!(series.contains(&r#"{otel_metric_overflow="true"} 4"#.to_owned()));
    assert_eq!(observed.value(OVERFLOWED), "4");
}

#[tokio::test]
async fn nothing_has_overflowed_at_first() {
    assert_eq!(Observed::new().value(OVERFLOWED), "0");
}

#[tokio::test]
async fn ten_thousand_made_up_requests_stay_under_the_ceiling() {
    const CEILING: usize = 50;
    let observed = Observed::with(|layer| layer.series_ceiling(CEILING));
    let methods = ["GET", "POST", "get", "BREW", "PATCH"];
    for n in 0..10_000_u64 {
        // Any number, always the same.
        let random = (n * 2_654_435_761) % 4_294_967_296;
        let mut request = get(&format!("/{random:x}?q={n}"));
        *request.method_mut() = match methods.get(random as usize % 7) {
            Some(method) => method.parse().unwrap(),
            None => Method::from_bytes(format!("M{random}").as_bytes()).unwrap(),
        };
        if random % 3 == 0 {
            // As if someone made routes of paths.
            let route = Route::new(format!("/{random:x}"));
            request.extensions_mut().insert(route);
        }
        let status = 200 + (random % 400) as u16;
        let service = observed.around(answers(move || with_status(status)));
        read(service, request).await;
    }
    let series = observed.series(DURATION);
    assert_eq!(series.len(), CEILING + 1);
    assert_eq!(
        series.iter().map(|series| count(series)).sum::<u64>(),
        10_000
    );
}

#[tokio::test]
async fn durations_have_the_buckets_that_were_asked_for() {
    let observed = Observed::with(|layer| layer.duration_boundaries([0.5, 60.0]));
    read(observed.around(sends(&[])), get("/")).await;
    let buckets = observed.series("http_server_request_duration_seconds_bucket");
    let bounds: Vec<_> = buckets.iter().map(|bucket| label(bucket, "le")).collect();
    assert_eq!(bounds, ["0.5", "60", "+Inf"]);
}
