//! Attributes as the text between the braces of a series.

use opentelemetry::KeyValue;

use super::name;

/// The labels of the series of all that is beyond the ceiling.
pub(super) const OVERFLOW: &str = "otel_metric_overflow=\"true\"";

/// The labels that an exposition adds itself.
const RESERVED: [&str; 2] = ["le", "quantile"];

/// Writes attributes as `name="value",name="value"`, sorted by name: equal for
/// all that Prometheus takes for the same series.
///
/// Of two equal keys the last counts. The values of keys that become the same
/// name are joined by `;`, in the order of the keys, as the specification says.
/// An empty value is no label, in the eyes of Prometheus. A
/// [reserved](RESERVED) name is prefixed by `exported_`.
pub(super) fn render(attributes: &[KeyValue]) -> String {
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    let is_last = |(i, attribute): &(usize, &&KeyValue)| {
        sorted
            .get(i + 1)
            .is_none_or(|next| next.key != attribute.key)
    };
    let mut labels: Vec<(String, String)> = Vec::with_capacity(sorted.len());
    for (_, attribute) in sorted.iter().enumerate().filter(is_last) {
        let value = attribute.value.as_str();
        if !value.is_empty() {
            labels.push((label(attribute.key.as_str()), value.into_owned()));
        }
    }
    labels.sort_by(|(a, _), (b, _)| a.cmp(b));
    labels.dedup_by(|(name, value), (kept_name, kept)| {
        let is_same = name == kept_name;
        if is_same {
            kept.push(';');
            kept.push_str(value);
        }
        is_same
    });
    let labels = labels.iter().map(|(name, value)| {
        let mut label = format!("{name}=\"");
        escape(value, true, &mut label);
        label.push('"');
        label
    });
    labels.collect::<Vec<_>>().join(",")
}

fn label(key: &str) -> String {
    let name = name::label(key);
    if RESERVED.contains(&name.as_str()) {
        format!("exported_{name}")
    } else {
        name
    }
}

/// Escapes a label's value, or a help text. U+0000 ends the input of Prometheus'
/// lexer, and so becomes U+FFFD.
pub(super) fn escape(text: &str, quotes: bool, escaped: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quotes => escaped.push_str("\\\""),
            '\0' => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(attributes: &[(&'static str, &'static str)]) -> String {
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(key, value)| KeyValue::new(*key, *value))
            .collect();
        render(&attributes)
    }

    #[test]
    fn labels_are_sorted_and_escaped() {
        assert_eq!(
            rendered(&[("z", "1"), ("a.b", "\\ \" \n \0 ü")]),
            "a_b=\"\\\\ \\\" \\n \u{fffd} ü\",z=\"1\""
        );
    }

    #[test]
    fn of_equal_keys_the_last_counts() {
        assert_eq!(rendered(&[("a", "1"), ("a", "2")]), r#"a="2""#);
    }

    #[test]
    fn values_of_keys_that_become_one_are_joined() {
        assert_eq!(
            rendered(&[("a_b", "3"), ("a.b", "2"), ("a-b", "1"), ("a_b_", "4")]),
            r#"a_b="1;2;3",a_b_="4""#
        );
    }

    #[test]
    fn an_empty_value_is_no_label() {
        assert_eq!(rendered(&[("a", ""), ("b", "1")]), r#"b="1""#);
    }

    #[test]
    fn a_reserved_name_is_exported() {
        assert_eq!(rendered(&[("le", "1")]), r#"exported_le="1""#);
    }

    #[test]
    fn values_that_are_not_text_are_written_as_such() {
        let attributes = [
            KeyValue::new("b", true),
            KeyValue::new("f", 0.5),
            KeyValue::new("i", 42),
        ];
        assert_eq!(render(&attributes), r#"b="true",f="0.5",i="42""#);
    }
}
