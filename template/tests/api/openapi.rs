//! The document that describes the API.

use serde_json::Value;

use crate::support::{Service, run};

fn printed() -> Value {
    let printed = run(&["openapi"], &[]);
    assert_eq!(printed.status.code(), Some(0));
    serde_json::from_slice(&printed.stdout).unwrap()
}

#[tokio::test]
async fn the_document_is_served_as_it_is_printed_with_a_page_to_browse() {
    let service = Service::start().await;
    let served = service.http.get(service.url("/api/openapi.json"));
    let served: Value = served.send().await.unwrap().json().await.unwrap();
    assert_eq!(served, printed());

    let page = service.http.get(service.url("/docs")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("swagger-ui"));
}

#[tokio::test]
async fn in_production_the_document_is_not_served() {
    let settings = [
        ("APP_PROFILE", "production"),
        ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.example"),
        ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
        (
            "APP_AUTH__ISSUERS__MAIN__HMAC_SECRET",
            "a secret of more than thirty-two bytes",
        ),
    ];
    let service = Service::with(&settings).await;
    for path in ["/api/openapi.json", "/docs", "/docs/ui/index.html"] {
        let answer = service.http.get(service.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[test]
fn every_operation_says_what_it_needs_and_what_it_answers() {
    let document = printed();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let operations: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect();
    let names: Vec<_> = operations.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for (name, operation) in operations {
        assert!(operation["security"][0]["bearer"][0].is_string(), "{name}");
        assert!(operation["summary"].is_string(), "{name}");
        for status in ["401", "403", "503"] {
            assert!(
                operation["responses"][status].is_object(),
                "{name} {status}"
            );
        }
    }
    let bearer = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!(bearer["scheme"], "bearer");
}
