//! What is logged where there is no OpenTelemetry.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard},
};

use axum_chassis::{Cause, trace::TraceLayer};
use opentelemetry::trace::noop::NoopTracer;
use tower::Layer;

use crate::support::*;

#[tokio::test]
async fn a_request_is_one_line_with_its_cause() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _subscriber = tracing::subscriber::set_default(subscriber);
    let refuses = || {
        let mut response = with_status(401);
        response
            .extensions_mut()
            .insert(Cause::new("the token has expired"));
        response
    };
    let layer = TraceLayer::new(NoopTracer::new());

    read(layer.layer(answers(refuses)), get("/items/7?secret=1")).await;

    let lines = log.lines();
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    let said = "INFO axum_chassis::trace: request finished";
    assert!(line.contains(said), "{line}");
    assert!(
        line.contains(r#" http.request.method="GET" url.path="/items/7" "#),
        "{line}"
    );
    assert!(line.contains(" http.response.status_code=401 "), "{line}");
    assert!(line.contains(" duration_seconds="), "{line}");
    assert!(line.ends_with(" cause=the token has expired"), "{line}");
}

/// What was written, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().expect("no writer panics")
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.bytes().clone()).expect("lines of text");
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
