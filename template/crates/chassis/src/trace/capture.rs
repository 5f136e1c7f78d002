use std::{collections::HashSet, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use crate::names::span::{HTTP_REQUEST_HEADER, HTTP_RESPONSE_HEADER, URL_QUERY};

/// Stands for a value that is kept back, as the conventions have it.
pub(super) const REDACTED: &str = "REDACTED";

/// What a text in an attribute has at most, in bytes; the rest is cut off.
const MAX_TEXT_BYTES: usize = 1024;

/// What is recorded beyond the conventions' defaults: nothing unless it was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Capture {
    query_parameters: Option<HashSet<String>>,
    request_headers: Vec<(HeaderName, Key)>,
    response_headers: Vec<(HeaderName, Key)>,
}

impl Capture {
    pub(super) fn query_parameters(&mut self, names: impl Iterator<Item = String>) {
        self.query_parameters.get_or_insert_default().extend(names);
    }

    pub(super) fn request_headers(&mut self, names: impl IntoIterator<Item = HeaderName>) {
        let named = names
            .into_iter()
            .map(|name| attribute(HTTP_REQUEST_HEADER, name));
        self.request_headers.extend(named);
    }

    pub(super) fn response_headers(&mut self, names: impl IntoIterator<Item = HeaderName>) {
        let named = names
            .into_iter()
            .map(|name| attribute(HTTP_RESPONSE_HEADER, name));
        self.response_headers.extend(named);
    }

    /// Whether there is anything to record of a response.
    pub(super) fn is_of_responses(&self) -> bool {
        !self.response_headers.is_empty()
    }

    /// `url.query`, if it is recorded and there is one.
    pub(super) fn query(&self, uri: &Uri) -> Option<KeyValue> {
        self.query_parameters.as_ref()?;
        let query = self.redacted(uri.query()?);
        Some(KeyValue::new(URL_QUERY, clip(&query).to_owned()))
    }

    /// A query with the values of the named parameters alone. A parameter without a name
    /// is a value: it may be all that a secret link has.
    pub(super) fn redacted(&self, query: &str) -> String {
        let is_shown = |name| {
            let names = self.query_parameters.as_ref();
            names.is_some_and(|names| names.contains(name))
        };
        let parameters = query.split('&');
        let parameters = parameters.map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if !is_shown(name) => format!("{name}={REDACTED}"),
            None if !parameter.is_empty() && !is_shown(parameter) => REDACTED.to_owned(),
            _ => parameter.to_owned(),
        });
        parameters.collect::<Vec<_>>().join("&")
    }

    pub(super) fn of_request<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = KeyValue> + 'a {
        values(&self.request_headers, headers)
    }

    pub(super) fn of_response<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = KeyValue> + 'a {
        values(&self.response_headers, headers)
    }
}

/// A text of a client's making, of bounded length.
pub(super) fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

fn attribute(prefix: &str, name: HeaderName) -> (HeaderName, Key) {
    let key: Arc<str> = format!("{prefix}{name}").into();
    (name, key.into())
}

/// A header is a list, for it may come several times.
fn values<'a>(
    recorded: &'a [(HeaderName, Key)],
    headers: &'a HeaderMap,
) -> impl Iterator<Item = KeyValue> + 'a {
    recorded.iter().filter_map(|(name, key)| {
        let values: Vec<_> = headers.get_all(name).iter().map(value).collect();
        let values = Value::Array(Array::String(values));
        headers
            .contains_key(name)
            .then(|| KeyValue::new(key.clone(), values))
    })
}

fn value(value: &HeaderValue) -> StringValue {
    if value.is_sensitive() {
        return REDACTED.into();
    }
    clip(&String::from_utf8_lossy(value.as_bytes()))
        .to_owned()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(known: &[&str], uri: &'static str) -> Option<String> {
        let mut capture = Capture::default();
        capture.query_parameters(known.iter().map(|&name| name.to_owned()));
        let recorded = capture.query(&Uri::from_static(uri))?;
        Some(recorded.value.to_string())
    }

    #[test]
    fn only_named_parameters_show_their_values() {
        for (uri, expected) in [
            (
                "/?page=2&token=secret&page=3&x=a=b",
                "page=2&token=REDACTED&page=3&x=REDACTED",
            ),
            ("/?s3cret", "REDACTED"),
            ("/?page&s3cret&&x=", "page&REDACTED&&x=REDACTED"),
            ("/?=s3cret", "=REDACTED"),
            ("/?", ""),
        ] {
            let shown = query(&["page"], uri);
            assert_eq!(shown.as_deref(), Some(expected), "{uri}");
        }
        assert_eq!(query(&["page"], "/"), None);
    }

    #[test]
    fn nothing_is_recorded_that_nobody_asked_for() {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("*/*"));
        let capture = Capture::default();
        assert_eq!(capture.query(&Uri::from_static("/?page=2")), None);
        assert_eq!(capture.of_request(&headers).count(), 0);
        assert_eq!(capture.of_response(&headers).count(), 0);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "ü".repeat(MAX_TEXT_BYTES);
        assert_eq!(clip(&text), "ü".repeat(MAX_TEXT_BYTES / 2));
        let odd = format!("x{text}");
        assert_eq!(clip(&odd).len(), MAX_TEXT_BYTES - 1);
    }
}
