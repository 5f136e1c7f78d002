//! What is logged where there is no OpenTelemetry.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard},
};

use axum_chassis::Cause;

use crate::{PARENT, support::*, traced};

#[tokio::test]
async fn without_opentelemetry_there_are_the_logs_with_the_cause_once() {
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

    let mut request = get("/");
    request
        .headers_mut()
        .insert("traceparent", PARENT.parse().unwrap());
    read(traced(answers(refuses)), request).await;

    let lines = log.lines();
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(line.contains(" INFO request{"), "{line}");
    assert!(line.contains(r#"url.path="/""#), "{line}");
    assert!(
        line.contains("request finished http.response.status_code=401 "),
        "{line}"
    );
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
