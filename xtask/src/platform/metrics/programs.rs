//! Prometheus and Alertmanager, built from their modules; each brings its own checker.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    run,
    test::{report::Report, tools},
    tree,
};

/// Release 3.16.0: as a module it is 0.316.0.
const PROMETHEUS: &str = "0.316.0";
const ALERTMANAGER: &str = "0.35.0";

/// Of all ways to find targets those that are shipped. The libraries of all clouds are what takes
/// longest to build.
const TAGS: &str = "-tags=remove_all_sd,enable_kubernetes_sd";

/// Pages that Alertmanager embeds and its module does not have: they are built by other tools.
const PAGES: [&str; 2] = [
    "ui/app/dist/elm/index.html",
    "ui/app/dist/mantine/index.html",
];

/// Where they are.
pub struct Programs {
    /// None in a quick run that would have to build it first.
    pub prometheus: Option<PathBuf>,
    pub promtool: PathBuf,
    pub alertmanager: PathBuf,
    pub amtool: PathBuf,
}

impl Programs {
    /// Builds those that are not there. In a quick run the rules are read by the system's
    /// promtool, which is older than what reads the configuration.
    pub fn have(report: &mut Report, is_quick: bool) -> Result<Option<Self>> {
        let prometheus = folder("prometheus", PROMETHEUS);
        let mut promtool = prometheus.join("promtool");
        if !promtool.exists() && is_quick {
            report.skip(format!(
                "prometheus.yml and the proof `alerts`: cargo xtask platform builds Prometheus {PROMETHEUS}, which takes minutes more"
            ));
            let Some(old) = tools::of_system(report, "promtool", "prometheus")? else {
                return Ok(None);
            };
            promtool = old;
        } else if !promtool.exists() {
            build_prometheus(report, &prometheus)?;
        }
        let alertmanager = folder("alertmanager", ALERTMANAGER);
        if !alertmanager.join("amtool").exists() {
            build_alertmanager(report, &alertmanager)?;
        }
        let prometheus = Some(prometheus.join("prometheus"));
        Ok(Some(Self {
            prometheus: prometheus.filter(|it| it.exists()),
            promtool,
            alertmanager: alertmanager.join("alertmanager"),
            amtool: alertmanager.join("amtool"),
        }))
    }
}

fn build_prometheus(report: &mut Report, to: &Path) -> Result<()> {
    let go = tools::go(report)?;
    let step = format!("building Prometheus {PROMETHEUS} into target/tools");
    report.check(&step, || {
        let packages = ["prometheus", "promtool"]
            .map(|name| format!("github.com/prometheus/prometheus/cmd/{name}@v{PROMETHEUS}"));
        run::output(install(&go, to).arg(TAGS).args(packages)).map(drop)
    })
}

fn build_alertmanager(report: &mut Report, to: &Path) -> Result<()> {
    let go = tools::go(report)?;
    let step = format!("building Alertmanager {ALERTMANAGER} into target/tools");
    report.check(&step, || {
        let mut install = install(&go, to);
        install.current_dir(with_pages(&go)?);
        run::output(install.args(["./cmd/alertmanager", "./cmd/amtool"])).map(drop)
    })
}

fn folder(name: &str, version: &str) -> PathBuf {
    let folder = tree::target().join("tools");
    folder.join(format!("{name}-{version}")).join("bin")
}

fn install(go: &str, to: &Path) -> Command {
    let mut install = command(go);
    install
        .env("GOBIN", to)
        .args(["install", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]);
    install
}

fn command(go: &str) -> Command {
    let mut command = Command::new(go);
    command
        .current_dir(tree::target())
        // The module may want a newer one than is here.
        .env("GOTOOLCHAIN", "auto");
    command
}

/// A copy of Alertmanager's sources that has pages, though empty ones.
fn with_pages(go: &str) -> Result<PathBuf> {
    let module = format!("github.com/prometheus/alertmanager@v{ALERTMANAGER}");
    let mut download = command(go);
    download.args(["mod", "download", "-json", &module]);
    let told: Value = serde_json::from_str(&run::output(&mut download)?)?;
    let sources = PathBuf::from(told["Dir"].as_str().context("go names no folder")?);
    let copy = tree::target().join("tools/build/alertmanager");
    tree::fresh(&copy)?;
    for file in tree::files(&sources)? {
        let text = fs::read(sources.join(&file))?;
        write(&copy.join(file), &text)?;
    }
    for page in PAGES {
        write(&copy.join(page), b"This build has no pages.\n")?;
    }
    Ok(copy)
}

fn write(file: &Path, text: &[u8]) -> Result<()> {
    fs::create_dir_all(file.parent().context("a file has a folder")?)?;
    Ok(fs::write(file, text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each image that is named below `deploy`, with its tag.
    fn images(program: &str) -> Vec<String> {
        let deploy = tree::root().join("deploy");
        let files = tree::files(&deploy).unwrap();
        let texts = files.iter().map(|file| deploy.join(file));
        let texts = texts.filter(|file| file.extension().is_some_and(|it| it == "yaml"));
        let image = format!("image: {program}:");
        texts
            .flat_map(|file| {
                let text = tree::read(&file).unwrap();
                let lines = text.lines().filter_map(|line| line.split_once(&image));
                lines.map(|found| found.1.to_owned()).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn the_images_are_of_the_release_that_is_tried() {
        // 0.316.0 is 3.16.0.
        let (major, rest) = PROMETHEUS[2..].split_at(1);
        let prometheus = format!("v{major}.{rest}");
        let expected = [
            ("prom/prometheus", prometheus),
            ("prom/alertmanager", format!("v{ALERTMANAGER}")),
        ];
        for (program, version) in expected {
            let images = images(program);
            assert!(images.len() > 1, "{program}");
            assert!(images.iter().all(|image| *image == version), "{images:?}");
        }
    }
}
