use std::time::Duration;

use http::{
    HeaderMap,
    header::{AGE, CACHE_CONTROL},
};

use super::{DEFAULT_LIFETIME, MAX_LIFETIME, MIN_LIFETIME};

/// How long an answer is fresh (RFC 9111 section 4.2), within our bounds.
pub(super) fn lifetime(headers: &HeaderMap) -> Duration {
    stated(headers)
        .unwrap_or(DEFAULT_LIFETIME)
        .clamp(MIN_LIFETIME, MAX_LIFETIME)
}

/// What is left of `max-age`; nothing of what must not be kept at all.
fn stated(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers.get_all(CACHE_CONTROL).iter();
    let fields: Vec<_> = fields.filter_map(|field| field.to_str().ok()).collect();
    let directives = || fields.iter().flat_map(|field| field.split(','));
    let not_to_be_kept = ["no-store", "no-cache"];
    if directives().any(|directive| is_one_of(directive, &not_to_be_kept)) {
        return Some(Duration::ZERO);
    }
    let max_age = directives().find_map(max_age)?;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age = Duration::from_secs(age.and_then(seconds).unwrap_or(0));
    Some(max_age.saturating_sub(age))
}

fn is_one_of(directive: &str, names: &[&str]) -> bool {
    let directive = directive.trim();
    names
        .iter()
        .any(|name| directive.eq_ignore_ascii_case(name))
}

/// With quotes or without (RFC 9111 section 5.2). One that makes no sense is stale
/// (section 4.2.1).
fn max_age(directive: &str) -> Option<Duration> {
    let (name, value) = directive.split_once('=')?;
    is_one_of(name, &["max-age"])
        .then(|| seconds(value.trim().trim_matches('"')).unwrap_or(0))
        .map(Duration::from_secs)
}

/// More than fits is a long time (RFC 9111 section 1.2.2).
fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;

    fn seconds_of(cache_control: &[&'static str], age: Option<&'static str>) -> u64 {
        let mut headers = HeaderMap::new();
        for value in cache_control {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        if let Some(age) = age {
            headers.insert(AGE, HeaderValue::from_static(age));
        }
        lifetime(&headers).as_secs()
    }

    #[test]
    fn max_age_says_how_long_keys_are_fresh() {
        for (field, expected) in [
            ("max-age=600", 600),
            ("public, max-age=600, must-revalidate", 600),
            ("Max-Age=\"600\"", 600),
            ("s-maxage=5, max-age=600", 600),
            ("max-age=600, max-age=700", 600),
        ] {
            assert_eq!(seconds_of(&[field], None), expected, "{field}");
        }
        assert_eq!(seconds_of(&["public", "max-age=600"], None), 600);
    }

    #[test]
    fn what_was_spent_in_caches_counts() {
        assert_eq!(seconds_of(&["max-age=600"], Some("100")), 500);
        assert_eq!(seconds_of(&["max-age=600"], Some("9999")), MINUTE);
        assert_eq!(seconds_of(&["max-age=600"], Some("-1")), 600);
    }

    #[test]
    fn there_is_a_shortest_and_a_longest_lifetime_and_one_by_default() {
        assert_eq!(seconds_of(&[], None), HOUR);
        assert_eq!(seconds_of(&["public"], Some("100")), HOUR);
        for field in [
            "max-age=0",
            "max-age=59",
            "max-age=x",
            "max-age=",
            "no-store",
            "No-Cache",
        ] {
            assert_eq!(seconds_of(&[field, "max-age=600"], None), MINUTE, "{field}");
        }
        for field in ["max-age=86401", "max-age=99999999999999999999999"] {
            assert_eq!(seconds_of(&[field], None), 24 * HOUR, "{field}");
        }
    }
}
