//! Keys from files that change.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use axum_chassis::jwt::{
    Algorithm, Rejection, TokenError, Verifier,
    source::{KeyFile, KeySourceError, KeysTask, MAX_DOCUMENT_BYTES},
};
use serde_json::json;
use tempfile::TempDir;

use crate::issuer::{Issuer, claims, verifier};

const UNKNOWN: Result<(), Rejection> = Err(Rejection::InvalidToken(TokenError::UnknownKey));
const SOON: Duration = Duration::from_millis(5);
const HOUR: Duration = Duration::from_secs(3600);

fn jwks(issuer: &Issuer, kid: &str) -> String {
    let mut jwk = issuer.jwk();
    jwk["kid"] = kid.into();
    json!({ "keys": [jwk] }).to_string()
}

fn token(issuer: &Issuer, kid: &str) -> String {
    let header = json!({ "alg": issuer.alg, "kid": kid });
    issuer.token_with_header(&header, &claims())
}

fn live(file: KeyFile) -> (Verifier, KeysTask) {
    let (keys, task) = file.spawn().unwrap();
    (verifier(keys).build().unwrap(), task)
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A mounted Secret: `jwks.json` leads to `..data/jwks.json`, and `..data` to a folder
/// with a date. All of it changes by one rename.
fn project(mount: &Path, version: &str, content: &str) {
    let folder = mount.join(version);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("jwks.json"), content).unwrap();
    let next = mount.join("..data_tmp");
    symlink(version, &next).unwrap();
    fs::rename(next, mount.join("..data")).unwrap();
    let file = mount.join("jwks.json");
    if !file.is_symlink() {
        symlink("..data/jwks.json", file).unwrap();
    }
}

#[tokio::test]
async fn a_swap_of_symlinks_as_kubernetes_does_it_is_seen() {
    let mount = TempDir::new().unwrap();
    let (old, new) = (Issuer::new("ES256"), Issuer::new("EdDSA"));
    project(mount.path(), "..2026_01_01", &jwks(&old, "old"));
    let file = KeyFile::jwks(mount.path().join("jwks.json")).interval(SOON);
    let (verifier, _task) = live(file);
    assert!(verifier.verify(&token(&old, "old")).is_ok());

    project(mount.path(), "..2026_02_01", &jwks(&new, "new"));
    fs::remove_dir_all(mount.path().join("..2026_01_01")).unwrap();
    eventually("seen", || verifier.verify(&token(&new, "new")).is_ok()).await;
    assert!(verifier.verify(&token(&old, "old")).is_err());
}

#[tokio::test]
async fn a_new_key_in_the_file_is_good_before_the_next_look() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    let issuer = Issuer::new("EdDSA");
    fs::write(&path, jwks(&issuer, "old")).unwrap();
    let (verifier, _task) = live(KeyFile::jwks(&path).interval(HOUR));
    fs::write(&path, jwks(&issuer, "new")).unwrap();
    assert!(verifier.authenticate(&token(&issuer, "new")).await.is_ok());

    fs::write(&path, jwks(&issuer, "newest")).unwrap();
    let verdict = verifier.authenticate(&token(&issuer, "newest")).await;
    assert_eq!(verdict.map(drop), UNKNOWN, "the cool-down has begun");
}

#[tokio::test]
async fn a_bad_new_file_is_not_used() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    let issuer = Issuer::new("EdDSA");
    let good = jwks(&issuer, "a");
    fs::write(&path, &good).unwrap();
    let file = KeyFile::jwks(&path).interval(HOUR).cooldown(Duration::ZERO);
    let (verifier, _task) = live(file);

    let weak = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "", "y": "" }] });
    let huge = good.clone() + &" ".repeat(MAX_DOCUMENT_BYTES);
    for bad in [&good[1..], "", r#"{"keys": []}"#, &weak.to_string(), &huge] {
        fs::write(&path, bad).unwrap();
        let unknown = verifier.authenticate(&token(&issuer, "b")).await;
        assert_eq!(unknown.map(drop), UNKNOWN);
        assert!(verifier.verify(&token(&issuer, "a")).is_ok(), "{bad:.40}");
    }
    fs::remove_file(&path).unwrap();
    let unknown = verifier.authenticate(&token(&issuer, "b")).await;
    assert_eq!(unknown.map(drop), UNKNOWN);
    assert!(verifier.verify(&token(&issuer, "a")).is_ok());

    fs::write(&path, jwks(&issuer, "b")).unwrap();
    assert!(verifier.authenticate(&token(&issuer, "b")).await.is_ok());
}

#[tokio::test]
async fn a_file_can_be_looked_at_as_seldom_as_anybody_likes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    let issuer = Issuer::new("EdDSA");
    fs::write(&path, jwks(&issuer, "a")).unwrap();
    let (verifier, _task) = live(KeyFile::jwks(&path).interval(Duration::MAX));
    assert!(verifier.verify(&token(&issuer, "a")).is_ok());
}

#[tokio::test]
async fn a_pem_file_is_one_key() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key.pem");
    let (old, new) = (Issuer::new("ES256"), Issuer::new("ES256"));
    fs::write(&path, old.public_pem()).unwrap();
    let file = KeyFile::pem(Algorithm::Es256, &path).interval(SOON);
    let (verifier, _task) = live(file);
    assert!(verifier.verify(&old.token(&claims())).is_ok());
    fs::write(&path, new.public_pem()).unwrap();
    eventually("seen", || verifier.verify(&new.token(&claims())).is_ok()).await;

    let (named, _task) = live(KeyFile::pem(Algorithm::Es256, &path).kid("a"));
    assert!(named.verify(&token(&new, "a")).is_ok());
    assert!(named.verify(&token(&new, "b")).is_err());
}

#[tokio::test]
async fn a_bad_file_at_the_start_is_an_error_that_names_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys");
    let error = KeyFile::jwks(&path).spawn().map(drop).unwrap_err();
    assert!(error.to_string().contains("keys cannot be read"), "{error}");

    for (content, expected) in [
        ("", "the keys are not sound"),
        (r#"{"keys": []}"#, "there is no key of use"),
    ] {
        fs::write(&path, content).unwrap();
        let error = KeyFile::jwks(&path).spawn().map(drop).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    let pem = KeyFile::pem(Algorithm::Es256, &path).spawn();
    assert!(matches!(pem, Err(KeySourceError::Keys(_))));
}

#[tokio::test]
async fn a_stopped_task_reads_no_more() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    let issuer = Issuer::new("EdDSA");
    fs::write(&path, jwks(&issuer, "a")).unwrap();
    let (verifier, task) = live(KeyFile::jwks(&path).interval(SOON).cooldown(Duration::ZERO));
    drop(task);
    tokio::task::yield_now().await;
    fs::write(&path, jwks(&issuer, "b")).unwrap();
    let verdict = verifier.authenticate(&token(&issuer, "b")).await;
    assert_eq!(verdict.map(drop), UNKNOWN);
    assert!(verifier.verify(&token(&issuer, "a")).is_ok());
}
