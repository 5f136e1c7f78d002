//! What the probes say to whom: a word, lines, a document; and of which checks.

use axum_chassis::health::{Health, HealthLayer, HealthTasks};
use http::{
    Request,
    header::{ACCEPT, CONTENT_TYPE},
};

use crate::{at_once, document, eventually, get, passes, refused, report, status, text};

/// One check that passes, one that fails and one that is degraded, all of which have run.
async fn mixed() -> (Health, HealthTasks) {
    let health = Health::builder()
        .check(passes("store"))
        .check(refused("queue"))
        .check(refused("cache").degraded())
        .build();
    health.mark_started();
    let checks = health.spawn();
    eventually("run", || {
        !text(get(&health, "/readyz?verbose")).contains("not run yet")
    })
    .await;
    (health, checks)
}

#[tokio::test(start_paused = true)]
async fn verbose_has_a_line_for_each_check_as_kubernetes_has() {
    let (health, _checks) = mixed().await;
    let answer = get(&health, "/readyz?verbose");
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
    let lines = "[+]runtime ok\n[+]store ok\n[-]queue failed: refused\n[!]cache degraded: refused\n\
                 readyz check failed\n";
    assert_eq!(text(answer), lines);
    assert_eq!(
        text(get(&health, "/startupz?verbose")),
        "startupz check passed\n"
    );
}

#[test]
fn verbose_says_what_else_than_a_check_is_in_the_way() {
    let health = Health::builder().build();
    let told = || text(get(&health, "/readyz?verbose"));
    assert_eq!(told(), "readyz check failed: starting\n");
    health.mark_started();
    assert_eq!(told(), "readyz check passed\n");
    health.mark_draining();
    assert_eq!(told(), "readyz check failed: draining\n");
}

#[tokio::test]
async fn an_error_of_many_lines_is_one_line() {
    let check = axum_chassis::health::Check::new("store", || async { Err("a\r\nb\tc".into()) });
    let health = Health::builder().check(check).build();
    let _checks = health.spawn();
    let told = || text(get(&health, "/readyz?verbose"));
    eventually("failed", || told().contains("\n[-]store failed: a  b c\n")).await;
}

#[test]
fn verbose_is_asked_for_by_name() {
    let health = Health::builder().build();
    let told = |query| text(get(&health, &format!("/livez?{query}")));
    for query in ["verbose", "verbose=1", "a=b&verbose"] {
        assert_eq!(told(query), "livez check passed\n", "{query}");
    }
    for query in ["", "a=verbose", "verbosely"] {
        assert_eq!(told(query), "ok\n", "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_accepts_json_by_name_gets_the_document_of_the_draft() {
    let (health, _checks) = mixed().await;
    let document = report(&health);
    assert_eq!(document["status"], "fail");
    assert_eq!(document.get("output"), None);
    let checks = &document["checks"];
    assert_eq!(checks["store"][0]["status"], "pass");
    assert!(checks["store"][0].get("output").is_none());
    assert_eq!(checks["queue"][0]["status"], "fail");
    assert_eq!(checks["queue"][0]["output"], "refused");
    assert_eq!(checks["cache"][0]["status"], "warn");

    health.mark_draining();
    assert_eq!(report(&health)["output"], "draining");
    let bare = Health::builder().build();
    let pass = crate::document(&bare, "/livez").to_string();
    assert_eq!(pass, r#"{"status":"pass"}"#);
}

#[test]
fn json_has_to_be_accepted_by_name() {
    let layer = HealthLayer::new(Health::builder().build());
    let is_json = |accept: &str| {
        let request = Request::get("/livez").header(ACCEPT, accept).body(());
        text(at_once(&layer, request.unwrap())).starts_with('{')
    };
    let json = [
        "application/json",
        "application/health+json",
        "Application/JSON;q=0.5",
        "text/html, application/json",
    ];
    assert_eq!(json.map(is_json), [true; 4]);
    // What curl and the kubelet, and what a browser sends.
    let other = [
        "*/*",
        "text/html,application/xml;q=0.9,*/*;q=0.8",
        "",
        "application/jsonp",
    ];
    assert_eq!(other.map(is_json), [false; 4]);
}

#[tokio::test(start_paused = true)]
async fn checks_can_be_left_out() {
    let (health, _checks) = mixed().await;
    assert_eq!(status(&health, "/readyz"), 503);
    assert_eq!(status(&health, "/readyz?exclude=queue"), 200);
    assert_eq!(status(&health, "/readyz?exclude=store"), 503);
    let told = text(get(&health, "/readyz?exclude=queue&verbose&exclude=cache"));
    let lines = "[+]runtime ok\n[+]store ok\n[+]queue excluded: ok\n[+]cache excluded: ok\n\
                 readyz check passed\n";
    assert_eq!(told, lines);
    let document = document(&health, "/readyz?exclude=queue&exclude=cache");
    assert_eq!(document["status"], "pass");
    let checks = document["checks"].as_object().unwrap();
    assert_eq!(checks.keys().collect::<Vec<_>>(), ["runtime", "store"]);

    health.mark_draining();
    assert_eq!(status(&health, "/readyz?exclude=queue"), 503, "no check");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_left_out_is_said_and_no_error() {
    let (health, _checks) = mixed().await;
    let path = "/readyz?exclude=quue&exclude=queue&exclude=";
    assert_eq!(status(&health, path), 200);
    let note = r#"some checks cannot be excluded: no matches for "quue", """#;
    let told = text(get(&health, &format!("{path}&verbose")));
    assert!(
        told.contains(&format!("\nwarn: {note}\nreadyz check passed\n")),
        "{told}"
    );
    assert_eq!(document(&health, path)["notes"][0], note);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_asked_alone_answers_for_itself() {
    let (health, _checks) = mixed().await;
    assert_eq!(status(&health, "/readyz/store"), 200);
    assert_eq!(status(&health, "/readyz/queue"), 503);
    assert_eq!(
        status(&health, "/readyz/cache"),
        503,
        "even if the service does without"
    );
    assert_eq!(status(&health, "/readyz/other"), 418, "no check, no probe");
    let told = text(get(&health, "/readyz/queue?verbose"));
    assert_eq!(told, "[-]queue failed: refused\nreadyz check failed\n");

    health.mark_draining();
    assert_eq!(status(&health, "/readyz/store"), 200, "the store is there");
}
