//! The header `baggage`: [W3C Baggage](https://www.w3.org/TR/baggage/).

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::baggage::{Baggage, BaggageMetadata};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::insert;
use crate::request::header;

pub(super) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// How many members are passed on at most; the recommendation asks for no less.
const MAX_MEMBERS: usize = 64;

/// How long the list is at most, in bytes; the recommendation asks for no less.
const MAX_BYTES: usize = 8192;

/// What is percent-encoded in a value: all but `baggage-octet`, and `%`.
pub(super) const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b',')
    .add(b';')
    .add(b'\\');

/// What may still be added to a list.
pub(super) struct Room {
    members: usize,
    bytes: usize,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self {
            members: MAX_MEMBERS,
            // The first member has no comma before it.
            bytes: MAX_BYTES + ",".len(),
        }
    }

    /// Takes the room of a member, if there is as much.
    pub(super) fn take(&mut self, member_bytes: usize) -> Option<()> {
        self.bytes = self.bytes.checked_sub(member_bytes + ",".len())?;
        self.members = self.members.checked_sub(1)?;
        Some(())
    }
}

/// Reads all headers as one list. A malformed member is left out, and so is all
/// that follows the first for which there is no room. Of two members with one
/// key the last counts.
pub(super) fn extract(headers: &HeaderMap) -> Option<Baggage> {
    let mut room = Room::new();
    let mut baggage = Baggage::new();
    let lists = header(headers, BAGGAGE).map(HeaderValue::as_bytes);
    let members = lists.flat_map(|list| list.split(|byte| *byte == b','));
    for member in members.filter_map(Member::parse) {
        if room.take(member.len()).is_none() {
            break;
        }
        let value = percent_decode_str(member.value).decode_utf8_lossy();
        baggage.insert_with_metadata(member.key.to_owned(), value.into_owned(), member.properties);
    }
    (!baggage.is_empty()).then_some(baggage)
}

/// Writes what there is room for. A member without is left out whole.
pub(super) fn inject(baggage: &Baggage, headers: &mut HeaderMap) {
    let mut room = Room::new();
    let members = baggage.iter().filter_map(|(key, (value, metadata))| {
        let member = member(key.as_str(), value.as_str(), metadata)?;
        room.take(member.len()).map(|()| member)
    });
    let list = members.collect::<Vec<_>>().join(",");
    if !list.is_empty() {
        insert(headers, BAGGAGE, list);
    }
}

/// None if a property is malformed, for no part of a member may go on without the rest.
fn member(key: &str, value: &str, metadata: &BaggageMetadata) -> Option<String> {
    let value = utf8_percent_encode(value, ENCODED);
    let properties = properties(metadata.as_str().split(';'))?;
    Some(if properties.is_empty() {
        format!("{key}={value}")
    } else {
        format!("{key}={value};{properties}")
    })
}

/// One `key=value;property;property` of the list, without white space.
struct Member<'a> {
    key: &'a str,
    /// As it came: percent-encoded.
    value: &'a str,
    /// As they came too, for only they who wrote them know what they mean.
    properties: String,
}

impl<'a> Member<'a> {
    fn parse(member: &'a [u8]) -> Option<Self> {
        let mut parts = str::from_utf8(member).ok()?.split(';');
        let (key, value) = parts.next()?.split_once('=')?;
        let (key, value) = (trim(key), trim(value));
        let properties = properties(parts)?;
        (is_key(key) && is_value(value)).then_some(Self {
            key,
            value,
            properties,
        })
    }

    fn len(&self) -> usize {
        let semicolon = if self.properties.is_empty() {
            0
        } else {
            ";".len()
        };
        self.key.len() + "=".len() + self.value.len() + semicolon + self.properties.len()
    }
}

/// Joins `key` and `key=value`, without white space; empty ones are left out.
fn properties<'a>(properties: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut joined = String::new();
    for property in properties.map(trim).filter(|property| !property.is_empty()) {
        let (key, value) = match property.split_once('=') {
            Some((key, value)) => (trim(key), Some(trim(value))),
            None => (property, None),
        };
        if !is_key(key) || !value.is_none_or(is_value) {
            return None;
        }
        if !joined.is_empty() {
            joined.push(';');
        }
        joined.push_str(key);
        if let Some(value) = value {
            joined.push('=');
            joined.push_str(value);
        }
    }
    Some(joined)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A `token` of RFC 9110, section 5.6.2.
fn is_key(key: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !key.is_empty() && key.bytes().all(is_token)
}

/// `baggage-octet`s, of which `%` begins two hexadecimal digits.
fn is_value(value: &str) -> bool {
    let is_octet = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    value.bytes().all(is_octet) && value.split('%').skip(1).all(is_escape)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What is read, by its keys: values and properties.
    fn read(headers: &[&str]) -> BTreeMap<String, (String, String)> {
        let headers = headers
            .iter()
            .map(|value| (BAGGAGE, value.parse().unwrap()));
        let read = extract(&headers.collect()).unwrap_or_default();
        let members = read.iter().map(|(key, (value, metadata))| {
            let texts = (value.as_str().to_owned(), metadata.as_str().to_owned());
            (key.as_str().to_owned(), texts)
        });
        members.collect()
    }

    /// As [`read`], as one text.
    fn kept(header: &str) -> String {
        let members = read(&[header])
            .into_iter()
            .map(|(key, (value, properties))| {
                let semicolon = if properties.is_empty() { "" } else { ";" };
                format!("{key}={value}{semicolon}{properties}")
            });
        members.collect::<Vec<_>>().join(",")
    }

    fn written(baggage: &Baggage) -> HeaderMap {
        let mut headers = HeaderMap::new();
        inject(baggage, &mut headers);
        headers
    }

    #[test]
    fn several_headers_are_one_list() {
        let read = read(&["userId=alice", "serverNode=DF%2028, isProduction=false"]);
        let keys: Vec<_> = read.keys().map(String::as_str).collect();
        assert_eq!(keys, ["isProduction", "serverNode", "userId"]);
        assert_eq!(read["serverNode"].0, "DF 28");
    }

    #[test]
    fn white_space_around_everything_is_left_out() {
        let header = "a \t = \t 1 \t ; \t p \t = \t 2 \t ; \t q \t , \t b = 3 ";
        assert_eq!(kept(header), "a=1;p=2;q,b=3");
    }

    #[test]
    fn properties_are_kept_as_they_came() {
        assert_eq!(kept("a=1;p;p=2;p=%C3%A9"), "a=1;p;p=2;p=%C3%A9");
    }

    #[test]
    fn a_value_is_decoded_and_may_have_equal_signs() {
        assert_eq!(kept("a=Am%C3%A9lie,b=c=d=,e="), "a=Amélie,b=c=d=,e=");
    }

    #[test]
    fn what_is_not_utf_8_becomes_the_replacement_character() {
        assert_eq!(kept("a=x%FFy"), "a=x\u{fffd}y");
    }

    #[test]
    fn a_malformed_member_is_left_out_alone() {
        for malformed in [
            "",
            " ",
            ";",
            "a",
            "=1",
            "a b=1",
            "(a)=1",
            "a=1 2",
            "a=\"1\"",
            "a=1\\2",
            "a=%",
            "a=%4",
            "a=%zz",
            "a=1;p q",
            "a=1;=2",
            "a=1;p=%",
            "a=1;(p)=2",
            "a=\u{e9}",
        ] {
            assert_eq!(
                kept(&format!("x=1,{malformed},y=2")),
                "x=1,y=2",
                "{malformed}"
            );
        }
    }

    #[test]
    fn of_two_members_with_one_key_the_last_counts() {
        assert_eq!(kept("a=1,b=2,a=3;p"), "a=3;p,b=2");
    }

    #[test]
    fn there_are_64_members_at_most() {
        let members = |count: usize| {
            let members = (0..count).map(|n| format!("k{n}=1"));
            members.collect::<Vec<_>>().join(",")
        };
        assert_eq!(read(&[&members(64)]).len(), 64);
        assert_eq!(read(&[&members(65)]).len(), 64);
        assert_eq!(read(&[&members(40), &members(40)]).len(), 40);
    }

    #[test]
    fn there_are_8192_bytes_at_most() {
        let longest = format!("a={}", "x".repeat(8190));
        assert_eq!(kept(&longest), longest);
        assert_eq!(kept(&format!("{longest}x")), "");
        assert_eq!(kept(&format!("{longest},b=1")), longest);
        let half = format!("b={}", "x".repeat(4094));
        assert_eq!(kept(&format!("a=1,{half},c=1")), format!("a=1,{half},c=1"));
        assert_eq!(read(&[&half, &half.replace("b=", "c=")]).len(), 1);
    }

    #[test]
    fn what_is_written_has_room_in_a_list_of_8192_bytes() {
        // Of 8000 bytes as it is, of 24000 when it is encoded.
        let baggage = Baggage::from_iter([
            opentelemetry::KeyValue::new("long", "\u{e9}".repeat(4000)),
            opentelemetry::KeyValue::new("short", "1"),
        ]);
        assert_eq!(written(&baggage)[BAGGAGE], "short=1");
    }

    #[test]
    fn a_member_with_a_malformed_property_is_not_written() {
        let mut baggage = Baggage::new();
        baggage.insert_with_metadata("a", "1", "p, injected=1");
        assert!(written(&baggage).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            members in proptest::collection::btree_map(
                "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,9}",
                ("\\PC{0,20}", "|p|p=1|p;q=%20"),
                1..9,
            ),
        ) {
            let mut baggage = Baggage::new();
            for (key, (value, properties)) in &members {
                baggage.insert_with_metadata(key.clone(), value.clone(), properties.as_str());
            }
            let headers = written(&baggage);
            prop_assert_eq!(read(&[headers[BAGGAGE].to_str().unwrap()]), members);
        }

        #[test]
        fn what_is_kept_is_within_the_limits(header in "[ab=,; %2é\t]{0,300}") {
            let Some(baggage) = extract(&HeaderMap::from_iter([(BAGGAGE, header.parse().unwrap())]))
            else {
                return Ok(());
            };
            prop_assert!(baggage.len() <= MAX_MEMBERS);
            let list = written(&baggage).remove(BAGGAGE).expect("what is read can be written");
            prop_assert!(list.len() <= MAX_BYTES);
            prop_assert_eq!(read(&[list.to_str().unwrap()]), read(&[&header]));
        }
    }
}
