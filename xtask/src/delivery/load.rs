//! The load test of a service, run: it passes within its budgets, names each that is
//! broken, and leaves out nobody who had to wait.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    slice, thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ended::Ended, manifests, project::Project};
use crate::{
    demo,
    test::{
        report::Report,
        tools::{self, Registry, Tool, of_system},
    },
    tree,
};

const VEGETA: Tool = Tool {
    program: "vegeta",
    package: "github.com/tsenart/vegeta/v12",
    version: "12.13.0",
    registry: Registry::Go,
};

/// What the script runs besides, and Debian's package with it.
const PROGRAMS: [(&str, &str); 2] = [("jq", "jq"), ("curl", "curl")];

type Step = (&'static str, fn(&Load) -> Result<()>);

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let of_file = |project: &&Project| project.flavour.answers.database == "sqlite";
    let project = projects.iter().find(of_file).context("no sqlite")?;
    for (program, package) in PROGRAMS {
        if of_system(report, program, package)?.is_none() {
            return Ok(());
        }
    }
    let Some(vegeta) = VEGETA.have(report)? else {
        return Ok(());
    };
    let service = report.check("the service, for load", || manifests::Service::of(project))?;
    let load = report.check("it serves", || Load::begin(project, &service, vegeta))?;
    let steps: [Step; 4] = [
        ("load: within the budgets it passes", Load::passes),
        ("load: each broken budget is named", Load::breaks),
        (
            "load: a service that stalls is slow to all who would have asked",
            Load::stalls,
        ),
        ("load: what makes no sense is refused", Load::refuses),
    ];
    for (name, step) in steps {
        report.check(name, || step(&load))?;
    }
    Ok(())
}

/// A service, and the script beside it.
struct Load {
    project: PathBuf,
    vegeta: PathBuf,
    service: demo::Service,
    token: String,
    folder: TempDir,
}

impl Load {
    fn begin(project: &Project, service: &manifests::Service, vegeta: PathBuf) -> Result<Self> {
        let folder = TempDir::new()?;
        let service = demo::Service::start(service.binary(), folder.path())?;
        Ok(Self {
            project: project.folder.clone(),
            vegeta,
            token: service.token()?,
            service,
            folder,
        })
    }

    /// The shipped scenario with other budgets, and whatever else is changed.
    fn scenario(&self, budgets: &Value, change: impl FnOnce(&mut Value)) -> Result<PathBuf> {
        let shipped = tree::read(&self.project.join("scripts/load.json"))?;
        let mut scenario: Value = serde_json::from_str(&shipped)?;
        scenario["budgets"] = budgets.clone();
        for step in scenario["steps"].as_array_mut().context("no steps")? {
            step.as_object_mut().context("no step")?.remove("budgets");
        }
        change(&mut scenario);
        let file = self.folder.path().join("scenario.json");
        fs::write(&file, scenario.to_string())?;
        Ok(file)
    }

    fn script(&self, url: &str, scenario: &Path, seconds: u32) -> Result<Command> {
        let mut script = Command::new(self.project.join("scripts/load"));
        script
            .arg(url)
            .env("PATH", tools::path_with(slice::from_ref(&self.vegeta))?)
            .env("SCENARIO", scenario)
            .env("TOKEN", &self.token)
            .env("LOAD_RATE", "50")
            .env("LOAD_SECONDS", seconds.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(script)
    }

    /// One second of it.
    fn ended(&self, scenario: &Path) -> Result<Ended> {
        Ended::of(&mut self.script(&self.service.public, scenario, 1)?)
    }

    fn passes(&self) -> Result<()> {
        let shipped = tree::read(&self.project.join("scripts/load"))?;
        let named = format!("{}@v{}", VEGETA.package, VEGETA.version);
        ensure!(shipped.contains(&named), "the script does not name {named}");
        let budgets = json!({ "p99_ms": 10_000, "error_ratio": 0, "rate_ratio": 0.9 });
        let scenario = self.scenario(&budgets, |_| {})?;
        let ended = self.ended(&scenario)?;
        print!("{}", ended.right()?);
        let page = tree::read(&self.project.join("target/load/report.html"))?;
        for part in ["list", "read", "make", "<pre>", "p99_ms", "uPlot"] {
            ensure!(page.contains(part), "no {part} in the report");
        }
        for elsewhere in ["src=\"http", "href=\"http", "@import"] {
            ensure!(!page.contains(elsewhere), "the report needs the network");
        }
        Ok(())
    }

    fn breaks(&self) -> Result<()> {
        let budgets = json!({
            "p50_ms": 0.01, "p95_ms": 10_000, "p99_ms": 0.01, "error_ratio": 0.5, "rate_ratio": 2,
        });
        let scenario = self.scenario(&budgets, |scenario| {
            scenario["steps"][1]["path"] = json!("/nowhere");
            scenario["steps"][2]["budgets"] = json!({ "p99_ms": 10_000 });
        })?;
        let ended = self.ended(&scenario)?;
        let broken: Vec<_> = ended
            .said
            .lines()
            .filter_map(|line| line.strip_prefix("BROKEN ")?.split(" is ").next())
            .collect();
        let expected = [
            "list: p50_ms",
            "list: p99_ms",
            "list: rate_ratio",
            "read: p50_ms",
            "read: p99_ms",
            "read: error_ratio",
            "read: rate_ratio",
            "make: p50_ms",
            "make: rate_ratio",
        ];
        let all = expected.iter().all(|name| broken.contains(name));
        ensure!(
            all && broken.len() == expected.len() && ended.code == 1,
            "exit {}, broken: {broken:?}: {}",
            ended.code,
            ended.said
        );
        Ok(())
    }

    /// Most of those who would have asked meanwhile have waited: half of all, for long.
    fn stalls(&self) -> Result<()> {
        const STALL: Duration = Duration::from_millis(2200);
        let scenario = self.scenario(&json!({ "p50_ms": 250, "error_ratio": 0 }), |_| {})?;
        let mut script = self.script(&self.service.public, &scenario, 3)?.spawn()?;
        let mut output = BufReader::new(script.stdout.take().context("no output")?);
        let mut begun = String::new();
        output.read_line(&mut begun)?;
        self.service.signal("STOP")?;
        thread::sleep(STALL);
        self.service.signal("CONT")?;
        let mut said = String::new();
        std::io::Read::read_to_string(&mut output, &mut said)?;
        let code = script.wait()?.code();
        ensure!(
            code == Some(1) && said.contains("BROKEN list: p50_ms is"),
            "exit {code:?}: {said}"
        );
        ensure!(!said.contains("error_ratio"), "{said}");
        Ok(())
    }

    fn refuses(&self) -> Result<()> {
        let scenario = self.scenario(&json!({ "p98_ms": 1 }), |scenario| {
            scenario["steps"][0]["weight"] = json!("much");
        })?;
        let ended = self.ended(&scenario)?;
        ended.wrong_by(2, "no budget p98_ms")?;
        ended.wrong_by(2, "step 1: a weight")?;
        let scenario = self.scenario(&json!({}), |_| {})?;
        let mut nobody = self.script("https://api.example.com", &scenario, 1)?;
        Ended::of(nobody.env_remove("TOKEN"))?.wrong_by(2, "TOKEN is not set")?;
        let mut untrusted = self.script(&self.service.public, &scenario, 1)?;
        untrusted.env("TOKEN", "none");
        Ended::of(&mut untrusted)?.wrong_by(2, "does not do what `prepare` asks for")
    }
}
