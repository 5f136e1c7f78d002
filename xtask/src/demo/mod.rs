//! `cargo xtask demo`: from nothing to a service that answers, shown step by step.

mod service;
mod show;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use self::service::Exchange;
pub use self::service::Service;
use crate::{
    flavour::{Answers, generate_quietly},
    run, tree,
};

/// What `cargo xtask demo` takes.
#[derive(Args)]
pub struct Options {
    /// End when all is shown, with exit 0 if every answer was right
    #[arg(long)]
    once: bool,
}

const NAME: &str = "my-service";
const STEPS: u64 = 8;

pub fn run(options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    let steps = Steps::default();
    let folder = tree::target().join("demo");
    let project = steps.take("generate a service with SQLite", |_| {
        tree::fresh(&folder)?;
        let answers = Answers {
            database: "sqlite",
            ..Answers::DEFAULT
        };
        generate_quietly(NAME, answers, &folder)
    })?;
    let binary = steps.take("build it", |bar| build(&project, bar))?;
    let service = steps.take("start it", |_| Service::start(&binary, &project))?;
    let token = steps.take("mint a token", |_| service.token())?;

    let before = service.metrics()?;
    let talk = steps.take("send requests", |_| exchange(&service, &token))?;
    let answered = talk.answered.duration_since(start);
    show::exchanges(&talk.exchanges);
    let log = steps.take("read its log", |_| service.log_of(talk.exchanges.len()))?;
    show::log(&log);
    let after = steps.take("read its metrics", |_| service.metrics())?;
    show::metrics(&before, &after);
    let probes = steps.take("ask its probes", |_| service.probes())?;
    show::probes(&probes);

    let (seconds, wrong) = (answered.as_secs_f64(), talk.wrong());
    println!("\nFrom nothing to the first answer: {seconds:.1} s");
    if !options.once {
        show::goodbye(&service, &token, &project);
        service.follow_until_interrupted()?;
    }
    let ended = service.stop()?;
    show::log(&ended.log);
    if !ended.ok || wrong > 0 {
        bail!(
            "{wrong} answers were not as expected; the service ended {}",
            ended.status
        );
    }
    println!("{} stopped in order: {}", NAME, ended.status);
    Ok(ExitCode::SUCCESS)
}

/// The steps, each with a bar while it lasts, and its time when it is done.
#[derive(Default)]
struct Steps {
    done: std::cell::Cell<u64>,
}

impl Steps {
    fn take<T>(&self, name: &str, step: impl FnOnce(&ProgressBar) -> Result<T>) -> Result<T> {
        let (start, number) = (Instant::now(), self.done.get());
        let bar = ProgressBar::new(STEPS);
        let template = "{bar:24.green} {pos}/{len} {prefix} {elapsed} {wide_msg:.dim}";
        bar.set_style(ProgressStyle::with_template(template)?);
        bar.set_prefix(name.to_owned());
        bar.set_position(number);
        bar.enable_steady_tick(Duration::from_millis(200));
        let done = step(&bar).with_context(|| format!("the step failed: {name}"));
        bar.finish_and_clear();
        let done = done?;
        self.done.set(number + 1);
        let seconds = start.elapsed().as_secs_f64();
        let place = style(format!("[{}/{STEPS}]", number + 1)).green();
        println!("{place} {name} {}", style(format!("{seconds:.1} s")).dim());
        Ok(done)
    }
}

/// Builds the project; the bar shows what is being compiled.
fn build(project: &Path, bar: &ProgressBar) -> Result<PathBuf> {
    let mut cargo = run::cargo(project);
    cargo.arg("build").stderr(Stdio::piped());
    let mut building = cargo.spawn().context("cannot run cargo")?;
    let mut told = String::new();
    for line in building
        .stderr
        .take()
        .into_iter()
        .flat_map(|e| BufReader::new(e).lines())
    {
        let line = line?;
        bar.set_message(line.trim().to_owned());
        told += &line;
        told.push('\n');
    }
    if !building.wait()?.success() {
        bail!("cargo build failed:\n{told}");
    }
    Ok(tree::target().join("debug").join(NAME))
}

/// The requests and what came back.
struct Conversation {
    exchanges: Vec<Exchange>,
    answered: Instant,
}

impl Conversation {
    fn wrong(&self) -> usize {
        self.exchanges
            .iter()
            .filter(|exchange| !exchange.is_right())
            .count()
    }
}

fn exchange(service: &Service, token: &str) -> Result<Conversation> {
    let items = "/api/v1/items";
    let lamp = r#"{"name": "lamp", "quantity": 3}"#;
    let create = service.send(
        "create an item",
        "POST",
        items,
        Some(token),
        Some(lamp),
        201,
    )?;
    let answered = Instant::now();
    let location = create.header("location").context("no location")?.to_owned();
    let exchanges = vec![
        create,
        service.send("read it", "GET", &location, Some(token), None, 200)?,
        service.send("list all", "GET", items, Some(token), None, 200)?,
        service.send("a bad token", "GET", items, Some("not.a.token"), None, 401)?,
        service.send(
            "an invalid body",
            "POST",
            items,
            Some(token),
            Some(r#"{"name": "", "quantity": -1}"#),
            422,
        )?,
        service.send("an unknown path", "GET", "/nowhere", None, None, 404)?,
    ];
    Ok(Conversation {
        exchanges,
        answered,
    })
}
