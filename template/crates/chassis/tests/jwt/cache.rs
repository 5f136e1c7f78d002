//! A token that is remembered passes sooner, but nothing passes that would not otherwise.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum_chassis::jwt::{TokenCache, TokenError, VerifierBuilder};

use crate::{
    issuer::{Issuer, NOW, claims, claims_with, hs256_key, verifier},
    observed::Observed,
};

fn builder() -> VerifierBuilder {
    verifier(hs256_key())
}

/// A verifier whose clock is set by what is returned beside it, in seconds since 1970.
fn with_clock() -> (Observed, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&seconds);
    let now = move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst));
    (Observed::new(builder().clock(now)), seconds)
}

fn token(id: usize) -> String {
    Issuer::hs256().token(&claims_with("jti", id.to_string()))
}

#[test]
fn a_token_is_checked_once_and_says_the_same_ever_after() {
    let observed = Observed::new(builder());
    let token = Issuer::hs256().token(&claims_with("tenant", 7));
    for _ in 0..3 {
        let claims = observed.verifier.verify(&token).unwrap();
        assert_eq!(claims.subject(), "ada");
        assert_eq!(claims.get("tenant"), Ok(Some(7)));
    }
    assert_eq!(observed.hits_and_misses(), (2, 1));
    assert_eq!(observed.cached_tokens(), Some(1));
    assert!(observed.cached_bytes() > Some(token.len() as u64));
}

#[test]
fn an_expired_token_is_refused_at_once_although_it_is_remembered() {
    let (observed, seconds) = with_clock();
    let token = Issuer::hs256().token(&claims_with("exp", NOW + 10));
    assert!(observed.verifier.verify(&token).is_ok());
    seconds.store(NOW + 69, Ordering::SeqCst);
    assert!(observed.verifier.verify(&token).is_ok());
    seconds.store(NOW + 70, Ordering::SeqCst);
    assert_eq!(
        observed.verifier.verify(&token).unwrap_err(),
        TokenError::Expired
    );
    assert_eq!(observed.hits_and_misses(), (1, 1));
}

#[test]
fn a_clock_that_is_set_back_counts_for_a_token_that_is_remembered() {
    for (name, refused) in [
        ("nbf", TokenError::NotYetValid),
        ("iat", TokenError::IssuedInTheFuture),
    ] {
        let (observed, seconds) = with_clock();
        let token = Issuer::hs256().token(&claims_with(name, NOW));
        assert!(observed.verifier.verify(&token).is_ok());
        seconds.store(NOW - 61, Ordering::SeqCst);
        assert_eq!(observed.verifier.verify(&token).unwrap_err(), refused);
    }
}

#[test]
fn a_revoked_token_is_refused_at_once_although_it_is_remembered() {
    let is_revoked = Arc::new(AtomicBool::new(false));
    let revoked = Arc::clone(&is_revoked);
    let builder =
        builder().revoked(move |claims| claims.id() == Some("1") && revoked.load(Ordering::SeqCst));
    let observed = Observed::new(builder);
    let verify = |id| observed.verifier.verify(&token(id)).map(drop);

    assert_eq!((verify(1), verify(2)), (Ok(()), Ok(())));
    is_revoked.store(true, Ordering::SeqCst);
    assert_eq!((verify(1), verify(2)), (Err(TokenError::Revoked), Ok(())));
    is_revoked.store(false, Ordering::SeqCst);
    assert_eq!(verify(1), Ok(()));
}

#[test]
fn a_token_that_is_revoked_when_it_is_first_seen_is_refused_each_time() {
    let observed = Observed::new(builder().revoked(|_| true));
    for _ in 0..2 {
        let verdict = observed.verifier.verify(&token(1)).map(drop);
        assert_eq!(verdict, Err(TokenError::Revoked));
    }
    assert_eq!(observed.cached_tokens(), Some(0));
}

#[test]
fn bad_tokens_are_not_remembered() {
    let observed = Observed::new(builder());
    let good = token(1);
    let (message, _) = good.rsplit_once('.').unwrap();
    for bad in [
        Issuer::hs256().token(&claims_with("exp", 1)),
        Issuer::hs256().token(&claims_with("aud", "other")),
        Issuer::new("HS384").token(&claims()),
        format!("{message}."),
        "bad".to_owned(),
    ] {
        for _ in 0..2 {
            assert!(observed.verifier.verify(&bad).is_err(), "{bad}");
        }
    }
    assert_eq!(observed.cached_tokens(), Some(0));
}

#[test]
fn a_token_that_is_remembered_lends_nothing_to_its_neighbours() {
    let observed = Observed::new(builder());
    let good = token(1);
    assert!(observed.verifier.verify(&good).is_ok());
    for place in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(observed.verifier.verify(&changed).is_err(), "{place}");
    }
    assert!(observed.verifier.verify(&good[..good.len() - 1]).is_err());
    assert!(observed.verifier.verify(&format!("{good}A")).is_err());
}

#[test]
fn a_cache_never_holds_more_tokens_than_it_may() {
    for max_tokens in [1, 2, 10, 100] {
        let bounds = TokenCache::default().max_tokens(max_tokens);
        let observed = Observed::new(builder().cache(bounds));
        for id in 0..300 {
            assert!(observed.verifier.verify(&token(id)).is_ok());
        }
        let held = observed.cached_tokens().unwrap();
        assert!(
            held > 0 && held <= max_tokens as u64,
            "{held} of {max_tokens}"
        );
    }
}

#[test]
fn a_cache_never_takes_more_memory_than_it_may() {
    const MAX_BYTES: u64 = 20_000;
    let bounds = TokenCache::default().max_bytes(MAX_BYTES as usize);
    let observed = Observed::new(builder().cache(bounds));
    for length in (0..5_000).step_by(50) {
        let token = Issuer::hs256().token(&claims_with("pad", "x".repeat(length)));
        assert!(observed.verifier.verify(&token).is_ok());
        let bytes = observed.cached_bytes().unwrap();
        assert!(bytes <= MAX_BYTES, "{bytes}");
    }
    assert!(observed.cached_tokens() > Some(0));
}

#[test]
fn a_cache_can_be_switched_off() {
    for builder in [
        builder().cache(None),
        builder().cache(TokenCache::default().max_tokens(0)),
        builder().cache(TokenCache::default().max_bytes(0)),
    ] {
        let observed = Observed::new(builder);
        for _ in 0..2 {
            assert!(observed.verifier.verify(&token(1)).is_ok());
        }
        assert_eq!(observed.hits_and_misses(), (0, 2));
        assert_eq!(observed.cached_tokens(), None);
    }
}
