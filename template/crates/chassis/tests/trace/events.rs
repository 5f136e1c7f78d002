//! What is logged, with the trace that is current then.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use opentelemetry::{
    Context,
    trace::{TraceContextExt, TraceId},
};
use tracing::{
    Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer};

/// A subscriber that remembers.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

#[derive(Clone, Debug)]
pub struct Event {
    pub level: Level,
    pub trace_id: TraceId,
    fields: BTreeMap<&'static str, String>,
}

impl Events {
    pub fn all(&self) -> Vec<Event> {
        self.0.lock().expect("nobody panics").clone()
    }
}

impl Event {
    /// A field as text; empty without it.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &tracing::Event<'_>, _: layer::Context<'_, S>) {
        let mut seen = Event {
            level: *event.metadata().level(),
            trace_id: Context::map_current(|cx| cx.span().span_context().trace_id()),
            fields: BTreeMap::new(),
        };
        event.record(&mut seen);
        self.0.lock().expect("nobody panics").push(seen);
    }
}

impl Visit for Event {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
