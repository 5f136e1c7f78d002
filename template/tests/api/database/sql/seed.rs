use reqwest::StatusCode;
use serde_json::Value;

use super::names;
use crate::{
    database::Database,
    support::{Service, run},
};

const PRODUCTION: [(&str, &str); 4] = [
    ("APP_PROFILE", "production"),
    ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.example"),
    ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
    (
        "APP_AUTH__ISSUERS__MAIN__HMAC_SECRET",
        "a secret of more than thirty-two bytes",
    ),
];

fn seed(arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let ended = run(&[&["seed"], arguments].concat(), settings);
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (ended.status.code(), said)
}

#[tokio::test]
async fn a_database_is_filled_once_with_the_same_items_each_time() {
    let database = Database::create().await;
    let settings = database.settings();
    for made in ["40 items", "0 items"] {
        let (code, said) = seed(&["--owner", "tester"], &settings);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.starts_with(made), "{said}");
    }
    let service = Service::with(&settings).await;
    assert_eq!(names(&service).await.len(), 40);
    let first = service.get("/api/v1/items?limit=2").send().await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let page: Value = first.json().await.unwrap();
    for (number, name, quantity) in [(0, "ash bowl", 0), (1, "ash chair", 12)] {
        assert_eq!(page["items"][number]["name"], name);
        assert_eq!(page["items"][number]["quantity"], quantity);
    }
}

#[tokio::test]
async fn an_item_that_is_there_already_stays_as_it_is() {
    let database = Database::create().await;
    let service = Service::with(&database.settings()).await;
    let (path, etag, _) = service.create("ash bowl").await;
    let (_, said) = seed(&["--owner", "tester"], &database.settings());
    assert!(said.starts_with("39 items"), "{said}");
    let item = service.get(&path).send().await.unwrap();
    assert_eq!(item.headers()["etag"], etag);
}

#[tokio::test]
async fn a_database_of_another_profile_is_not_filled_unless_it_is_forced() {
    let database = Database::create().await;
    let settings = [&database.settings()[..], &PRODUCTION].concat();
    let (code, said) = seed(&[], &settings);
    assert_eq!(code, Some(1));
    assert!(said.contains("set APP_PROFILE=development"), "{said}");
    let (code, said) = seed(&["--force"], &settings);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("40 items"), "{said}");
}
