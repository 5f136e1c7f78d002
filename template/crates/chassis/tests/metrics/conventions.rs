//! What a series tells by the semantic conventions.

use axum_chassis::Route;
use http::{Method, Request, Version, header::CONTENT_LENGTH, uri::Scheme};

use crate::{ACTIVE, DURATION, Observed, RESPONSE_SIZE, ended, support::*};

#[tokio::test]
async fn a_request_has_the_attributes_of_the_conventions() {
    let observed = Observed::new();
    let mut request = Request::post("/items/7?secret=1")
        .version(Version::HTTP_2)
        .header(CONTENT_LENGTH, "12")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Route::new("/items/{id}"));
    request.extensions_mut().insert(Scheme::HTTPS);

    let service = observed.around(sends(&[Step::Data("hello")]));
    read(service, request).await;

    let labels = r#"{http_request_method="POST",http_response_status_code="200",http_route="/items/{id}",network_protocol_version="2",url_scheme="https"}"#;
    assert_eq!(observed.only(DURATION), format!("{labels} 1"));
    assert_eq!(observed.only(RESPONSE_SIZE), format!("{labels} 5"));
    assert_eq!(
        observed.only("http_server_request_body_size_bytes_sum"),
        format!("{labels} 12")
    );
    assert_eq!(
        observed.only(ACTIVE),
        r#"{http_request_method="POST",url_scheme="https"} 0"#
    );
}

#[tokio::test]
async fn durations_have_the_buckets_of_the_conventions() {
    let observed = Observed::new();
    read(observed.around(sends(&[])), get("/")).await;

    let buckets = observed.series("http_server_request_duration_seconds_bucket");
    let bounds = buckets.iter().filter_map(|bucket| {
        let (_, bound) = bucket.split_once("le=\"")?;
        Some(bound.split_once('"')?.0)
    });
    assert_eq!(
        bounds.collect::<Vec<_>>().join(" "),
        "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf"
    );
}

#[tokio::test]
async fn made_up_paths_and_methods_make_one_series() {
    let observed = Observed::new();
    let service = observed.around(sends(&[]));
    for n in 0..100 {
        let method = Method::from_bytes(format!("MADE{n}").as_bytes()).unwrap();
        let mut request = get(&format!("/made/up/{n}"));
        *request.method_mut() = method;
        read(service.clone(), request).await;
    }
    assert_eq!(
        observed.only(DURATION),
        r#"{http_request_method="_OTHER",http_response_status_code="200",network_protocol_version="1.1",url_scheme="http"} 100"#
    );
}

#[tokio::test]
async fn the_methods_that_are_known_can_be_others() {
    use crate::label;

    let observed = Observed::with(|layer| layer.known_methods(["GET", "PROPFIND"]));
    for method in ["PROPFIND", "POST"] {
        let mut request = get("/");
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        read(observed.around(sends(&[])), request).await;
    }
    for name in [DURATION, ACTIVE] {
        let series = observed.series(name).into_iter();
        let methods = series.map(|series| label(&series, "http_request_method"));
        let mut methods: Vec<_> = methods.collect();
        methods.sort();
        assert_eq!(methods, ["PROPFIND", "_OTHER"], "{name}");
    }
}

#[tokio::test]
async fn a_server_error_has_its_status_as_type_and_a_client_error_has_none() {
    for (status, error_type) in [(404, ""), (503, "503")] {
        let observed = Observed::new();
        let service = answers(move || with_status(status));
        read(observed.around(service), get("/")).await;
        assert_eq!(observed.ending(), ended(&status.to_string(), error_type));
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_router_is_scraped_by_its_templates() {
    use axum::{Router, routing::get};

    use crate::label;

    let observed = Observed::new();
    let app = Router::new()
        .route("/items/{id}", get(async || "hello"))
        .layer(observed.layer.clone());

    let answers = serve(
        app,
        asks(&["GET /items/7", "HEAD /items/8", "GET /nowhere"]),
    )
    .await;

    assert!(answers[0].ends_with("hello"), "{answers:?}");
    let requests = observed.series(DURATION).into_iter().map(|series| {
        assert_eq!(label(&series, "error_type"), "");
        [
            "http_request_method",
            "http_route",
            "http_response_status_code",
        ]
        .map(|name| label(&series, name))
        .join(" ")
    });
    let mut requests: Vec<_> = requests.collect();
    requests.sort();
    assert_eq!(
        requests,
        ["GET  404", "GET /items/{id} 200", "HEAD /items/{id} 200"]
    );
}
