//! A gRPC call, whose failure is a 200 to HTTP.

use crate::{Observed, ended, support::*};

#[tokio::test]
async fn a_servers_fault_is_an_error_and_a_clients_is_not() {
    for (number, error) in [
        ("0", ""),
        ("5", ""),
        ("13", "INTERNAL"),
        ("14", "UNAVAILABLE"),
        ("99", "UNKNOWN"),
    ] {
        let observed = Observed::new();
        read(observed.around(says(number)), get("/shop.Cart/Add")).await;
        assert_eq!(observed.ending(), ended("200", error), "{number}");
    }
}

#[tokio::test]
async fn a_status_may_come_with_the_head_and_that_of_http_goes_before() {
    for (http, error) in [(200, "UNAVAILABLE"), (503, "503")] {
        let observed = Observed::new();
        let refuses = answers(move || with_grpc_status(http, "14"));
        read(observed.around(refuses), get("/shop.Cart/Add")).await;
        assert_eq!(observed.ending(), ended(&http.to_string(), error));
    }
}
