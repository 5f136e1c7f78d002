//! What a line of the log holds.

#![cfg(feature = "log")]

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum_chassis::log::Json;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use serde_json::Value;
use tracing::{error, info, info_span, warn};
use tracing_subscriber::fmt::format::JsonFields;

/// The lines that are logged meanwhile.
fn logged(says: impl FnOnce()) -> Vec<Value> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .event_format(Json)
        .fmt_fields(JsonFields::new())
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, says);
    let text = log.0.lock().expect("nobody panics").clone();
    let text = String::from_utf8(text).expect("lines of text");
    let lines = text.lines().map(serde_json::from_str);
    lines.map(|line| line.expect("each line is JSON")).collect()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_has_the_time_the_level_the_place_and_the_fields() {
    let lines = logged(|| {
        warn!(
            item = 7,
            cold = true,
            ratio = 0.5,
            kind = "fruit",
            "added {}",
            1
        )
    });
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "log");
    assert_eq!(line["message"], "added 1");
    assert_eq!(line["item"], 7);
    assert_eq!(line["cold"], true);
    assert_eq!(line["ratio"], 0.5);
    assert_eq!(line["kind"], "fruit");
    assert_eq!(line.get("trace_id"), None);
    assert_eq!(line.get("span"), None);
}

#[test]
fn the_largest_and_the_smallest_numbers_are_read_back_as_they_were() {
    let lines = logged(|| {
        info!(
            most = u64::MAX,
            least = i64::MIN,
            huge = 1e300,
            tiny = -2.5e-8,
            whole = 3.0
        )
    });
    assert_eq!(lines[0]["most"], u64::MAX);
    assert_eq!(lines[0]["least"], i64::MIN);
    assert_eq!(lines[0]["huge"], 1e300);
    assert_eq!(lines[0]["tiny"], -2.5e-8);
    assert_eq!(lines[0]["whole"], 3.0);
}

#[test]
fn a_line_has_the_ids_of_its_trace_though_it_is_not_sampled() {
    let lines = logged(|| {
        let ids = SpanContext::new(
            TraceId::from(0xabc),
            SpanId::from(0xd),
            TraceFlags::NOT_SAMPLED,
            false,
            TraceState::NONE,
        );
        let _current = Context::new().with_remote_span_context(ids).attach();
        info!("inside");
    });
    assert_eq!(lines[0]["trace_id"], "00000000000000000000000000000abc");
    assert_eq!(lines[0]["span_id"], "000000000000000d");
}

#[test]
fn a_line_has_the_innermost_span_with_its_fields() {
    let lines = logged(|| {
        let _outer = info_span!("outer", lost = 1).entered();
        info_span!("bare").in_scope(|| info!("first"));
        info_span!("work", step = 2, who = "\"me\"").in_scope(|| info!("second"));
    });
    assert_eq!(lines[0]["span"], serde_json::json!({ "name": "bare" }));
    let work = serde_json::json!({ "name": "work", "step": 2, "who": "\"me\"" });
    assert_eq!(lines[1]["span"], work);
}

#[test]
fn nothing_that_is_logged_breaks_out_of_its_line() {
    let forged = "a\n{\"level\":\"ERROR\"}\u{1b}[31m\u{0}\\";
    let lines = logged(|| error!(forged, debug = ?forged, "{forged}"));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["forged"], forged);
    assert_eq!(lines[0]["debug"], format!("{forged:?}"));
    assert_eq!(lines[0]["message"], forged);
}

#[test]
fn a_field_does_not_take_the_place_of_what_a_line_has_of_its_own() {
    let lines = logged(|| info!(level = "fake", trace_id = "fake", span = 3, r#type = "x"));
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["level_"], "fake");
    assert_eq!(lines[0]["trace_id_"], "fake");
    assert_eq!(lines[0]["span_"], 3);
    assert_eq!(lines[0]["type"], "x");
}

/// `#[instrument]` makes a field of each argument, and many an argument is called so.
#[test]
fn a_field_does_not_take_the_place_of_the_name_of_its_span() {
    let text = r#"{"name":"x","#;
    let lines = logged(|| {
        info_span!("greet", age = 7, name = "ada", text).in_scope(|| info!("hello"));
        info_span!("greet", text).in_scope(|| info!("hello"));
    });
    let named = serde_json::json!({ "name": "greet", "name_": "ada", "age": 7, "text": text });
    assert_eq!(lines[0]["span"], named);
    let other = serde_json::json!({ "name": "greet", "text": text });
    assert_eq!(lines[1]["span"], other);
}

#[test]
fn a_number_that_json_does_not_have_is_a_text() {
    let lines = logged(|| info!(ratio = f64::NAN, top = f64::INFINITY, big = u128::MAX));
    assert_eq!(lines[0]["ratio"], "NaN");
    assert_eq!(lines[0]["top"], "inf");
    assert_eq!(lines[0]["big"], u128::MAX.to_string());
}
