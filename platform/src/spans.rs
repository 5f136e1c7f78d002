//! Traces as two services would make them, and spans as they arrive.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};

pub type TraceId = Vec<u8>;

/// Of each trace: a request, the call that it makes, and the request of that.
pub const SPANS: usize = 3;
const SERVICES: [&str; SPANS] = ["shop", "shop", "stock"];
const NANOSECONDS: u64 = 1_000_000_000;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ordinary,
    /// The last of its spans has an error, and no other.
    Failed,
    /// Longer than a second.
    Slow,
}

/// One request through both services.
#[derive(Clone)]
pub struct Trace {
    pub id: TraceId,
    spans: Vec<Span>,
}

impl Trace {
    pub fn new(kind: Kind) -> Self {
        let id = random(16);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let end = now.unwrap_or_default().as_nanos() as u64;
        let took = match kind {
            Kind::Slow => 3 * NANOSECONDS / 2,
            _ => NANOSECONDS / 50,
        };
        let ids: Vec<_> = (0..SPANS).map(|_| random(8)).collect();
        let kinds = [SpanKind::Server, SpanKind::Client, SpanKind::Server];
        let spans = kinds.iter().enumerate().map(|(place, span_kind)| Span {
            trace_id: id.clone(),
            span_id: ids[place].clone(),
            parent_span_id: match place {
                0 => Vec::new(),
                _ => ids[place - 1].clone(),
            },
            name: format!("GET /{}", SERVICES[place]),
            kind: *span_kind as i32,
            start_time_unix_nano: end - took + place as u64,
            end_time_unix_nano: end - place as u64,
            attributes: vec![
                text("http.request.method", "GET"),
                text("http.route", &format!("/{}", SERVICES[place])),
                number("http.response.status_code", 200),
            ],
            status: (kind == Kind::Failed && place == SPANS - 1).then(|| Status {
                code: StatusCode::Error as i32,
                message: "out of stock".to_owned(),
            }),
            ..Span::default()
        });
        Self {
            spans: spans.collect(),
            id,
        }
    }

    pub fn some(count: usize, kind: Kind) -> Vec<Self> {
        (0..count).map(|_| Self::new(kind)).collect()
    }

    /// With more attributes on the first span.
    pub fn with(mut self, attributes: Vec<KeyValue>) -> Self {
        self.spans[0].attributes.extend(attributes);
        self
    }
}

/// The ids of these.
pub fn ids(traces: &[Trace]) -> BTreeSet<TraceId> {
    traces.iter().map(|trace| trace.id.clone()).collect()
}

/// A request of each service, which sends its own spans alone: no one has a whole trace.
pub fn requests(traces: &[Trace]) -> Vec<ExportTraceServiceRequest> {
    let of = |service: &str| {
        let spans = traces.iter().flat_map(|trace| &trace.spans);
        let places = SERVICES.iter().cycle();
        let own = spans
            .zip(places)
            .filter(|(_, place)| **place == service)
            .map(|(span, _)| span.clone());
        request(service, own.collect())
    };
    vec![of("shop"), of("stock")]
}

/// Spans of one service.
pub fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", service)],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

/// What comes more than once, such as a header.
pub fn list(key: &str, values: &[&str]) -> KeyValue {
    let text = |value: &&str| AnyValue {
        value: Some(Value::StringValue((*value).to_owned())),
    };
    let values = values.iter().map(text).collect();
    attribute(key, Value::ArrayValue(ArrayValue { values }))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn random(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| fastrand::u8(..)).collect()
}

/// An id as logs and headers have it.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A span as it arrives, with what its resource says.
#[derive(Clone, Debug)]
pub struct Seen {
    pub span: Span,
    pub resource: Vec<KeyValue>,
}

/// All spans of a request.
pub fn seen(resources: Vec<ResourceSpans>) -> impl Iterator<Item = Seen> {
    resources.into_iter().flat_map(|resource| {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let scopes = resource.scope_spans.into_iter();
        let spans = scopes.flat_map(|scope| scope.spans);
        spans.map(move |span| Seen {
            span,
            resource: attributes.clone(),
        })
    })
}

impl Seen {
    pub fn attribute(&self, key: &str) -> Option<String> {
        find(&self.span.attributes, key)
    }

    pub fn of_resource(&self, key: &str) -> Option<String> {
        find(&self.resource, key)
    }

    /// All that it says, in an order that no way through Collectors changes; without these
    /// keys.
    pub fn told(&self, without: &[&str]) -> String {
        let of = |attributes: &[KeyValue]| -> BTreeMap<String, String> {
            let kept = attributes
                .iter()
                .filter(|attribute| !without.contains(&attribute.key.as_str()));
            kept.map(|attribute| (attribute.key.clone(), format!("{:?}", attribute.value)))
                .collect()
        };
        let span = Span {
            attributes: Vec::new(),
            // Samplers leave their probability here.
            trace_state: String::new(),
            ..self.span.clone()
        };
        let (attributes, resource) = (of(&self.span.attributes), of(&self.resource));
        format!("{span:?} {attributes:?} {resource:?}")
    }
}

/// An attribute's value, as a text.
pub fn find(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

/// Of each trace that has come, the spans that have.
pub type Come = BTreeMap<TraceId, BTreeSet<Vec<u8>>>;

/// How many are not whole.
pub fn torn(traces: &[Trace], come: &Come) -> usize {
    let whole = |trace: &&Trace| come.get(&trace.id).is_some_and(|ids| ids.len() == SPANS);
    traces.iter().filter(|trace| !whole(trace)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_service_sends_a_whole_trace() {
        let traces = Trace::some(2, Kind::Ordinary);
        let counts = requests(&traces)
            .into_iter()
            .map(|request| seen(request.resource_spans).count());
        assert_eq!(counts.collect::<Vec<_>>(), [4, 2]);
    }

    #[test]
    fn a_trace_of_which_a_span_is_missing_is_torn() {
        let traces = Trace::some(2, Kind::Failed);
        let mut come = Come::new();
        for seen in requests(&traces)
            .into_iter()
            .flat_map(|it| seen(it.resource_spans))
        {
            come.entry(seen.span.trace_id)
                .or_default()
                .insert(seen.span.span_id);
        }
        assert_eq!(torn(&traces, &come), 0);
        come.get_mut(&traces[0].id).unwrap().pop_first();
        assert_eq!(torn(&traces, &come), 1);
    }
}
