//! Which series an expression selects: enough of PromQL to name them, not to read it. What is
//! no PromQL promtool tells.

use std::collections::BTreeSet;

/// A series by its name, and the labels of which it asks something.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    pub name: String,
    pub labels: BTreeSet<String>,
}

/// Words that a name is not.
const WORDS: [&str; 14] = [
    "and",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "nan",
    "offset",
    "on",
    "or",
    "unless",
    "without",
    "atan2",
];
/// What stands in brackets behind these are labels.
const LISTS: [&str; 6] = [
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "on",
    "without",
];

/// All selectors of an expression, each once.
pub fn selectors(expression: &str) -> BTreeSet<Selector> {
    let mut selectors = BTreeSet::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_begin_of_word) {
        // A text, or a time, is no word.
        if let Some(behind) = behind_others(rest, start) {
            rest = behind;
            continue;
        }
        rest = &rest[start..];
        let end = rest.find(|c: char| !is_in_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        let next = behind.trim_start();
        if LISTS.contains(&word) {
            rest = next.split_once(')').map_or("", |(_, behind)| behind);
        } else if !WORDS.contains(&word) && !is_called(next) {
            let (labels, behind) = matchers(next);
            rest = behind;
            selectors.insert(Selector {
                name: word.to_owned(),
                labels,
            });
        }
    }
    selectors
}

/// Whether the word before is a function's: `sum(…)`, `sum by (…) (…)`.
fn is_called(next: &str) -> bool {
    let groups = ["by", "without"];
    let group = groups.iter().find_map(|word| next.strip_prefix(word));
    next.starts_with('(') || group.is_some_and(|rest| rest.trim_start().starts_with('('))
}

/// Behind a text, a range or a number that comes before the word.
fn behind_others(rest: &str, word: usize) -> Option<&str> {
    let place = rest.find(|c: char| "\"[".contains(c) || c.is_ascii_digit())?;
    if place > word {
        return None;
    }
    let (opening, behind) = rest[place..].split_at(1);
    match opening {
        "\"" => Some(&behind[end_of_text(behind)..]),
        "[" => Some(behind.split_once(']').map_or("", |(_, behind)| behind)),
        _ => {
            let is_of_number = |c: char| c.is_ascii_alphanumeric() || c == '.';
            Some(behind.trim_start_matches(is_of_number))
        }
    }
}

/// Where a text ends, behind its closing quote.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    for (place, c) in text.char_indices() {
        match c {
            '"' if !is_escaped => return place + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// The labels of `{…}`, if it stands here, and what is behind it.
fn matchers(text: &str) -> (BTreeSet<String>, &str) {
    let mut labels = BTreeSet::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (labels, text);
    };
    loop {
        rest = rest.trim_start_matches([',', ' ', '\n']);
        if let Some(behind) = rest.strip_prefix('}') {
            return (labels, behind);
        }
        let end = rest.find(|c: char| !is_in_word(c)).unwrap_or(rest.len());
        labels.insert(rest[..end].to_owned());
        let Some((_, value)) = rest.split_once('"') else {
            return (labels, "");
        };
        rest = &value[end_of_text(value)..];
    }
}

fn is_begin_of_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

fn is_in_word(c: char) -> bool {
    is_begin_of_word(c) || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expression: &str) -> Vec<String> {
        let told = |selector: Selector| {
            let labels: Vec<_> = selector.labels.into_iter().collect();
            format!("{}/{}", selector.name, labels.join(","))
        };
        selectors(expression).into_iter().map(told).collect()
    }

    #[test]
    fn functions_groups_and_words_are_no_series() {
        let expression = r#"sum by (job, le) (rate(a_bucket{job="x", le=~"0.5|y}"}[5m])) > 14.4 * 0.001 and on (job) b:rate5m unless absent(up{job="a\"b"} == 1)"#;
        assert_eq!(
            found(expression),
            ["a_bucket/job,le", "b:rate5m/", "up/job"]
        );
    }

    #[test]
    fn what_joins_brings_no_labels() {
        let expression =
            "time() - x_seconds{a=\"1\"} / on (pod) group_left (node) y offset 5m or vector(0)";
        assert_eq!(found(expression), ["x_seconds/a", "y/"]);
    }

    #[test]
    fn texts_and_numbers_are_passed_over() {
        let expression = r#"count(count_values("hash", config_hash)) + 1e9 + label_replace(z, "a", "$1", "b", "(.*)")"#;
        assert_eq!(found(expression), ["config_hash/", "z/"]);
    }
}
