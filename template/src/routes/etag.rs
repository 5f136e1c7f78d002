use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{IF_MATCH, IF_NONE_MATCH},
        request::Parts,
    },
};

use crate::items::Item;

/// A strong validator: the item's version (RFC 9110 section 8.8.3).
pub(super) fn etag(item: &Item) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", item.version)).expect("digits in quotes make a header")
}

/// The conditions of a request (RFC 9110 section 13.1).
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Conditions {
    /// Whether `If-Match` lets this version be changed; `None` if it was not sent.
    pub(super) fn allow(&self, item: &Item) -> Option<bool> {
        let list = self.if_match.as_deref()?;
        Some(lists(list, item, |tag| tag))
    }

    /// Whether `If-None-Match` says that the client has this version already.
    pub(super) fn is_known(&self, item: &Item) -> bool {
        let list = self.if_none_match.as_deref();
        list.is_some_and(|list| lists(list, item, |tag| tag.strip_prefix("W/").unwrap_or(tag)))
    }
}

/// `comparable` makes the comparison weak (section 8.8.3.2) or leaves it strong.
fn lists(list: &str, item: &Item, comparable: impl Fn(&str) -> &str) -> bool {
    let current = etag(item);
    let mut tags = list.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || comparable(tag).as_bytes() == current.as_bytes())
}

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            if_match: joined(&parts.headers, &IF_MATCH),
            if_none_match: joined(&parts.headers, &IF_NONE_MATCH),
        })
    }
}

/// A list may be spread over several headers (RFC 9110 section 5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}
