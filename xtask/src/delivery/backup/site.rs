//! Where the script runs: as an unprivileged user, in a folder of its own, with settings.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::storage::Storage;
use crate::{
    capacity::postgres::{programs, unprivileged},
    delivery::{ended::Ended, project::Project},
    run, tree,
};

/// The service's name, as far as backups know.
pub const NAME: &str = "service";

/// It is gone when it goes out of scope.
pub struct Site {
    folder: PathBuf,
    settings: BTreeMap<&'static str, String>,
}

impl Site {
    /// With the script and the service's binary, and a repository that is not there yet.
    pub fn new(project: &Project, binary: &Path, storage: &Storage) -> Result<Self> {
        let made = run::output(unprivileged(Path::new("mktemp")).arg("-d"))?;
        let mut site = Self {
            folder: PathBuf::from(made.trim()),
            settings: BTreeMap::new(),
        };
        let from = project.folder.join("deploy/backup");
        for file in tree::files(&from)? {
            site.copy(&from.join(&file), &Path::new("backup").join(&file))?;
        }
        site.copy(binary, Path::new("service"))?;
        for folder in ["folder", "metrics", "bin"] {
            run::output(unprivileged(Path::new("mkdir")).arg(site.path(folder)))?;
        }
        let repository = storage.repository(project.flavour.answers.database);
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = programs().context("no PostgreSQL")?;
        for (name, value) in [
            ("BACKUP_NAME", NAME.to_owned()),
            ("BACKUP_FOLDER", site.text("folder")),
            ("BACKUP_METRICS_FOLDER", site.text("metrics")),
            (
                "BACKUP_MIGRATE",
                format!("{} migrate", site.text("service")),
            ),
            ("APP_PROFILE", "development".to_owned()),
            ("RESTIC_REPOSITORY", repository),
            ("RESTIC_PASSWORD", "a key".to_owned()),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            (
                "PATH",
                format!("{}:{}:{path}", site.text("bin"), programs.display()),
            ),
        ] {
            site.set(name, &value);
        }
        Ok(site)
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let to = self.folder.join(to);
        let folder = to.parent().context("no folder")?;
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        fs::copy(from, &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.insert(name, value.to_owned());
    }

    pub fn setting(&self, name: &str) -> Result<&str> {
        let value = self.settings.get(name);
        Ok(value.with_context(|| format!("no {name}"))?)
    }

    pub fn unset(&mut self, name: &str) {
        self.settings.remove(name);
    }

    /// A stand-in, before what is there under this name.
    pub fn program(&self, name: &str, script: &str) -> Result<()> {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    pub fn no_program(&self, name: &str) -> Result<()> {
        Ok(fs::remove_file(self.path("bin").join(name))?)
    }

    /// A program with the settings of the site.
    pub fn command(&self, program: &str) -> Command {
        let mut command = unprivileged(Path::new("env"));
        command
            .current_dir("/")
            .args(
                self.settings
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// The script.
    pub fn script(&self, arguments: &[&str]) -> Command {
        // One that hangs is told by its code, 124.
        let mut script = self.command("timeout");
        script
            .arg("300")
            .arg(self.path("backup/backup"))
            .args(arguments);
        script
    }

    pub fn run(&self, arguments: &[&str]) -> Result<Ended> {
        Ended::of(&mut self.script(arguments))
    }

    /// What the textfile collector would read.
    pub fn metrics(&self) -> Result<String> {
        tree::read(&self.path("metrics").join(format!("backup-{NAME}.prom")))
    }

    /// The value of a metric.
    pub fn metric(&self, name: &str) -> Result<u64> {
        let text = self.metrics()?;
        let begin = format!("{name}{{service=\"{NAME}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&*begin));
        Ok(value
            .with_context(|| format!("no {name}: {text}"))?
            .parse()?)
    }

    /// Nothing of a run is left behind it.
    pub fn is_tidy(&self) -> Result<()> {
        let mut left = Vec::new();
        for entry in fs::read_dir(self.path("folder"))? {
            left.push(entry?.file_name().to_string_lossy().into_owned());
        }
        left.retain(|name| !["cache", "ended", "lock"].contains(&&**name));
        ensure!(left.is_empty(), "it leaves {left:?}");
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
