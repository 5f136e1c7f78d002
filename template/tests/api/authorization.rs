//! Who may do what.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Service, problem, run, token};

#[tokio::test]
async fn without_a_token_nothing_is_told_but_how_to_come() {
    let service = Service::start().await;
    let answer = service.http.get(service.url("/api/v1/items"));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"api\"");
    assert_eq!(problem(answer).await["title"], "Unauthorized");
}

#[tokio::test]
async fn a_bad_token_is_refused_and_the_reason_is_in_the_log_alone() {
    let service = Service::start().await;
    let answer = service
        .http
        .get(service.url("/api/v1/items"))
        .bearer_auth("a.b.c");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    let told = problem(answer).await;
    assert_eq!(told["detail"], json!(null));

    let line = service
        .log_line(|line| line["http.response.status_code"] == 401)
        .await;
    assert!(line["cause"].is_string(), "{line}");
}

#[tokio::test]
async fn where_access_tokens_alone_are_taken_a_token_must_say_that_it_is_one() {
    let secret = "a secret of more than thirty-two bytes";
    let service = Service::with(&[
        ("APP_AUTH__ISSUERS__STRICT__ISSUER", "urn:strict"),
        ("APP_AUTH__ISSUERS__STRICT__AUDIENCE", "service"),
        ("APP_AUTH__ISSUERS__STRICT__HMAC_SECRET", secret),
        ("APP_AUTH__ISSUERS__STRICT__ACCESS_TOKENS_ONLY", "true"),
    ])
    .await;
    let claims = json!({
        "iss": "urn:strict",
        "aud": "service",
        "sub": "tester",
        "scope": "items:read",
        "exp": get_current_timestamp() + 3600,
    });
    let key = EncodingKey::from_secret(secret.as_bytes());
    for (typ, status) in [
        ("at+jwt", StatusCode::OK),
        ("JWT", StatusCode::UNAUTHORIZED),
    ] {
        let header = Header {
            typ: Some(typ.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let token = encode(&header, &claims, &key).unwrap();
        let request = service.http.get(service.url("/api/v1/items"));
        let answer = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{typ}");
    }
}

#[tokio::test]
async fn a_token_that_is_minted_is_an_access_token() {
    let strict = "APP_AUTH__ISSUERS__DEVELOPMENT__ACCESS_TOKENS_ONLY";
    let service = Service::with(&[(strict, "true")]).await;
    let answer = service.get("/api/v1/items").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn no_more_tokens_are_remembered_than_there_is_memory_for() {
    const REMEMBERED: &str = "axum_chassis_jwt_cache_tokens";
    for (bytes, remembered) in [("8388608", 1.0), ("256", 0.0)] {
        let service = Service::with(&[("APP_AUTH__CACHE_LIMIT_BYTES", bytes)]).await;
        let answer = service.get("/api/v1/items").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        service
            .series(REMEMBERED, |count| count == remembered)
            .await;
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_it_lacks() {
    let service = Service::start().await;
    let (path, _, _) = service.create("lamp").await;
    let reader = token("tester", "items:read");
    let writer = token("tester", "items:write");
    let body = json!({ "name": "chair" });
    let url = |path: &str| service.url(path);
    for (lacks, request) in [
        (
            "items:write",
            service
                .http
                .post(url("/api/v1/items"))
                .json(&body)
                .bearer_auth(&reader),
        ),
        (
            "items:write",
            service
                .http
                .put(url(&path))
                .json(&body)
                .bearer_auth(&reader),
        ),
        (
            "items:write",
            service.http.delete(url(&path)).bearer_auth(&reader),
        ),
        (
            "items:read",
            service.http.get(url(&path)).bearer_auth(&writer),
        ),
        (
            "items:read",
            service.http.get(url("/api/v1/items")).bearer_auth(&writer),
        ),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let challenge = answer.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            challenge.contains("error=\"insufficient_scope\""),
            "{challenge}"
        );
        assert!(
            challenge.contains(&format!("scope=\"{lacks}\"")),
            "{challenge}"
        );
        problem(answer).await;
    }
    let read = service.http.get(url(&path)).bearer_auth(&reader);
    assert_eq!(read.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn another_persons_item_does_not_exist() {
    let service = Service::start().await;
    let (path, etag, _) = service.create("lamp").await;
    let other = token("somebody else", "items:read items:write");
    let url = service.url(&path);
    let body = json!({ "name": "mine" });
    for request in [
        service.http.get(&url),
        service.http.put(&url).json(&body).header("if-match", &etag),
        service.http.delete(&url),
    ] {
        let answer = request.bearer_auth(&other).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    let list = service
        .http
        .get(service.url("/api/v1/items"))
        .bearer_auth(&other);
    let list: serde_json::Value = list.send().await.unwrap().json().await.unwrap();
    assert_eq!(list["items"], json!([]));

    // Nor is its name taken for them.
    let same = service
        .http
        .post(service.url("/api/v1/items"))
        .json(&json!({ "name": "lamp" }));
    let same = same.bearer_auth(&other).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn the_same_subject_of_another_issuer_is_somebody_else() {
    let secret = "another secret of more than thirty-two bytes";
    let service = Service::with(&[
        ("APP_AUTH__ISSUERS__OTHER__ISSUER", "urn:other"),
        ("APP_AUTH__ISSUERS__OTHER__AUDIENCE", "service"),
        ("APP_AUTH__ISSUERS__OTHER__HMAC_SECRET", secret),
    ])
    .await;
    let (path, _, _) = service.create("lamp").await;
    let minted = run(
        &["token", "--subject", "tester"],
        &[
            ("APP_AUTH__ISSUERS__DEVELOPMENT__ISSUER", "urn:other"),
            ("APP_AUTH__ISSUERS__DEVELOPMENT__HMAC_SECRET", secret),
        ],
    );
    let other = String::from_utf8(minted.stdout).unwrap();
    let ask = |path: &str| {
        service
            .http
            .get(service.url(path))
            .bearer_auth(other.trim())
    };
    let answer = ask(&path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let answer = ask("/api/v1/items").send().await.unwrap();
    let page: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(page["items"], json!([]));
}
