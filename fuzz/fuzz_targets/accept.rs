//! OpenMetrics is for who names it or what it is among; who refuses it by name does
//! not get it, and who asks for nothing better does.

#![no_main]

use axum_chassis::prometheus::Format;
use libfuzzer_sys::fuzz_target;

const OPENMETRICS: &str = "application/openmetrics-text";

fuzz_target!(|accept: &str| {
    let chosen = Format::negotiate(Some(accept));
    let lower = accept.to_ascii_lowercase();
    let asks_by_name = lower.contains(OPENMETRICS);
    assert!(chosen == Format::Text || asks_by_name || lower.contains("/*"));
    if !asks_by_name && !accept.contains('"') {
        let only = format!("{accept},{OPENMETRICS};q=0");
        assert_eq!(Format::negotiate(Some(&only)), Format::Text);
        let first = format!("{OPENMETRICS},{accept}");
        assert_eq!(Format::negotiate(Some(&first)), Format::OpenMetrics);
    }
});
