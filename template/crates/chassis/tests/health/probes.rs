use axum_chassis::health::{Health, HealthLayer};
use http::{
    Method, Request, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};

use crate::{at_once, get, passes, status, text};

/// What the probes say: live, ready, started.
fn probes(health: &Health) -> [u16; 3] {
    ["/livez", "/readyz", "/startupz"].map(|path| status(health, path))
}

#[test]
fn the_probes_follow_the_life_of_the_process() {
    let health = Health::builder().build();
    assert_eq!(probes(&health), [200, 503, 503]);
    health.mark_started();
    assert_eq!(probes(&health), [200, 200, 200]);
    health.mark_draining();
    assert_eq!(probes(&health), [200, 503, 200]);
}

#[test]
fn what_drains_before_it_has_started_does_not_become_ready() {
    let health = Health::builder().build();
    health.mark_draining();
    health.mark_started();
    assert!(health.is_started() && health.is_draining() && !health.is_ready());
    assert_eq!(probes(&health), [200, 503, 200]);
}

#[test]
fn a_clone_is_the_same_handle() {
    let health = Health::builder().build();
    let layer = HealthLayer::new(health.clone());
    health.clone().mark_started();
    let request = Request::get("/readyz").body(()).unwrap();
    assert_eq!(at_once(&layer, request).status(), StatusCode::OK);
}

#[test]
fn an_answer_is_a_word_that_nobody_stores() {
    let health = Health::builder().build();
    let live = get(&health, "/livez");
    assert_eq!(live.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(live.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(text(live), "ok\n");
    assert_eq!(text(get(&health, "/readyz")), "unavailable\n");
}

#[test]
fn head_is_get_without_the_body() {
    let health = Health::builder().build();
    for path in ["/livez", "/readyz", "/livez?verbose"] {
        let head = Request::head(path).body(()).unwrap();
        let head = at_once(&HealthLayer::new(health.clone()), head);
        let get = get(&health, path);
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.headers(), get.headers(), "{path}");
        let length = head.headers()[CONTENT_LENGTH].to_str().unwrap().to_owned();
        assert_eq!(text(get).len().to_string(), length, "{path}");
        assert_eq!(text(head), "", "{path}");
    }
}

#[test]
fn other_methods_are_not_allowed_and_change_nothing() {
    let health = Health::builder().build();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder()
            .method(method)
            .uri("/livez")
            .body(())
            .unwrap();
        let answer = at_once(&HealthLayer::new(health.clone()), request);
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()[ALLOW], "GET, HEAD");
    }
}

#[test]
fn the_paths_may_lie_below_one_another() {
    let health = Health::builder().check(passes("ready")).build();
    let layer = HealthLayer::new(health)
        .live_path("/health")
        .ready_path("/health/ready")
        .startup_path("/health/started");
    let status = |path: &str| {
        at_once(&layer, Request::get(path).body(()).unwrap())
            .status()
            .as_u16()
    };
    let paths = ["/health", "/health/ready", "/health/started", "/health/x"];
    assert_eq!(paths.map(status), [200, 503, 503, 418]);
}

#[test]
fn a_probe_may_be_the_root() {
    let layer = HealthLayer::new(Health::builder().build()).live_path("/");
    let root = Request::get("/?a=b").body(()).unwrap();
    assert_eq!(at_once(&layer, root).status(), StatusCode::OK);
}

#[test]
fn a_path_begins_with_a_slash_told_or_not() {
    let layer = HealthLayer::new(Health::builder().build()).live_path("alive");
    let alive = Request::get("/alive").body(()).unwrap();
    assert_eq!(at_once(&layer, alive).status(), StatusCode::OK);
}

#[test]
fn every_other_path_is_passed_on() {
    let health = Health::builder().check(passes("store")).build();
    let paths = [
        "/",
        "/livez/",
        "/livez/x",
        "/livezx",
        "/Livez",
        "/healthz",
        "/a/livez",
        "/readyz/",
        "/readyz/other",
        "/readyz/store/",
        "/startupz/store",
        "/livez/store",
        "/readyzstore",
        "*",
    ];
    for path in paths {
        assert_eq!(text(get(&health, path)), "teapot", "{path}");
    }
    let post = Request::post("/items").body(()).unwrap();
    assert_eq!(text(at_once(&HealthLayer::new(health), post)), "teapot");
}

#[test]
fn the_paths_can_be_others() {
    let health = Health::builder().build();
    let layer = HealthLayer::new(health)
        .live_path("/alive")
        .ready_path("/ready")
        .startup_path("/started");
    let status = |path: &str| {
        at_once(&layer, Request::get(path).body(()).unwrap())
            .status()
            .as_u16()
    };
    assert_eq!(
        ["/alive", "/ready", "/started"].map(status),
        [200, 503, 503]
    );
    assert_eq!(
        ["/livez", "/readyz", "/startupz"].map(status),
        [418, 418, 418]
    );
}
