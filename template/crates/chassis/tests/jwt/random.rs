//! What nobody thought of.

use proptest::prelude::*;

use crate::{
    issuer::{Issuer, claims},
    verify,
};

fn mutated(token: String) -> impl Strategy<Value = String> {
    let place = 0..token.len();
    let change = prop_oneof![Just(None), "[A-Za-z0-9._=+/ -]{1,3}".prop_map(Some)];
    (place, 0_usize..3, change).prop_map(move |(start, length, change)| {
        let mut token = token.clone();
        let end = token.len().min(start + length);
        token.replace_range(start..end, &change.unwrap_or_default());
        token
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_mutated_token_is_never_accepted(token in mutated(Issuer::hs256().token(&claims()))) {
        let good = Issuer::hs256().token(&claims());
        prop_assert_eq!(verify(&token).is_ok(), token == good);
    }

    #[test]
    fn no_text_is_a_token(token in "\\PC{0,200}") {
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn no_signed_text_is_a_set_of_claims(claims in "[{}\\[\\]\":,a-z0-9 .-]{0,60}") {
        let token = Issuer::hs256().token_of(r#"{"alg":"HS256"}"#, &claims);
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn no_random_header_is_accepted(header in "[{}\\[\\]\":,a-z0-9 .-]{0,60}") {
        let token = Issuer::hs256().token_of(&header, &claims().to_string());
        prop_assert!(verify(&token).is_err());
    }
}
