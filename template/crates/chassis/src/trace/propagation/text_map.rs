use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
};

use super::{Propagation, b3, baggage, jaeger, trace_context};

impl Propagation {
    /// The same for what OpenTelemetry's other libraries carry, such as messages of
    /// a queue or a client that asks for the global propagator.
    ///
    /// ```
    /// use axum_chassis::trace::Propagation;
    /// use opentelemetry::global;
    ///
    /// global::set_text_map_propagator(Propagation::w3c().into_text_map_propagator());
    /// ```
    pub fn into_text_map_propagator(self) -> impl TextMapPropagator + Send + Sync + 'static {
        TextMap {
            propagation: self,
            fields: self.fields().iter().map(HeaderName::to_string).collect(),
        }
    }

    /// The headers that it reads and writes, but for Jaeger's `uberctx-*`.
    fn fields(self) -> Vec<HeaderName> {
        let mut fields = Vec::new();
        if self.trace_context {
            fields.extend([trace_context::TRACEPARENT, trace_context::TRACESTATE]);
        }
        if self.baggage {
            fields.push(baggage::BAGGAGE);
        }
        if self.b3 || self.b3_multi {
            fields.push(b3::B3);
            fields.extend(b3::MULTI);
        }
        if self.jaeger {
            fields.push(jaeger::UBER_TRACE_ID);
        }
        fields
    }
}

#[derive(Debug)]
struct TextMap {
    propagation: Propagation,
    fields: Vec<String>,
}

impl TextMapPropagator for TextMap {
    fn inject_context(&self, context: &Context, injector: &mut dyn Injector) {
        let mut headers = HeaderMap::new();
        self.propagation.inject(context, &mut headers);
        for (name, value) in &headers {
            if let Ok(value) = value.to_str() {
                injector.set(name.as_str(), value.to_owned());
            }
        }
    }

    fn extract_with_context(&self, context: &Context, extractor: &dyn Extractor) -> Context {
        let headers = self.headers(extractor).unwrap_or_default();
        self.propagation.extract_onto(context.clone(), &headers)
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

impl TextMap {
    /// What the carrier has of our headers; none if it has more than headers can be.
    fn headers(&self, extractor: &dyn Extractor) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        let fields = self.fields.iter().map(String::as_str);
        for name in fields.chain(self.baggage_keys(extractor)) {
            let values = extractor.get_all(name).unwrap_or_default();
            let Ok(name) = HeaderName::try_from(name) else {
                continue;
            };
            for value in values {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.try_append(&name, value).ok()?;
                }
            }
        }
        Some(headers)
    }

    fn baggage_keys<'a>(&self, extractor: &'a dyn Extractor) -> impl Iterator<Item = &'a str> {
        let keys = self.propagation.jaeger.then(|| extractor.keys());
        keys.into_iter().flatten().filter(|key| {
            let prefix = key.get(..jaeger::BAGGAGE_PREFIX.len());
            prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(jaeger::BAGGAGE_PREFIX))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use opentelemetry::{baggage::BaggageExt, trace::TraceContextExt};

    use super::*;

    fn all() -> impl TextMapPropagator {
        let all = Propagation::w3c().with_b3().with_b3_multi().with_jaeger();
        all.into_text_map_propagator()
    }

    #[test]
    fn what_is_written_to_a_carrier_is_read_back() {
        let carrier = HashMap::from([
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
            ("tracestate", "a=1"),
            ("Uberctx-User", "ada"),
        ]);
        let owned = |(name, value): (&str, &str)| (name.to_lowercase(), value.to_owned());
        let carrier: HashMap<_, _> = carrier.into_iter().map(owned).collect();
        let context = all().extract(&carrier);
        assert_eq!(context.baggage().get("user").unwrap().as_str(), "ada");

        let mut onward = HashMap::new();
        all().inject_context(&context, &mut onward);
        let again = all().extract(&onward);
        let of = |context: &Context| context.span().span_context().clone();
        assert_eq!(of(&again), of(&context));
        assert_eq!(again.baggage().to_string(), "user=ada");
    }

    #[test]
    fn the_fields_are_those_of_what_is_on() {
        let propagator = Propagation::w3c().into_text_map_propagator();
        let fields: Vec<_> = propagator.fields().collect();
        assert_eq!(fields, ["traceparent", "tracestate", "baggage"]);
        let mut onward = HashMap::<String, String>::new();
        all().inject_context(
            &all().extract(&HashMap::from([("b3".to_owned(), "0".to_owned())])),
            &mut onward,
        );
        assert!(
            onward
                .keys()
                .all(|name| all().fields().any(|field| field == name))
        );
        assert_eq!(onward.len(), 6);
    }

    #[test]
    fn a_carrier_without_our_fields_leaves_the_context_as_it_is() {
        let outer = Context::new().with_baggage([opentelemetry::KeyValue::new("a", "1")]);
        let context = all().extract_with_context(&outer, &HashMap::<String, String>::new());
        assert_eq!(context.baggage().to_string(), "a=1");
        assert!(!context.has_active_span());
    }
}
