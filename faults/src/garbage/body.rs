use serde::Deserialize;

/// What makes an item.
pub const GOOD: &str = r#"{"name":"lamp","description":"for reading, by night","quantity":3}"#;

/// What hurts in JSON.
pub const PIECES: &[&str] = &[
    "[",
    "{",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "1e999",
    "-0",
    "18446744073709551616",
    "null",
    "NaN",
    "\"name\":\"x\",",
    "\"extra\":1,",
    "//",
    "\u{202e}",
    "é",
    ",",
];

/// What the documentation of the API says, written down once more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    name: String,
    description: Option<String>,
    #[serde(default)]
    quantity: i64,
}

/// Whether it makes an item after all.
pub fn is_right(body: &[u8]) -> bool {
    let Ok(item) = serde_json::from_slice::<Item>(body) else {
        return false;
    };
    let name = item.name.trim();
    let description = item.description.unwrap_or_default();
    (1..=100).contains(&name.chars().count())
        && !name.contains(char::is_control)
        && description.chars().count() <= 1000
        && !description.contains('\0')
        && (0..=1_000_000).contains(&item.quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_an_item_is_right() {
        assert!(is_right(GOOD.as_bytes()));
        for body in [
            "",
            "{}",
            r#"{"name":""}"#,
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","quantity":-1}"#,
            r#"{"name":"a","more":1}"#,
            "{\"name\":\"a\\u0000b\"}",
            r#"{"name":"a","description":"\u0000"}"#,
        ] {
            assert!(!is_right(body.as_bytes()), "{body}");
        }
    }
}
