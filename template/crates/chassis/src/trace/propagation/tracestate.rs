//! `tracestate`: W3C Trace Context, level 2, section 3.3.

use http::HeaderValue;
use opentelemetry::trace::TraceState;

const MAX_MEMBERS: usize = 32;

/// What is passed on at most; the recommendation asks for no less.
const MAX_LENGTH: usize = 512;

/// A longer member is the first to go when all together are too long.
const LONG_MEMBER: usize = 128;

/// One `key=value` of the list.
struct Member<'a> {
    key: &'a str,
    value: &'a str,
}

/// Reads the headers as one list, all of it or nothing: what is malformed, too
/// long or repeated spoils the list.
///
/// One limit is opentelemetry's, not the recommendation's: its `TraceState`
/// takes only keys with at most one `@`, near their end.
pub(super) fn parse<'a>(headers: impl IntoIterator<Item = &'a HeaderValue>) -> Option<TraceState> {
    let mut members: Vec<Member<'_>> = Vec::new();
    for header in headers {
        for member in header.to_str().ok()?.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let member = Member::parse(member)?;
            let is_repeated = members.iter().any(|earlier| earlier.key == member.key);
            if is_repeated || members.len() == MAX_MEMBERS {
                return None;
            }
            members.push(member);
        }
    }
    shorten(&mut members);
    TraceState::from_key_value(members.iter().map(|member| (member.key, member.value))).ok()
}

impl<'a> Member<'a> {
    fn parse(member: &'a str) -> Option<Self> {
        let (key, value) = member.split_once('=')?;
        (is_key(key) && is_value(value)).then_some(Self { key, value })
    }

    fn len(&self) -> usize {
        self.key.len() + "=".len() + self.value.len()
    }
}

/// Section 3.3.1.5: first the long members go, then from the end.
fn shorten(members: &mut Vec<Member<'_>>) {
    while length(members) > MAX_LENGTH {
        let long = members
            .iter()
            .rposition(|member| member.len() > LONG_MEMBER);
        members.remove(long.unwrap_or(members.len() - 1));
    }
}

fn length(members: &[Member<'_>]) -> usize {
    let commas = members.len().saturating_sub(1);
    members.iter().map(Member::len).sum::<usize>() + commas
}

/// Section 3.3.1.3.1: a lower-case letter or digit first, 256 characters at most.
fn is_key(key: &str) -> bool {
    let start = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut bytes = key.bytes();
    key.len() <= 256
        && bytes.next().is_some_and(start)
        && bytes.all(|byte| start(byte) || b"_-*/@".contains(&byte))
}

/// Section 3.3.1.3.2: visible characters and inner spaces, but no `,` and no `=`.
fn is_value(value: &str) -> bool {
    let allowed = |byte| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && !value.ends_with(' ') && value.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(header: &str) -> Option<String> {
        parse([&header.parse().unwrap()]).map(|state| state.header())
    }

    fn kept(header: &str) -> String {
        read(header).expect("is well-formed")
    }

    #[test]
    fn white_space_around_members_and_empty_members_are_left_out() {
        assert_eq!(kept(" a=1 \t,\t b=2,, c=3,"), "a=1,b=2,c=3");
        assert_eq!(kept(""), "");
    }

    #[test]
    fn two_members_with_one_key_spoil_the_list() {
        assert_eq!(read("a=1,b=2,a=1"), None);
    }

    #[test]
    fn all_characters_that_are_allowed_are_kept() {
        let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
        let state = format!("0abcdefghijklmnopqrstuvwxyz123456789_-*/={value}");
        assert_eq!(kept(&state), state);
        assert_eq!(kept("tenant@system=1"), "tenant@system=1");
        assert_eq!(kept("a= 1 2"), "a= 1 2");
    }

    #[test]
    fn one_malformed_member_spoils_the_list() {
        for malformed in [
            "a", "a=", "=1", "A=1", "_a=1", "a =1", "a=1=2", "a.b=1", "a=\t1\tb",
        ] {
            assert_eq!(read(&format!("x=1,{malformed}")), None, "{malformed}");
        }
        assert_eq!(read("a=\u{e9}"), None);
    }

    #[test]
    fn keys_and_values_have_256_characters_at_most() {
        let (most, more) = ("z".repeat(256), "z".repeat(257));
        assert_eq!(kept(&format!("{most}=1")), format!("{most}=1"));
        assert_eq!(kept(&format!("a={most}")), format!("a={most}"));
        assert_eq!(read(&format!("{more}=1")), None);
        assert_eq!(read(&format!("a={more}")), None);
    }

    #[test]
    fn there_are_32_members_at_most() {
        let members = |count| {
            (0..count)
                .map(|n| format!("k{n}=1"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(kept(&members(32)), members(32));
        assert_eq!(read(&members(33)), None);
    }

    #[test]
    fn of_more_than_512_characters_the_long_members_go_first_then_the_last() {
        let long = format!("long={}", "x".repeat(200));
        let short = |n| format!("k{n}={}", "x".repeat(120));
        let state = [short(0), long, short(1), short(2), short(3), short(4)].join(",");
        assert_eq!(
            kept(&state),
            [short(0), short(1), short(2), short(3)].join(",")
        );
    }

    proptest! {
        #[test]
        fn what_is_kept_is_well_formed_and_within_the_limits(
            header in "[a-c0=,@ \t_~]{0,700}"
        ) {
            if let Some(state) = read(&header) {
                prop_assert!(state.len() <= MAX_LENGTH);
                prop_assert!(state.split(',').count() <= MAX_MEMBERS);
                prop_assert_eq!(kept(&state), state);
            }
        }
    }
}
