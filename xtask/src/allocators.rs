//! `cargo xtask allocators`: what each allocator costs the service.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use ureq::Agent;

use crate::{demo::Service, page, run, tree};

/// What `cargo xtask allocators` takes.
#[derive(Args)]
pub struct Options {
    /// Unoptimised, and few requests: shows that it works, and writes nothing
    #[arg(long)]
    quick: bool,
}

/// The allocators, by the feature that chooses them.
const ALLOCATORS: [(&str, Option<&str>); 3] = [
    ("system", None),
    ("jemalloc", Some("jemalloc")),
    ("mimalloc", Some("mimalloc")),
];

const PACKAGE: &str = "axum-chassis-service";
const CLIENTS: usize = 4;
/// Each takes its turn so often, and the middle one of its figures counts.
const ROUNDS: usize = 3;
/// Of so many requests of a client one makes an item, and the others list them.
const REQUESTS_A_WRITE: usize = 10;

/// One round of one allocator.
#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu_microseconds_a_request: f64,
    idle_bytes: f64,
    loaded_bytes: f64,
}

/// Builds the service with each, measures them in turns, and writes the page.
///
/// # Errors
///
/// If a service cannot be built, or does not answer.
pub fn run(options: &Options) -> Result<ExitCode> {
    let (requests, rounds) = match options.quick {
        true => (200, 1),
        false => (50_000, ROUNDS),
    };
    let folder = tempfile::tempdir()?;
    let mut binaries = Vec::new();
    for (name, feature) in ALLOCATORS {
        binaries.push(build(folder.path(), name, feature, options.quick)?);
    }
    let mut costs = vec![Vec::new(); ALLOCATORS.len()];
    for _ in 0..rounds {
        for (binary, costs) in binaries.iter().zip(&mut costs) {
            costs.push(measure(binary, requests)?);
        }
    }
    let rows = ALLOCATORS.iter().zip(&costs);
    let rows: Vec<_> = rows.map(|((name, _), costs)| row(name, costs)).collect();
    let table = table(&rows, requests, rounds, &machine()?);
    println!("{table}");
    if !options.quick {
        page::write_section("allocators", "cargo xtask allocators", &table)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A copy of the binary: the next build writes over the first.
fn build(folder: &Path, name: &str, feature: Option<&str>, quick: bool) -> Result<PathBuf> {
    eprintln!("building with {name}");
    let features = ["sqlite"].into_iter().chain(feature).collect::<Vec<_>>();
    let mut cargo = run::cargo(tree::root());
    cargo
        .args(["build", "--quiet", "--package", PACKAGE])
        .args(["--no-default-features", "--features", &features.join(",")])
        .args((!quick).then_some("--release"));
    run::output(&mut cargo)?;
    let profile = if quick { "debug" } else { "release" };
    let copy = folder.join(name);
    fs::copy(tree::target().join(profile).join(PACKAGE), &copy)
        .with_context(|| format!("there is no binary with {name}"))?;
    Ok(copy)
}

fn measure(binary: &Path, requests: usize) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    let service = Service::start(binary, folder.path())?;
    let token = service.token()?;
    let before = usage(&service)?;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (url, token) = (format!("{}/api/v1/items", service.public), &token);
                scope.spawn(move || ask(&url, token, client, requests / CLIENTS))
            })
            .collect();
        let mut clients = clients.into_iter();
        clients.try_for_each(|client| client.join().expect("a client does not panic"))
    })?;
    let after = usage(&service)?;
    let number = |usage: &Value, name: &str| {
        let number = usage["process"][name].as_f64();
        number.with_context(|| format!("/runtime has no process.{name}"))
    };
    let seconds = number(&after, "cpu_seconds")? - number(&before, "cpu_seconds")?;
    let cost = Cost {
        cpu_microseconds_a_request: seconds * 1e6 / requests as f64,
        idle_bytes: number(&before, "memory_bytes")?,
        loaded_bytes: number(&after, "memory_bytes")?,
    };
    let ended = service.stop()?;
    ensure!(ended.ok, "the service ended with {}", ended.status);
    Ok(cost)
}

fn usage(service: &Service) -> Result<Value> {
    let (status, told) = service.probe("/runtime")?;
    ensure!(status == 200, "/runtime is {status}: {told}");
    Ok(serde_json::from_str(&told)?)
}

/// Sends one request after the other by one connection.
fn ask(url: &str, token: &str, client: usize, requests: usize) -> Result<()> {
    let agent = Agent::new_with_defaults();
    let bearer = format!("Bearer {token}");
    for request in 0..requests {
        let mut answer = if request % REQUESTS_A_WRITE == 0 {
            let item = json!({ "name": format!("{client}-{request}"), "quantity": 1 });
            let post = agent.post(url).header("authorization", &bearer);
            post.send_json(&item)?
        } else {
            agent.get(url).header("authorization", &bearer).call()?
        };
        answer.body_mut().read_to_vec()?;
    }
    Ok(())
}

fn row(name: &str, costs: &[Cost]) -> String {
    let middle = |figure: fn(&Cost) -> f64| {
        let mut figures: Vec<_> = costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
    format!(
        "| {name} | {:.1} | {:.1} | {:.1} |",
        middle(|cost| cost.cpu_microseconds_a_request),
        mebibytes(middle(|cost| cost.idle_bytes)),
        mebibytes(middle(|cost| cost.loaded_bytes)),
    )
}

/// When and where it was measured.
fn machine() -> Result<String> {
    let date = run::output(Command::new("date").args(["-u", "+%F"]))?;
    let rustc = run::output(Command::new("rustc").arg("--version"))?;
    let system = run::output(Command::new("uname").args(["-srm"]))?;
    let cpus = thread::available_parallelism()?;
    let [date, rustc, system] = [&date, &rustc, &system].map(|text| text.trim());
    Ok(format!("{date} with {rustc} on {cpus} CPUs, {system}"))
}

fn table(rows: &[String], requests: usize, rounds: usize, machine: &str) -> String {
    format!(
        "## Allocators\n\n\
         Measured on {machine}.\n\n\
         The service with SQLite, by {CLIENTS} clients over loopback: {requests} requests, of \
         which one in {REQUESTS_A_WRITE} makes an item and the others list 20; {rounds} rounds in \
         turns, medians. Processor time is the service's own, by `/runtime`.\n\n\
         | allocator | µs of processor time a request | MiB idle | MiB after the load |\n\
         |---|---|---|---|\n{}\n",
        rows.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_figure_of_each_kind_counts() {
        let cost = |figure: f64| Cost {
            cpu_microseconds_a_request: figure,
            idle_bytes: figure * f64::from(1 << 20),
            loaded_bytes: (10.0 - figure) * f64::from(1 << 20),
        };
        let row = row("system", &[cost(3.0), cost(1.0), cost(2.0)]);
        assert_eq!(row, "| system | 2.0 | 2.0 | 8.0 |");
    }
}
