//! Reads a part of a token, in one pass: JSON whose names are unique at every depth.
//!
//! `serde_json` lets the last of several members win, another parser the first: a
//! token must not mean two things.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{Part, TokenError};

/// What is looked at in JSON, as far as a token's checks need to know.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Copied only if it is escaped.
    Text(Cow<'a, str>),
    Integer(u64),
    Number(f64),
    List(Vec<Value<'a>>),
    /// An object, a boolean or `null`.
    Other,
}

/// The values of an object's members of these names, in this order.
pub(super) fn members<'a, const N: usize>(
    part: Part,
    json: &'a str,
    names: &[&str; N],
) -> Result<[Option<Value<'a>>; N], TokenError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let members = deserializer.deserialize_map(Members(names));
    let members = members.and_then(|members| deserializer.end().map(|()| members));
    // All types are taken, so that sound JSON fails for its names, or is no object.
    members.map_err(|error| match error.is_data() && starts_object(json) {
        true => TokenError::DuplicateName(part),
        false => TokenError::NotAnObject(part),
    })
}

/// The value of an object's member, if it has one of this name.
pub(super) fn member<T: DeserializeOwned>(json: &str, name: &str) -> serde_json::Result<Option<T>> {
    let of_type = PhantomData;
    serde_json::Deserializer::from_str(json).deserialize_map(Member { name, of_type })
}

/// Whether JSON that is otherwise sound repeats no name within an object.
pub(super) fn has_unique_names(json: &[u8]) -> bool {
    serde_json::from_slice::<Value<'_>>(json).is_ok()
}

fn starts_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

struct Members<'n, const N: usize>(&'n [&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<Value<'de>>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = [const { None }; N];
        let mut is_repeated = false;
        let mut others = Names::default();
        while let Some((Name(name), value)) = map.next_entry()? {
            match self.0.iter().position(|wanted| *wanted == name) {
                Some(place) => is_repeated |= members[place].replace(value).is_some(),
                None => others.0.push(name),
            }
        }
        // Not before the end: what is no JSON at all is told as that.
        match is_repeated {
            true => Err(duplicate_name()),
            false => others.check().map(|()| members),
        }
    }
}

struct Member<'n, T> {
    name: &'n str,
    of_type: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Member<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
        let mut member = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == self.name {
                member = Some(map.next_value()?);
            } else {
                let IgnoredAny = map.next_value()?;
            }
        }
        Ok(member)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Names within an object.
#[derive(Default)]
struct Names<'a>(Vec<Cow<'a, str>>);

impl Names<'_> {
    /// By sorting: an object of a thousand names does not cost a million comparisons.
    fn check<E: Error>(mut self) -> Result<(), E> {
        self.0.sort_unstable();
        match self.0.windows(2).any(|pair| pair[0] == pair[1]) {
            true => Err(duplicate_name()),
            false => Ok(()),
        }
    }
}

fn duplicate_name<E: Error>() -> E {
    E::custom("duplicate name")
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut names = Names::default();
        while let Some((key, value)) = map.next_entry::<Key<'_>, Value<'_>>()? {
            match key {
                Key::Name(name) => names.0.push(name),
                Key::OfDigits => return Ok(number(&value)),
            }
        }
        names.check().map(|()| Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }
}

/// What stands before a value of an object.
///
/// With its feature `arbitrary_precision`, which any other crate can switch on for all,
/// `serde_json` shows a number that is no integer of 64 bits as an object of its digits.
/// Their name is told, and not parsed: so it is no name, and no text can feign it.
enum Key<'a> {
    Name(Cow<'a, str>),
    OfDigits,
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("Key", AnyKey)
    }
}

struct AnyKey;

impl<'de> Visitor<'de> for AnyKey {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, name: D) -> Result<Key<'de>, D::Error> {
        Name::deserialize(name).map(|Name(name)| Key::Name(name))
    }

    fn visit_str<E>(self, _: &str) -> Result<Key<'de>, E> {
        Ok(Key::OfDigits)
    }
}

/// By its digits. One without bounds is nothing that is looked at.
fn number<'a>(digits: &Value<'_>) -> Value<'a> {
    let number = match digits {
        Value::Text(digits) => digits.parse::<f64>().ok(),
        _ => None,
    };
    let finite = number.filter(|number| number.is_finite());
    finite.map_or(Value::Other, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error as ShownError, MapDeserializer};

    use super::*;

    fn member<'a>(json: &'a str) -> Result<Option<Value<'a>>, TokenError> {
        members(Part::Claims, json, &["a"]).map(|[value]| value)
    }

    #[test]
    fn a_member_is_found_by_its_name() {
        let text = |text: &str| Some(Value::Text(Cow::Owned(text.to_owned())));
        for (json, value) in [
            (r#"{"b": {"a": 1}, "c": [{"a": 1}]}"#, None),
            (r#"{"a": "s", "b": {"a": 1}}"#, text("s")),
            (r#"{"\u0061": "\u0073"}"#, text("s")),
            (r#" {"a": 1} "#, Some(Value::Integer(1))),
            (r#"{"a": -1}"#, Some(Value::Number(-1.0))),
            (r#"{"a": 1.5}"#, Some(Value::Number(1.5))),
            (
                r#"{"a": [1, []]}"#,
                Some(Value::List(vec![Value::Integer(1), Value::List(vec![])])),
            ),
            (r#"{"a": {"b": 1}}"#, Some(Value::Other)),
            (r#"{"a": null}"#, Some(Value::Other)),
            (r#"{"a": true}"#, Some(Value::Other)),
        ] {
            assert_eq!(member(json).unwrap(), value, "{json}");
        }
    }

    #[test]
    fn a_duplicate_name_is_found_at_every_depth_and_behind_every_escape() {
        for json in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"b": 1, "c": 2, "b": 1}"#,
            r#"{"a": 1, "\u0061": 1}"#,
            r#"{"a": {"b": 1, "b": 2}}"#,
            r#" {"a": [{"b": 1, "b": 2}]}"#,
        ] {
            let refused = Err(TokenError::DuplicateName(Part::Claims));
            assert_eq!(member(json), refused, "{json}");
            assert!(!has_unique_names(json.as_bytes()), "{json}");
        }
        assert!(has_unique_names(
            br#"{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}"#
        ));
    }

    /// As by the feature `arbitrary_precision`.
    #[test]
    fn a_number_may_be_shown_as_an_object_that_no_text_can_feign() {
        let shown = |digits: &'static str| {
            let digits = [("$serde_json::private::Number", digits)];
            let shown = MapDeserializer::<_, ShownError>::new(digits.into_iter());
            Value::deserialize(shown).unwrap()
        };
        assert_eq!(shown("-1.5e1"), Value::Number(-15.0));
        assert_eq!(shown("1e999"), Value::Other);
        let feigned = r#"{"a": {"$serde_json::private::Number": "1.5"}}"#;
        assert_eq!(member(feigned).unwrap(), Some(Value::Other));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = "[".repeat(4000);
        for json in [
            "",
            "null",
            "1",
            "[]",
            r#"[{"a": 1, "a": 1}]"#,
            "\"{}\"",
            "{} {}",
            "{",
            "\u{feff}{}",
            r#"{"a": 1e999}"#,
            &deep,
        ] {
            let refused = Err(TokenError::NotAnObject(Part::Claims));
            assert_eq!(member(json), refused, "{json:.9}");
        }
    }
}
