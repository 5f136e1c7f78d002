use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Part, TokenError};

/// Parses a part of a token: an object whose names are unique at every depth.
///
/// `serde_json` lets the last of several members win, another parser the first: a
/// token must not mean two things.
pub(super) fn object(part: Part, json: &[u8]) -> Result<Map<String, Value>, TokenError> {
    let object = serde_json::from_slice(json).map_err(|_| TokenError::NotAnObject(part))?;
    match has_unique_names(json) {
        true => Ok(object),
        false => Err(TokenError::DuplicateName(part)),
    }
}

/// Whether JSON that is otherwise sound repeats no name within an object.
pub(super) fn has_unique_names(json: &[u8]) -> bool {
    serde_json::from_slice::<UniqueNames>(json).is_ok()
}

/// Any JSON without duplicate names. Only looks; the values are parsed elsewhere.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = UniqueNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueNames, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, UniqueNames)) = map.next_entry::<String, UniqueNames>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("duplicate name"));
            }
        }
        Ok(UniqueNames)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<UniqueNames, A::Error> {
        while let Some(UniqueNames) = seq.next_element()? {}
        Ok(UniqueNames)
    }

    fn visit_bool<E>(self, _: bool) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_i64<E>(self, _: i64) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_u64<E>(self, _: u64) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_f64<E>(self, _: f64) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_str<E>(self, _: &str) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_unit<E>(self) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_unique_names_is_parsed() {
        let json = br#"{"a": [1, -1, 1.5, true, null, "s", {"a": 1}], "b": {"a": 1}}"#;
        assert_eq!(object(Part::Claims, json).unwrap().len(), 2);
    }

    #[test]
    fn a_duplicate_name_is_found_at_every_depth_and_behind_every_escape() {
        for json in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 1}"#,
            r#"{"a": {"b": 1, "b": 2}}"#,
            r#"{"a": [{"b": 1, "b": 2}]}"#,
        ] {
            let error = object(Part::Claims, json.as_bytes()).unwrap_err();
            assert_eq!(error, TokenError::DuplicateName(Part::Claims), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = "[".repeat(4000);
        for json in [
            "",
            "null",
            "1",
            "[]",
            "\"{}\"",
            "{} {}",
            "{",
            "\u{feff}{}",
            &deep,
        ] {
            let error = object(Part::Header, json.as_bytes()).unwrap_err();
            assert_eq!(error, TokenError::NotAnObject(Part::Header), "{json:.9}");
        }
        assert!(object(Part::Header, b"{\"a\": \"\xff\"}").is_err());
    }
}
