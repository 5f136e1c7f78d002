//! What the timers run each night, as the units have it: their commands, environment,
//! settings and credentials, below a root of their own.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::site::{NAME, Site};
use crate::{
    capacity::postgres::unprivileged,
    delivery::{ended::Ended, project::Project},
    refusal, run, tree,
};

/// A backup and a drill, as `systemctl start` would run them.
pub fn run(project: &Project, site: &Site, store: &str) -> Result<()> {
    let machine = Machine::prepare(project, site, store)?;
    for (unit, told) in [
        ("backup", "backup_last_success_timestamp_seconds"),
        (
            "backup-drill",
            "backup_drill_last_success_timestamp_seconds",
        ),
    ] {
        let ended = machine.start(project, unit)?;
        println!("       {}", ended.right()?.trim());
        let metrics = format!("var/lib/prometheus/node-exporter/backup-{NAME}.prom");
        let metrics = tree::read(&machine.root.join(metrics))?;
        ensure!(metrics.contains(told), "no {told}: {metrics}");
    }
    Ok(())
}

struct Machine<'a> {
    site: &'a Site,
    root: PathBuf,
}

/// What a unit says, in the order in which systemd reads it.
type Lines = Vec<(String, String)>;

impl<'a> Machine<'a> {
    /// As `install backup` and its operator leave it.
    fn prepare(project: &Project, site: &'a Site, store: &str) -> Result<Self> {
        let machine = Self {
            site,
            root: site.path("machine"),
        };
        for folder in [
            "etc/service",
            "opt/service/current",
            "run/credentials",
            "var/cache/backup-service",
            "var/lib/prometheus/node-exporter",
        ] {
            let mut made = unprivileged(Path::new("mkdir"));
            run::output(made.arg("-p").arg(machine.root.join(folder)))?;
        }
        let opt = machine.root.join("opt/service");
        symlink(site.path("backup"), opt.join("backup"))?;
        symlink(site.path("service"), opt.join("current/service"))?;
        let mut settings = tree::read(&project.folder.join("deploy/backup/systemd/backup.env"))?;
        for (name, shipped) in [
            (
                "RESTIC_REPOSITORY",
                "s3:https://s3.example.com/backups/NAME",
            ),
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
        ] {
            let own = format!("{name}={}\n", site.setting(name)?);
            settings = refusal::broken(
                "backup.env",
                &settings,
                &format!("{name}={shipped}\n"),
                &own,
            )?;
        }
        let config = tree::read(&project.folder.join("deploy/host/config.toml"))?;
        let key = site.setting("RESTIC_PASSWORD")?.to_owned() + "\n";
        let environment = format!("APP_STORE__URL={store}\n");
        for (file, text) in [
            ("backup.env", settings),
            ("backup.key", key),
            ("config.toml", config),
            ("environment", environment),
        ] {
            fs::write(machine.root.join("etc/service").join(file), text)?;
        }
        Ok(machine)
    }

    fn start(&self, project: &Project, unit: &str) -> Result<Ended> {
        let lines = lines(project, unit)?;
        let values = |key: &str| {
            let of_key = lines.iter().filter(move |(name, _)| name == key);
            of_key.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        for credential in values("LoadCredential") {
            self.load(credential, &values("SetCredential"))?;
        }
        let mut environment = BTreeMap::new();
        for assigned in values("Environment") {
            self.assign(&mut environment, assigned.trim_matches('"'))?;
        }
        for file in values("EnvironmentFile") {
            let file = self.rooted(file.trim_start_matches('-'));
            let text = tree::read(Path::new(&file))?;
            let settings = text.lines().filter(|line| !line.starts_with('#'));
            for assigned in settings.filter(|line| !line.is_empty()) {
                self.assign(&mut environment, assigned)?;
            }
        }
        environment.insert("PATH".to_owned(), self.site.setting("PATH")?.to_owned());
        let commands = values("ExecStart");
        let [command] = commands[..] else {
            anyhow::bail!("{unit} has the commands {commands:?}");
        };
        let mut process = unprivileged(Path::new("env"));
        process.arg("--ignore-environment");
        process.args(
            environment
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        process.args(["timeout", "300"]);
        process.args(command.split(' ').map(|word| self.rooted(word)));
        let folder = values("WorkingDirectory");
        let folder = folder.last().context("no WorkingDirectory")?;
        Ended::of(process.current_dir(self.rooted(folder)))
    }

    /// `name:path`, or what is set if there is no such file.
    fn load(&self, credential: &str, set: &[&str]) -> Result<()> {
        let (name, file) = credential.split_once(':').context("no path")?;
        let text = match fs::read_to_string(self.rooted(file)) {
            Ok(text) => text,
            Err(error) => {
                let instead = set.iter().filter_map(|set| set.split_once(':'));
                let mut instead = instead.filter(|(set, _)| *set == name);
                let (_, text) = instead.next().with_context(|| format!("{file}: {error}"))?;
                text.to_owned()
            }
        };
        let given = self.root.join("run/credentials").join(name);
        fs::write(&given, text)?;
        fs::set_permissions(&given, fs::Permissions::from_mode(0o400))?;
        let user = fs::metadata(self.root.join("run/credentials"))?.uid();
        Ok(chown(given, Some(user), None)?)
    }

    fn assign(&self, to: &mut BTreeMap<String, String>, assigned: &str) -> Result<()> {
        let (name, value) = assigned.split_once('=').context("no =")?;
        to.insert(name.to_owned(), self.rooted(value));
        Ok(())
    }

    /// Paths of the machine are below its root.
    fn rooted(&self, text: &str) -> String {
        let of_machine = ["/opt/", "/etc/", "/var/", "/run/credentials/"];
        match of_machine.iter().any(|folder| text.starts_with(folder)) {
            true => format!("{}{text}", self.root.display()),
            false => text.to_owned(),
        }
    }
}

/// The unit and its drop-ins, for the service.
fn lines(project: &Project, unit: &str) -> Result<Lines> {
    let folder = project.folder.join("deploy/backup");
    let mut lines = Lines::new();
    for file in [
        &*format!("systemd/{unit}@.service"),
        "systemd/hardening.conf",
        "postgres/store.conf",
    ] {
        for line in tree::read(&folder.join(file))?.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let value = value
                .replace("%i", NAME)
                .replace("%C", "/var/cache")
                .replace("%d", "/run/credentials");
            lines.push((key.to_owned(), value));
        }
    }
    Ok(lines)
}
