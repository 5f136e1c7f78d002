use std::hash::{Hash, Hasher};

use http::{StatusCode, Version};
use opentelemetry::{Key, KeyValue, StringValue};
use papaya::Equivalent;

use super::Labels;
use crate::{
    names::{
        ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE,
        NETWORK_PROTOCOL_VERSION, URL_SCHEME,
    },
    request,
};

/// The labels that the conventions set.
pub(super) const CONVENTIONS: [&str; 6] = [
    ERROR_TYPE,
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
    NETWORK_PROTOCOL_VERSION,
    URL_SCHEME,
];

/// What tells the series of a request from others, as long as it is only asked for.
pub(super) struct Query<'a> {
    pub(super) fixed: Fixed,
    pub(super) route: Option<&'a str>,
    pub(super) labels: LabelValues<'a>,
}

/// The part that needs no memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    /// Its number among the known ones.
    pub(super) method: usize,
    pub(super) is_https: bool,
    pub(super) version: Version,
    pub(super) status: Option<StatusCode>,
    pub(super) error_type: Option<&'static str>,
}

/// The values of the labels that the layer was told.
#[derive(Clone, Copy)]
pub(super) struct LabelValues<'a> {
    pub(super) keys: &'a [Key],
    pub(super) response: Option<&'a Labels>,
    pub(super) request: Option<&'a Labels>,
}

impl<'a> LabelValues<'a> {
    /// One for each key.
    fn iter(self) -> impl Iterator<Item = Option<&'a StringValue>> {
        let value = |labels: Option<&'a Labels>, key| labels.and_then(|labels| labels.value(key));
        let value_of = move |key| value(self.response, key).or_else(|| value(self.request, key));
        self.keys.iter().map(value_of)
    }
}

/// What tells a series from others.
pub(super) struct SeriesKey {
    fixed: Fixed,
    route: Option<Box<str>>,
    labels: Box<[Option<StringValue>]>,
}

impl Query<'_> {
    pub(super) fn to_key(&self) -> SeriesKey {
        SeriesKey {
            fixed: self.fixed,
            route: self.route.map(Box::from),
            labels: self.labels.iter().map(Option::<&_>::cloned).collect(),
        }
    }

    /// By the conventions, and what the layer was told.
    pub(super) fn attributes(&self, method: &'static str) -> Vec<KeyValue> {
        let fixed = &self.fixed;
        let status = fixed.status.map(|status| i64::from(status.as_u16()));
        let version = request::protocol_version(fixed.version);
        let labels = self.labels.keys.iter().zip(self.labels.iter());
        let own =
            labels.filter_map(|(key, value)| Some(KeyValue::new(key.clone(), value?.clone())));
        let mut attributes: Vec<_> = own.collect();
        attributes.extend(in_flight(method, fixed.is_https));
        let optional = [
            version.map(|version| KeyValue::new(NETWORK_PROTOCOL_VERSION, version)),
            self.route
                .map(|route| KeyValue::new(HTTP_ROUTE, route.to_owned())),
            status.map(|status| KeyValue::new(HTTP_RESPONSE_STATUS_CODE, status)),
            fixed
                .error_type
                .map(|error| KeyValue::new(ERROR_TYPE, error)),
        ];
        attributes.extend(optional.into_iter().flatten());
        attributes
    }
}

/// What is known of a request before it is answered.
pub(super) fn in_flight(method: &'static str, is_https: bool) -> [KeyValue; 2] {
    let scheme = if is_https { "https" } else { "http" };
    [
        KeyValue::new(HTTP_REQUEST_METHOD, method),
        KeyValue::new(URL_SCHEME, scheme),
    ]
}

/// By what tells most series of a route apart; the rest is left to be compared.
impl Hash for Fixed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let status = self.status.map_or(0, |status| status.as_u16());
        state.write_u64((self.method as u64) << u16::BITS | u64::from(status));
    }
}

impl Hash for Query<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.fixed, self.route, self.labels.iter(), state);
    }
}

impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let labels = self.labels.iter().map(Option::as_ref);
        hash(self.fixed, self.route.as_deref(), labels, state);
    }
}

/// A query is looked up among keys: both hash to the same.
fn hash<'a, H: Hasher>(
    fixed: Fixed,
    route: Option<&str>,
    labels: impl Iterator<Item = Option<&'a StringValue>>,
    state: &mut H,
) {
    fixed.hash(state);
    route.hash(state);
    labels.for_each(|label| label.hash(state));
}

impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        self.fixed == other.fixed && self.route == other.route && self.labels == other.labels
    }
}

impl Eq for SeriesKey {}

impl Equivalent<SeriesKey> for Query<'_> {
    fn equivalent(&self, key: &SeriesKey) -> bool {
        self.fixed == key.fixed
            && self.route == key.route.as_deref()
            && self.labels.iter().eq(key.labels.iter().map(Option::as_ref))
    }
}
