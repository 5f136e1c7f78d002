//! Walking through all items, page by page.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{Service, problem};

async fn page(service: &Service, path: &str) -> (Vec<String>, Option<String>) {
    let answer = service.get(path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let link = answer.headers().get("link").map(|link| {
        let link = link.to_str().unwrap().strip_prefix('<').unwrap();
        link.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
    });
    let page: Value = answer.json().await.unwrap();
    assert_eq!(page["next"].is_null(), link.is_none());
    let items = page["items"].as_array().unwrap();
    let names = items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned());
    (names.collect(), link)
}

#[tokio::test]
async fn an_owner_without_items_has_one_empty_page() {
    let service = Service::start().await;
    assert_eq!(page(&service, "/api/v1/items").await, (Vec::new(), None));
}

#[tokio::test]
async fn following_the_links_shows_every_item_once_while_others_are_made() {
    let service = Service::start().await;
    let mut expected = Vec::new();
    for number in 0..45 {
        let name = format!("item {number}");
        service.create(&name).await;
        expected.push(name);
    }
    let mut seen = Vec::new();
    let mut next = Some("/api/v1/items?limit=10".to_owned());
    let mut pages = 0;
    while let Some(path) = next {
        let (names, link) = page(&service, &path).await;
        seen.extend(names);
        next = link;
        pages += 1;
        if pages <= 3 {
            let late = format!("late {pages}");
            service.create(&late).await;
            expected.push(late);
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(pages, 5);
}

#[tokio::test]
async fn a_last_page_that_is_full_has_no_next() {
    let service = Service::start().await;
    for name in ["a", "b"] {
        service.create(name).await;
    }
    let (names, next) = page(&service, "/api/v1/items?limit=2").await;
    assert_eq!((names.len(), next), (2, None));
}

#[tokio::test]
async fn a_page_has_20_items_unless_told_otherwise() {
    let service = Service::start().await;
    for number in 0..21 {
        service.create(&number.to_string()).await;
    }
    let (names, next) = page(&service, "/api/v1/items").await;
    assert_eq!(names.len(), 20);
    assert!(next.is_some());
}

#[tokio::test]
async fn a_faulty_parameter_is_named() {
    let service = Service::start().await;
    for (query, named) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("after=yesterday", "after"),
        ("page=2", "page"),
    ] {
        let answer = service.get(&format!("/api/v1/items?{query}"));
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
        let detail = problem(answer).await["detail"].to_string();
        assert!(detail.contains(named), "{query}: {detail}");
    }
}
