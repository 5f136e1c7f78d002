//! A strict reader of both formats.

use std::collections::BTreeMap;

/// A line with a value.
#[derive(Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    /// The labels of the exemplar, if it has one.
    pub exemplar: Option<BTreeMap<String, String>>,
}

/// All samples of an exposition; panics at what is not as the formats say.
pub fn samples(exposition: &str) -> Vec<Sample> {
    let complete = exposition.is_empty() || exposition.ends_with('\n');
    assert!(complete, "the last line has no end");
    // Not `lines`: a carriage return is not the end of a line.
    let lines = exposition.split_terminator('\n');
    lines.filter(|line| !is_comment(line)).map(sample).collect()
}

fn is_comment(line: &str) -> bool {
    let known = ["# HELP ", "# TYPE ", "# UNIT ", "# EOF"];
    let comment = known.iter().any(|start| line.starts_with(start));
    assert!(comment || !line.starts_with('#'), "{line}");
    comment
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a name and a value");
    let (name, rest) = line.split_at(end);
    assert_name(name, true);
    let (labels, rest) = braces(rest);
    let rest = rest.strip_prefix(' ').expect("a space before the value");
    let (value, exemplar) = match rest.split_once(" # ") {
        None => (rest, None),
        Some((value, exemplar)) => {
            let (labels, rest) = braces(exemplar);
            let numbers = rest.trim_start().split(' ');
            assert_eq!(numbers.map(number).count(), 2, "a value and a time");
            (value, Some(labels))
        }
    };
    Sample {
        name: name.to_owned(),
        labels,
        value: number(value),
        exemplar,
    }
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

/// The labels between braces, if there are any, and what comes after.
fn braces(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (labels, text);
    };
    loop {
        let (name, quoted) = rest.split_once("=\"").expect("a label");
        assert_name(name, false);
        let (value, after) = unquote(quoted);
        assert!(
            labels.insert(name.to_owned(), value).is_none(),
            "{name} twice"
        );
        match after.split_at(1) {
            ("}", after) => return (labels, after),
            (",", after) => rest = after,
            (other, _) => panic!("{other:?} after a label"),
        }
    }
}

/// A value up to its closing quote, and what comes after.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, c @ ('"' | '\\'))) => c,
                other => panic!("{other:?} is escaped"),
            }),
            _ => value.push(c),
        }
    }
    panic!("a value without an end: {text}");
}

fn assert_name(name: &str, of_metric: bool) {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || (of_metric && c == ':');
    let valid = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
    assert!(valid, "{name:?} is no name");
}
