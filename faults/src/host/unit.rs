use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// A unit of systemd with its drop-ins, as far as the stand-in goes by it.
pub struct Unit {
    root: PathBuf,
    name: String,
    instance: String,
    assignments: Vec<(String, String)>,
}

impl Unit {
    /// Reads `NAME.service`, or of `NAME@migrate.service` what is in `NAME@.service`.
    pub fn read(root: &Path, unit: &str) -> Result<Self> {
        let (stem, kind) = unit.rsplit_once('.').context("no kind of unit")?;
        let (name, instance) = stem.split_once('@').unwrap_or((stem, ""));
        let file = match instance {
            "" => unit.to_owned(),
            _ => format!("{name}@.{kind}"),
        };
        let folder = root.join("etc/systemd/system");
        let mut text = fs::read_to_string(folder.join(&file)).with_context(|| file.clone())?;
        let drop_ins = fs::read_dir(folder.join(format!("{file}.d")));
        let mut drop_ins: Vec<_> = drop_ins
            .into_iter()
            .flatten()
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        drop_ins.sort();
        for file in drop_ins {
            text += &fs::read_to_string(file)?;
        }
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let assignments = lines.filter_map(|line| line.split_once('='));
        let assignments = assignments.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok(Self {
            root: root.to_owned(),
            name: name.to_owned(),
            instance: instance.to_owned(),
            assignments: assignments.collect(),
        })
    }

    /// The last value of a key.
    pub fn last(&self, key: &str) -> Result<String> {
        self.all(key).pop().with_context(|| format!("no {key}="))
    }

    /// The words of its command.
    pub fn command(&self) -> Result<Vec<String>> {
        let command = self.last("ExecStart")?;
        Ok(command
            .split_whitespace()
            .map(|word| self.rooted(word))
            .collect())
    }

    /// Its environment: what the unit says, then what its file does.
    pub fn environment(&self) -> Result<Vec<(String, String)>> {
        let mut environment = self.all("Environment");
        for file in self.all("EnvironmentFile") {
            let file = self.rooted(file.trim_start_matches('-'));
            let text = fs::read_to_string(file).unwrap_or_default();
            environment.extend(text.lines().map(str::to_owned));
        }
        let pairs = environment.iter().map(|assigned| {
            let (name, value) = assigned.trim_matches('"').split_once('=').context("no =")?;
            Ok((name.to_owned(), self.rooted(value.trim_matches('"'))))
        });
        pairs.collect()
    }

    fn all(&self, key: &str) -> Vec<String> {
        let values = self.assignments.iter().filter(|(name, _)| name == key);
        values.map(|(_, value)| self.expanded(value)).collect()
    }

    fn expanded(&self, text: &str) -> String {
        let root = self.root.display().to_string();
        text.replace("%p", &self.name)
            .replace("%i", &self.instance)
            .replace("%S", &format!("{root}/var/lib"))
            .replace("%d", &format!("{root}/run/credentials"))
    }

    /// Paths of the machine are below its root.
    fn rooted(&self, word: &str) -> String {
        match word.starts_with("/opt/") || word.starts_with("/etc/") {
            true => format!("{}{word}", self.root.display()),
            false => word.to_owned(),
        }
    }
}
