//! What only JavaScript reads: Grafana's types, and LogQL by Grafana's own grammar.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    run,
    test::{report::Report, tools},
    tree,
};

const FILES: [(&str, &str); 5] = [
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
    ("tsconfig.json", include_str!("tsconfig.json")),
    ("dashboard.ts", include_str!("dashboard.ts")),
    ("logql.mjs", include_str!("logql.mjs")),
];

/// Node, and a folder with the packages.
pub struct Node {
    programs: PathBuf,
    folder: PathBuf,
}

impl Node {
    /// None for a person who cannot have it, and is told why.
    pub fn have(report: &mut Report) -> Result<Option<Self>> {
        let Some(npm) = tools::NPM.have(report)? else {
            return Ok(None);
        };
        let mut hasher = DefaultHasher::new();
        FILES.hash(&mut hasher);
        let name = format!("grafana-{:016x}", hasher.finish());
        let node = Self {
            programs: npm.parent().unwrap_or(&npm).to_owned(),
            folder: tree::target().join("tools").join(name),
        };
        // Its last act: what has it is whole.
        if !node.folder.join("node_modules/.package-lock.json").exists() {
            report.check("Grafana's types and its grammar, by npm", || node.install())?;
        }
        Ok(Some(node))
    }

    fn install(&self) -> Result<String> {
        tree::fresh(&self.folder)?;
        for (name, text) in FILES {
            fs::write(self.folder.join(name), text)?;
        }
        run::output(self.command("npm")?.args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ]))
    }

    /// Writes what a dashboard may be, as a JSON schema.
    pub fn schema(&self, to: &Path) -> Result<String> {
        let mut generator = self.command("node")?;
        generator
            .arg("node_modules/ts-json-schema-generator/bin/ts-json-schema-generator.js")
            .args(["--path", "dashboard.ts", "--type", "Dashboard"])
            .args(["--tsconfig", "tsconfig.json"])
            // All panels' options are called the same.
            .args(["--expose", "none", "--no-top-ref", "--out"]);
        run::output(generator.arg(to))
    }

    /// Fails if one of these is no LogQL, and says where.
    pub fn logql(&self, expressions: &[String]) -> Result<String> {
        let file = tree::target().join("platform/logql.json");
        fs::write(&file, serde_json::to_string(expressions)?)?;
        run::output(self.command("node")?.arg("logql.mjs").arg(file))
    }

    fn command(&self, program: &str) -> Result<Command> {
        let path = self.programs.join(program);
        let mut command = Command::new(&path);
        // npm looks for node itself.
        command
            .current_dir(&self.folder)
            .env("PATH", tools::path_with(&[path])?);
        Ok(command)
    }
}
