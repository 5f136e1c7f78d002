//! What is exposed, read by those who know the formats best: promtool, and the
//! strict parser of the Python client for OpenMetrics.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::report::Report;
use crate::{run, tree};

const CLIENT: &str = "prometheus-client==0.23.1";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";
const PARSE: &str = include_str!("openmetrics.py");

pub fn run(report: &mut Report) -> Result<()> {
    let folder = tree::target().join("exposition");
    tree::fresh(&folder)?;
    let text = exposed(report, &folder, "text/plain")?;
    let openmetrics = exposed(report, &folder, OPENMETRICS)?;
    by_promtool(report, &text)?;
    by_python(report, &folder, &openmetrics)
}

/// All that an exposition can hold, in a format, as a file.
fn exposed(report: &mut Report, folder: &Path, format: &str) -> Result<PathBuf> {
    let mut example = run::cargo(tree::root());
    example
        .args(["run", "--quiet", "--package", "axum-chassis"])
        .args(["--example", "exposition", "--features", "prometheus"])
        .args(["--", format]);
    report.check(&format!("the example, {format}"), || {
        let file = folder.join(format.replace(['/', ';', ' '], "_"));
        fs::write(&file, run::output(&mut example)?)?;
        Ok(file)
    })
}

fn by_promtool(report: &mut Report, text: &Path) -> Result<()> {
    if run::output(Command::new("promtool").arg("--version")).is_err() {
        report.skip("promtool is not here; Debian's package prometheus has it".to_owned());
        return Ok(());
    }
    let check = |file: &Path| {
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]);
        run::output_of(&mut promtool, fs::File::open(file)?)
    };
    report.check("promtool check metrics", || check(text))?;
    report.check("promtool refuses what is broken", || {
        let broken = text.with_extension("broken");
        fs::write(&broken, tree::read(text)?.replace("\\\"", "\""))?;
        anyhow::ensure!(check(&broken).is_err(), "it took an unescaped quote");
        Ok(())
    })
}

fn by_python(report: &mut Report, folder: &Path, openmetrics: &Path) -> Result<()> {
    let environment = tree::target().join("tools/python");
    let python = environment.join("bin/python");
    let has_client = |python: &Path| {
        let mut import = Command::new(python);
        run::output(import.args(["-c", "import prometheus_client"])).is_ok()
    };
    if !has_client(&python) {
        let mut venv = Command::new("python3");
        if run::output(venv.args(["-m", "venv"]).arg(&environment)).is_err() {
            report
                .skip("Python with venv is not here; Debian's package is python3-venv".to_owned());
            return Ok(());
        }
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", CLIENT]);
        report.step(
            &format!("{CLIENT} is not here: installing it"),
            &mut install,
        )?;
    }
    let script = folder.join("openmetrics.py");
    fs::write(&script, PARSE)?;
    let mut parse = Command::new(&python);
    report.step(
        "Python's parser reads OpenMetrics, exemplars and hostile labels too",
        parse.arg(&script).arg(openmetrics),
    )
}
