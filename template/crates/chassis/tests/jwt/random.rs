//! What nobody thought of.

use proptest::prelude::*;

use crate::{
    issuer::{Issuer, claims},
    verify,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

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
