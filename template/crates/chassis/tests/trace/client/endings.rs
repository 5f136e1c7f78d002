//! Every way in which a request to another service ends.

use opentelemetry::trace::Status;
use tower::ServiceExt;

use crate::{Exported, attribute, support::*};

impl Exported {
    /// How the one client span has ended, its error type and its description.
    fn client_ending(&self) -> [String; 3] {
        let span = self.only();
        let description = match &span.status {
            Status::Error { description } => description.to_string(),
            _ => String::new(),
        };
        let failed = span.status != Status::Unset;
        assert_eq!(failed, !attribute(&span, "error.type").is_empty());
        [
            attribute(&span, "axum_chassis.ending"),
            attribute(&span, "error.type"),
            description,
        ]
    }
}

#[tokio::test]
async fn a_span_lasts_until_its_body_was_read() {
    let exported = Exported::new();
    let client = exported.client(sends(&[Step::Data("hello"), Step::End]));
    let response = client.oneshot(get("/")).await.unwrap();
    assert!(exported.spans().is_empty());

    read_whole(response).await;
    assert_eq!(exported.client_ending(), ["complete", "", ""]);
}

#[tokio::test]
async fn empty_body() {
    let exported = Exported::new();
    let response = exported.client(sends(&[])).oneshot(get("/")).await.unwrap();
    assert_eq!(exported.client_ending(), ["complete", "", ""]);
    drop(response);
    assert_eq!(exported.spans().len(), 1);
}

#[tokio::test]
async fn body_with_error() {
    let exported = Exported::new();
    let client = exported.client(sends(&[Step::Data("hello"), Step::Fail]));
    read(client, get("/")).await;
    let expected = ["body_failed", "body_error", "the pipe broke"];
    assert_eq!(exported.client_ending(), expected);
}

#[tokio::test]
async fn a_body_that_was_read_as_far_as_was_wanted() {
    let exported = Exported::new();
    let client = exported.client(sends(&[Step::Data("hello"), Step::Data("world")]));
    hang_up_after(1, client, get("/")).await;
    assert_eq!(exported.client_ending(), ["body_dropped", "", ""]);
}

#[tokio::test]
async fn an_error_whose_body_nobody_reads() {
    let exported = Exported::new();
    let refuses = || with_status(403).map(|_| Script::new(&[Step::Data("no")]));
    hang_up_after(0, exported.client(answers(refuses)), get("/")).await;
    assert_eq!(exported.client_ending(), ["body_dropped", "403", ""]);
}

#[tokio::test]
async fn body_panics() {
    let exported = Exported::new();
    survive(exported.client(sends(&[Step::Panic])), get("/")).await;
    assert_eq!(exported.client_ending(), ["panicked", "panic", ""]);
}

#[tokio::test]
async fn client_fails() {
    let exported = Exported::new();
    read(exported.client(fails()), get("/")).await;
    let expected = ["service_failed", "service_error", "the pipe broke"];
    assert_eq!(exported.client_ending(), expected);
}

#[tokio::test]
async fn client_panics() {
    let exported = Exported::new();
    survive(exported.client(panics()), get("/")).await;
    assert_eq!(exported.client_ending(), ["panicked", "panic", ""]);
}

#[tokio::test]
async fn call_given_up_before_there_is_an_answer() {
    let exported = Exported::new();
    cancel(exported.client(hangs()), get("/")).await;
    assert_eq!(exported.client_ending(), ["cancelled", "cancelled", ""]);
}
