use std::path::Path;

use console::style;

use super::service::{Exchange, Service};

/// Headers that tell something here.
const HEADERS: [&str; 5] = [
    "content-type",
    "etag",
    "link",
    "location",
    "www-authenticate",
];

pub fn exchanges(exchanges: &[Exchange]) {
    for exchange in exchanges {
        println!("\n  {}", style(exchange.about).bold());
        let body = exchange.body.unwrap_or_default();
        println!("  > {} {body}", exchange.request);
        let status = match exchange.is_right() {
            true => style(exchange.status).green(),
            false => style(exchange.status).red(),
        };
        println!("  < {status}");
        for name in HEADERS {
            if let Some(value) = exchange.header(name) {
                println!("  < {name}: {value}");
            }
        }
        for line in pretty(&exchange.answer).lines() {
            println!("    {line}");
        }
    }
    println!();
}

fn pretty(json: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(json);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_| json.to_owned())
}

pub fn log(lines: &[String]) {
    for line in lines {
        match line.split_once(" trace_id=") {
            Some((told, ids)) => println!("  {told} {}", style(format!("trace_id={ids}")).cyan()),
            None => println!("  {line}"),
        }
    }
}

/// What was counted meanwhile: the series of counts that have moved.
pub fn metrics(before: &str, after: &str) {
    let before: Vec<_> = before.lines().collect();
    let counts = after.lines().filter(|line| line.contains("_count{"));
    for moved in counts.filter(|line| !before.contains(line)) {
        println!("  {moved}");
    }
    let series = after.lines().filter(|line| !line.starts_with('#')).count();
    println!("  … and what belongs to them: {series} series in all");
}

pub fn probes(probes: &[(&str, u16, String)]) {
    for (probe, status, told) in probes {
        println!("  {probe:10} {status} {told}");
    }
}

pub fn goodbye(service: &Service, token: &str, project: &Path) {
    let Service {
        public, operations, ..
    } = service;
    println!(
        "
It goes on running, until Ctrl-C.

  the API, to browse   {public}/docs
  items                curl -s {public}/api/v1/items -H 'authorization: Bearer {token}'
  metrics              {operations}/metrics
  readiness            {operations}/readyz?verbose
  its code             {}
",
        project.display()
    );
}
