use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command, slice,
};

use anyhow::Result;
use tempfile::TempDir;

use super::{ended::Ended, project::Project};
use crate::{test::tools, tree};

/// Where a step is run: the project, stand-ins, and a list of their calls.
pub struct Stage {
    project: PathBuf,
    pub folder: TempDir,
    settings: BTreeMap<&'static str, String>,
}

impl Stage {
    pub fn new(project: &Project) -> Result<Self> {
        Ok(Self {
            project: project.folder.clone(),
            folder: TempDir::new()?,
            settings: BTreeMap::new(),
        })
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.insert(name, value.to_owned());
    }

    /// A stand-in, which is listed when it is called.
    pub fn program(&self, name: &str, does: &str) -> Result<()> {
        let file = self.folder.path().join(name);
        let path = self.path();
        fs::write(
            &file,
            format!("#!/bin/sh\necho {name} \"$*\" >> {path}/calls\n{does}\n"),
        )?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    pub fn run(&self, step: &[&str]) -> Result<Ended> {
        let mut command = Command::new(self.project.join("ci").join(step[0]));
        self.end(command.args(&step[1..]))
    }

    /// A recipe of the justfile, line by line, as whoever has no just types it.
    pub fn recipe(&self, name: &str, values: &[(&str, &str)]) -> Result<Ended> {
        let justfile = tree::read(&self.project.join("justfile"))?;
        let head = format!("{name} ");
        let lines = justfile.lines().skip_while(|line| !line.starts_with(&head));
        let body = lines.skip(1).take_while(|line| line.starts_with("    "));
        let mut script = body.collect::<Vec<_>>().join("\n");
        for (name, value) in values {
            script = script.replace(&format!("{{{{{name}}}}}"), value);
        }
        self.end(Command::new("sh").args(["-euc", &script]))
    }

    fn end(&self, command: &mut Command) -> Result<Ended> {
        let calls = self.folder.path().join("calls");
        fs::write(&calls, "")?;
        let path = tools::path_with(slice::from_ref(&calls))?;
        command
            .current_dir(&self.project)
            .env("PATH", path)
            .envs(&self.settings);
        Ended::of(command)?.with_calls(&calls)
    }
}
