//! No bytes are a token, but for those that the issuer has signed.

#![no_main]

use fuzz::jwt::VERIFIER;
use libfuzzer_sys::fuzz_target;

/// One of each algorithm.
const GOOD: [&str; 12] = [
    include_str!("../seeds/token/hs256"),
    include_str!("../seeds/token/hs384"),
    include_str!("../seeds/token/hs512"),
    include_str!("../seeds/token/rs256"),
    include_str!("../seeds/token/rs384"),
    include_str!("../seeds/token/rs512"),
    include_str!("../seeds/token/ps256"),
    include_str!("../seeds/token/ps384"),
    include_str!("../seeds/token/ps512"),
    include_str!("../seeds/token/es256"),
    include_str!("../seeds/token/es384"),
    include_str!("../seeds/token/eddsa"),
];

fuzz_target!(|token: &str| {
    assert_eq!(VERIFIER.verify(token).is_ok(), GOOD.contains(&token));
});
