//! What operators are told on the private listener.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{
    Service,
    client::{Transport, read_status},
    problem,
};

const OPEN: &str = r#"http_server_open_connections{listener="public"}"#;

async fn json(service: &Service, path: &str) -> Value {
    let request = service.operation(Method::GET, path);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_index_leads_to_everything_there_is() {
    let service = Service::start().await;
    let index = service.operations_text("/").await;
    let links = index.split("href=\"").skip(1);
    let links: Vec<_> = links.filter_map(|l| l.split('"').next()).collect();
    assert!(links.len() >= 8, "{index}");
    for link in links {
        // Profiles take their time, and have tests of their own.
        if !link.starts_with("/debug") {
            assert_eq!(service.probe(link).await, StatusCode::OK, "{link}");
        }
    }
}

#[tokio::test]
async fn the_build_is_named() {
    let service = Service::start().await;
    let info = json(&service, "/info").await;
    assert_eq!(info["name"], env!("CARGO_PKG_NAME"));
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert!(info["rustc"].as_str().unwrap().starts_with("rustc 1."));
    assert_eq!(info["profile"], "development");
    assert!(info["target"].as_str().unwrap().contains('-'));
    assert!(["system", "jemalloc", "mimalloc"].contains(&info["allocator"].as_str().unwrap()));
    assert!(info["started_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn the_configuration_in_effect_is_shown_without_secrets() {
    let service = Service::with(&[("APP_HTTP__REQUEST_TIMEOUT", "7s")]).await;
    let shown = service.operations_text("/config").await;
    let line = |start: &str| shown.lines().find(|line| line.starts_with(start));
    let timeout = line("request_timeout = \"7s\"").unwrap();
    assert!(timeout.ends_with("# APP_HTTP__REQUEST_TIMEOUT"), "{shown}");
    assert!(line("hmac_secret = \"***\"").is_some(), "{shown}");
    assert!(!shown.contains("known-to-everyone"), "{shown}");
}

#[tokio::test]
async fn who_announces_a_body_and_sends_none_keeps_no_place_from_the_probes() {
    let service = Service::start().await;
    let stream = Transport::Plain.connect(service.operations, &[]);
    let mut stream = stream.await.unwrap();
    let head = b"PUT /log-level HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let status = read_status(&mut stream).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn what_the_process_uses_is_shown() {
    let service = Service::with(&[("APP_RUNTIME__WORKER_THREADS", "3")]).await;
    let held = TcpStream::connect(service.public).await.unwrap();
    service.series(OPEN, |count| count == 1.0).await;
    let usage = json(&service, "/runtime").await;
    assert_eq!(usage["connections"]["public"], 1);
    assert!(usage["connections"]["operations"].as_u64().unwrap() >= 1);
    drop(held);
    service.series(OPEN, |count| count == 0.0).await;
    let later = json(&service, "/runtime").await;
    assert_eq!(later["connections"]["public"], 0);
    assert_eq!(usage["tokio"]["workers"], 3);
    assert!(usage["tokio"]["alive_tasks"].as_u64().unwrap() > 0);
    assert_eq!(usage["tokio"]["busy_seconds"].as_array().unwrap().len(), 3);
    #[cfg(target_os = "linux")]
    {
        let process = &usage["process"];
        assert!(process["memory_bytes"].as_u64().unwrap() > 1_000_000);
        assert!(process["threads"].as_u64().unwrap() >= 4);
        assert!(process["file_descriptors"].as_u64().unwrap() > 3);
    }
}

#[tokio::test]
async fn an_error_of_the_private_listener_is_a_problem_too() {
    let service = Service::start().await;
    for (method, path, status) in [
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
        (Method::POST, "/config", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/log-level", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = service.operation(method, path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        problem(answer).await;
    }
}

#[cfg(feature = "profiling")]
mod profiles {
    use super::*;

    #[tokio::test]
    async fn a_cpu_profile_is_made_and_only_one_at_a_time() {
        let service = Service::start().await;
        let profile = || service.operation(Method::GET, "/debug/pprof/profile?seconds=2");
        let (one, other) = tokio::join!(profile().send(), profile().send());
        let (one, other) = (one.unwrap(), other.unwrap());
        let (made, refused) = if one.status().is_success() {
            (one, other)
        } else {
            (other, one)
        };
        assert_eq!(made.status(), StatusCode::OK);
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        problem(refused).await;
        // A Profile of pprof, whose first field says what is counted.
        let profile = made.bytes().await.unwrap();
        assert_eq!(profile[0], 0x0a);
        let contains = |text: &str| profile.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(contains("samples") && contains("nanoseconds"));
    }

    #[tokio::test]
    async fn a_cpu_profile_has_bounds() {
        let service = Service::start().await;
        for seconds in ["0", "61"] {
            let path = format!("/debug/pprof/profile?seconds={seconds}");
            let answer = service.operation(Method::GET, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            problem(answer).await;
        }
    }

    #[tokio::test]
    async fn a_heap_profile_is_made_where_the_process_was_started_for_it() {
        let settings = [("_RJEM_MALLOC_CONF", "prof:true,lg_prof_sample:12")];
        let service = Service::with(&settings).await;
        let heap = service.operation(Method::GET, "/debug/pprof/heap");
        let answer = heap.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let profile = answer.bytes().await.unwrap();
        assert_eq!(profile[..2], [0x1f, 0x8b]);
    }

    #[tokio::test]
    async fn else_it_is_told_how_to_start_it() {
        let service = Service::start().await;
        let heap = service.operation(Method::GET, "/debug/pprof/heap");
        let answer = heap.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED);
        let told = problem(answer).await;
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains("_RJEM_MALLOC_CONF=prof:true"), "{detail}");
    }
}
