//! Where roles are found.

use axum_chassis::jwt::{self, TokenError, Verifier, VerifierError};
use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, ISSUER, Issuer, claims_with, clock, hs256_key};

fn verifier(pointer: Option<&str>) -> Verifier {
    let issuer = jwt::Issuer::new(ISSUER, AUDIENCE, hs256_key());
    let issuer = match pointer {
        Some(pointer) => issuer.roles_at(pointer).unwrap(),
        None => issuer,
    };
    Verifier::builder()
        .issuer(issuer)
        .clock(clock)
        .build()
        .unwrap()
}

fn roles(pointer: Option<&str>, name: &str, value: Value) -> Result<Vec<String>, TokenError> {
    let token = Issuer::hs256().token(&claims_with(name, value));
    let claims = verifier(pointer).verify(&token)?;
    Ok(claims.roles().map(str::to_owned).collect())
}

#[test]
fn roles_are_in_the_claim_of_that_name_unless_told() {
    let told = roles(None, "roles", json!(["a", "b c"]));
    assert_eq!(told.unwrap(), ["a", "b c"]);
    assert_eq!(roles(None, "roles", json!([])).unwrap(), [""; 0]);
    assert_eq!(roles(None, "groups", json!(["a"])).unwrap(), [""; 0]);
    assert_eq!(
        roles(None, "nested", json!({ "roles": ["a"] })).unwrap(),
        [""; 0]
    );
}

#[test]
fn roles_are_strings_or_objects_with_a_value() {
    let scim = json!([{ "value": "a", "primary": true }, "b"]);
    assert_eq!(roles(None, "roles", scim).unwrap(), ["a", "b"]);
    for malformed in [
        json!(null),
        json!("admin"),
        json!({ "admin": true }),
        json!([1]),
        json!(["a", null]),
        json!([["a"]]),
        json!([{ "display": "a" }]),
        json!([{ "value": 1 }]),
    ] {
        let refused = Err(TokenError::MalformedClaim("roles"));
        assert_eq!(
            roles(None, "roles", malformed.clone()),
            refused,
            "{malformed}"
        );
    }
}

#[test]
fn a_pointer_leads_to_roles_elsewhere() {
    for (pointer, name, value) in [
        (
            "/realm_access/roles",
            "realm_access",
            json!({ "roles": ["a"] }),
        ),
        (
            "/https:~1~1example.com~1roles",
            "https://example.com/roles",
            json!(["a"]),
        ),
        ("/a~01", "a~1", json!(["a"])),
        ("/in/0/a~1b", "in", json!([{ "a/b": ["a"] }])),
    ] {
        assert_eq!(
            roles(Some(pointer), name, value).unwrap(),
            ["a"],
            "{pointer}"
        );
    }
    let elsewhere = roles(Some("/realm_access/roles"), "roles", json!(["a"]));
    assert_eq!(elsewhere.unwrap(), [""; 0]);
    let nothing_there = roles(Some("/realm_access/roles"), "realm_access", json!(["a"]));
    assert_eq!(nothing_there.unwrap(), [""; 0]);
}

#[test]
fn a_name_that_is_spelled_with_escapes_is_found() {
    let spelled = crate::issuer::claims()
        .to_string()
        .replacen('{', r#"{"r\u006fles":["a"],"#, 1);
    let token = Issuer::hs256().token_of(r#"{"alg":"HS256"}"#, &spelled);
    assert!(verifier(None).verify(&token).unwrap().has_role("a"));
}

#[test]
fn what_is_no_pointer_is_refused() {
    for pointer in ["", "roles", "#/roles", "/a~2", "/a~"] {
        let issuer = jwt::Issuer::new(ISSUER, AUDIENCE, hs256_key());
        let error = issuer.roles_at(pointer).unwrap_err();
        assert!(matches!(error, VerifierError::RolesPointer(_)), "{pointer}");
    }
}
