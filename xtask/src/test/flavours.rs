//! Every flavour, treated as its user would treat it.

use std::path::Path;

use anyhow::Result;

use super::{report::Report, tools};
use crate::{
    flavour::{FLAVOURS, Flavour, generate_quietly},
    residue, run, tree,
};

pub fn run(report: &mut Report) -> Result<()> {
    let path = tools::path_with(&[tools::cargo_deny(report)?])?;
    let folder = tree::target().join("flavours");
    tree::fresh(&folder)?;
    for flavour in &FLAVOURS {
        let Flavour { name, answers, .. } = flavour;
        let project = report.check(&format!("{name}: generate, look for residue"), || {
            let project = generate_quietly(&format!("my-{name}"), *answers, &folder)?;
            residue::check(&project, *answers)?;
            Ok(project)
        })?;
        if flavour.builds {
            build(report, name, &project)?;
        } else {
            // Its code is another flavour's; its manifest may not be.
            let mut metadata = run::cargo(&project);
            metadata.args(["metadata", "--format-version", "1", "--quiet"]);
            report.step(&format!("{name}: cargo metadata"), &mut metadata)?;
        }
        let mut deny = run::step(&project, "deny");
        report.step(&format!("{name}: ci/deny"), deny.env("PATH", &path))?;
    }
    Ok(())
}

fn build(report: &mut Report, name: &str, project: &Path) -> Result<()> {
    for step in ["lint", "test"] {
        report.step(&format!("{name}: ci/{step}"), &mut run::step(project, step))?;
    }
    report.check(&format!("{name}: every setting is in .env.example"), || {
        settings::check(project)
    })
}

/// Whether `.env.example` names what the binary can be told, with its defaults.
mod settings {
    use std::{collections::BTreeMap, path::Path};

    use anyhow::{Result, bail};
    use toml::{Table, Value};

    use crate::{run, tree};

    const SECRET: &str = "32 bytes or more, of whatever they are";

    pub fn check(project: &Path) -> Result<()> {
        let mut config = run::cargo(project);
        config.args(["run", "--quiet", "--", "config"]);
        config.env("APP_PROFILE", "development");
        // One of the names that a user gives, with nothing but what is required.
        for (key, value) in [("ISSUER", "i"), ("AUDIENCE", "a"), ("HMAC_SECRET", SECRET)] {
            config.env(format!("APP_AUTH__ISSUERS__MAIN__{key}"), value);
        }
        let shown = run::output(&mut config)?;
        let told = told(&tree::read(&project.join(".env.example"))?);
        let mut faults = Vec::new();
        let known = known(&shown)?;
        for (variable, default) in &known {
            match (told.get(variable), default) {
                (None, _) => faults.push(format!("{variable} is missing")),
                (Some(told), Some(default)) if told != default => {
                    faults.push(format!("{variable} is {default}, not {told}"));
                }
                _ => {}
            }
        }
        let unknown = told
            .keys()
            .filter(|variable| !known.contains_key(*variable));
        faults.extend(unknown.map(|variable| format!("{variable} does not exist")));
        if faults.is_empty() {
            return Ok(());
        }
        bail!(".env.example: {}", faults.join(", "))
    }

    /// What `config` shows: the variable of each key, and its value if that is the default.
    fn known(shown: &str) -> Result<BTreeMap<String, Option<String>>> {
        let mut known = BTreeMap::new();
        let mut section = String::new();
        for line in shown.lines().filter(|line| !line.is_empty()) {
            if let Some(name) = line.strip_prefix('[') {
                let path = name.trim_end_matches(']').replace('.', "__");
                section = format!("{}__", path.to_uppercase());
                continue;
            }
            // The profile's own issuer has the same keys as any.
            if section.ends_with("__DEVELOPMENT__") {
                continue;
            }
            let key = line
                .trim_start_matches("# ")
                .split(' ')
                .next()
                .unwrap_or_default();
            let variable = format!("APP_{section}{}", key.to_uppercase());
            let is_default = line.ends_with("# default") && !line.starts_with('#');
            let value = line
                .parse::<Table>()
                .ok()
                .and_then(|table| text(table.get(key)?));
            // A file of variables has no spaces in its values: not every reader takes them.
            let value = value.map(|value| value.replace(' ', ""));
            known.insert(
                variable,
                value.filter(|_| is_default && !line.contains("***")),
            );
        }
        Ok(known)
    }

    fn text(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(list) if list.is_empty() => Some(String::new()),
            scalar => Some(scalar.to_string()),
        }
    }

    fn told(example: &str) -> BTreeMap<String, String> {
        let lines = example.lines().filter_map(|line| {
            let (variable, value) = line.trim_start_matches('#').split_once('=')?;
            variable
                .starts_with("APP_")
                .then(|| (variable.to_owned(), value.to_owned()))
        });
        lines.collect()
    }
}
