//! Dates at the edge of the clock, and clocks at the edge of time.

use std::time::{Duration, SystemTime};

use axum_chassis::jwt::{Part, TokenError, Verifier};
use serde_json::Value;

use super::verdict;
use crate::issuer::{Issuer, NOW, claims, claims_with, hs256_key, verifier};

const LEEWAYS: [u64; 3] = [0, 60, 300];

fn verifier_at(now: SystemTime, leeway: u64) -> Verifier {
    let builder = verifier(hs256_key()).leeway(Duration::from_secs(leeway));
    builder.clock(move || now).build().unwrap()
}

fn since_1970(seconds: f64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)
}

/// The verdict on the good claims with one date.
fn with(verifier: &Verifier, name: &str, date: impl Into<Value>) -> Result<(), TokenError> {
    verdict(verifier, &Issuer::hs256().token(&claims_with(name, date)))
}

#[test]
fn a_token_expires_at_the_second_of_exp_and_not_after_it() {
    for leeway in LEEWAYS {
        let verifier = verifier_at(since_1970(NOW as f64), leeway);
        for (exp, expected) in [
            (NOW - leeway - 1, Err(TokenError::Expired)),
            (NOW - leeway, Err(TokenError::Expired)),
            (NOW - leeway + 1, Ok(())),
        ] {
            assert_eq!(
                with(&verifier, "exp", exp),
                expected,
                "{exp}, leeway {leeway}"
            );
        }
    }
}

#[test]
fn a_token_is_valid_from_the_second_of_nbf_and_iat_on() {
    for (name, refused) in [
        ("nbf", TokenError::NotYetValid),
        ("iat", TokenError::IssuedInTheFuture),
    ] {
        for leeway in LEEWAYS {
            let verifier = verifier_at(since_1970(NOW as f64), leeway);
            for (date, expected) in [
                (NOW + leeway - 1, Ok(())),
                (NOW + leeway, Ok(())),
                (NOW + leeway + 1, Err(refused.clone())),
            ] {
                assert_eq!(
                    with(&verifier, name, date),
                    expected,
                    "{name} {date}, leeway {leeway}"
                );
            }
        }
    }
}

#[test]
fn fractions_of_a_second_count() {
    let half_past = verifier_at(since_1970(NOW as f64 + 0.5), 0);
    for (name, date, expected) in [
        ("exp", NOW as f64 + 0.25, Err(TokenError::Expired)),
        ("exp", NOW as f64 + 0.5, Err(TokenError::Expired)),
        ("exp", NOW as f64 + 0.75, Ok(())),
        ("nbf", NOW as f64 + 0.5, Ok(())),
        ("nbf", NOW as f64 + 0.75, Err(TokenError::NotYetValid)),
        ("iat", NOW as f64 + 0.5, Ok(())),
        ("iat", NOW as f64 + 0.75, Err(TokenError::IssuedInTheFuture)),
    ] {
        assert_eq!(with(&half_past, name, date), expected, "{name} {date}");
    }
}

/// As it is written in the claims, for some of it is no JSON value of ours.
#[test]
fn a_date_is_a_number_of_seconds_that_a_calendar_has() {
    let verifier = verifier_at(since_1970(NOW as f64), 60);
    let malformed = [
        "1e19",
        "1e308",
        "-1",
        "-1e-9",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "253402300800",
        "253402300800.0",
        "\"1800000100\"",
        "\"\"",
        "true",
        "null",
        "[]",
        "[1800000100]",
        "{\"$date\":1800000100}",
    ];
    let not_json = ["1e400", "-1e400", "1_800_000_100", "0x6B49D264"];
    for name in ["exp", "nbf", "iat"] {
        let with = |date: &str| {
            let json = claims_with(name, "DATE")
                .to_string()
                .replace("\"DATE\"", date);
            verdict(
                &verifier,
                &Issuer::hs256().token_of(r#"{"alg":"HS256"}"#, &json),
            )
        };
        for date in malformed {
            assert_eq!(
                with(date),
                Err(TokenError::MalformedClaim(name)),
                "{name} {date}"
            );
        }
        for date in not_json {
            assert_eq!(
                with(date),
                Err(TokenError::NotAnObject(Part::Claims)),
                "{name} {date}"
            );
        }
        for date in [
            "1800000001",
            "1800000001.5",
            "1.800000001e9",
            "18000000010E-1",
        ] {
            assert_eq!(with(date), Ok(()), "{name} {date}");
        }
    }
}

/// The latest or earliest time that the system can tell.
fn last_time(step: fn(&SystemTime, Duration) -> Option<SystemTime>) -> SystemTime {
    let steps = (0..64).rev().map(|bit| Duration::from_secs(1 << bit));
    let steps = steps.chain([Duration::from_nanos(999_999_900)]);
    steps.fold(SystemTime::UNIX_EPOCH, |time, length| {
        step(&time, length).unwrap_or(time)
    })
}

#[test]
fn a_clock_at_the_end_of_time_lets_nothing_in_and_breaks_nothing() {
    let latest = last_time(SystemTime::checked_add);
    assert_eq!(latest.checked_add(Duration::from_secs(1)), None);
    for leeway in LEEWAYS {
        let verifier = verifier_at(latest, leeway);
        for token in [
            claims(),
            claims_with("nbf", 1),
            claims_with("iat", 1),
            claims_with("exp", 253_402_300_799_u64),
        ] {
            let token = Issuer::hs256().token(&token);
            assert_eq!(verdict(&verifier, &token), Err(TokenError::Expired));
        }
    }
}

#[test]
fn a_clock_at_its_beginning_breaks_nothing() {
    let earliest = last_time(SystemTime::checked_sub);
    assert_eq!(earliest.checked_sub(Duration::from_secs(1)), None);
    for (now, leeway) in [
        (earliest, 0),
        (earliest, 300),
        (SystemTime::UNIX_EPOCH, 0),
        (SystemTime::UNIX_EPOCH, 60),
    ] {
        let verifier = verifier_at(now, leeway);
        assert_eq!(with(&verifier, "exp", NOW), Ok(()));
        assert_eq!(with(&verifier, "nbf", NOW), Err(TokenError::NotYetValid));
        assert_eq!(
            with(&verifier, "iat", NOW),
            Err(TokenError::IssuedInTheFuture)
        );
    }
    let at_zero = verifier_at(SystemTime::UNIX_EPOCH, 0);
    assert_eq!(with(&at_zero, "exp", 0), Err(TokenError::Expired));
    assert_eq!(with(&at_zero, "exp", 1), Ok(()));
    assert_eq!(with(&at_zero, "iat", 0), Ok(()));
}

/// A verdict is about the moment in which it is asked for, even for a token that was
/// good a moment ago.
#[test]
fn the_clock_is_read_for_every_token() {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    let now = Arc::new(AtomicU64::new(NOW));
    let clock = now.clone();
    let verifier = verifier(hs256_key()).leeway(Duration::ZERO);
    let verifier = verifier.clock(move || since_1970(clock.load(Ordering::Relaxed) as f64));
    let verifier = verifier.build().unwrap();
    let mut lifetime = claims_with("nbf", NOW);
    lifetime["iat"] = (NOW + 1).into();
    let token = Issuer::hs256().token(&lifetime);
    for (seconds, expected) in [
        (NOW + 1, Ok(())),
        (NOW + 599, Ok(())),
        (NOW + 600, Err(TokenError::Expired)),
        (NOW + 599, Ok(())),
        (NOW, Err(TokenError::IssuedInTheFuture)),
        (NOW - 1, Err(TokenError::NotYetValid)),
        (NOW + 1, Ok(())),
    ] {
        now.store(seconds, Ordering::Relaxed);
        assert_eq!(verdict(&verifier, &token), expected, "{seconds}");
    }
}
