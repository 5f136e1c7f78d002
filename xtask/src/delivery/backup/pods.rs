//! What the CronJobs run each night, as their manifests have it: the commands of their
//! containers in their order, with their environment and their volumes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::site::{NAME, Site};
use crate::{
    capacity::postgres::unprivileged,
    delivery::{ended::Ended, manifests::object, project::Project},
    run, tree,
};

const PATIENCE: Duration = Duration::from_secs(120);
const COMPONENT: &str = "deploy/components/backup-postgres";

/// A backup and a drill, as Kubernetes would run them; and a drill that fails.
pub fn run(project: &Project, site: &Site, store: &str) -> Result<()> {
    for job in ["backup", "drill"] {
        let spec = specified(project, job)?;
        let pod = Pod::prepare(project, site, job, &spec, store)?;
        println!("       {}", pod.run()?.trim());
    }
    let mut spec = specified(project, "drill")?;
    let drill = spec.pointer_mut("/initContainers/1/env");
    let environment = drill.and_then(Value::as_array_mut).context("no drill")?;
    environment.push(json!({ "name": "RESTIC_PASSWORD", "value": "another key" }));
    // Nobody waits for hours for what has failed.
    match Pod::prepare(project, site, "failed", &spec, store)?.run() {
        Ok(said) => bail!("a drill with another key passes: {said}"),
        Err(error) => ensure!(format!("{error:#}").contains("exit 69"), "{error:#}"),
    }
    Ok(())
}

/// What a CronJob says of its pods.
fn specified(project: &Project, job: &str) -> Result<Value> {
    let folder = project.folder.join(COMPONENT).join(job);
    let file = folder.join("cronjob.yaml");
    let objects = object::read(&tree::read(&file)?)?;
    let [cron_job] = &objects[..] else {
        bail!("{} objects are in {}", objects.len(), file.display());
    };
    Ok(cron_job.at("/spec/jobTemplate/spec/template/spec").clone())
}

/// A container that goes on beside the others, and ends at the latest with this.
struct Beside(Child);

impl Beside {
    /// As Kubernetes ends it, after the others.
    fn end(&mut self) -> Result<ExitStatus> {
        let id = self.0.id().to_string();
        run::output(Command::new("kill").args(["-s", "TERM", &id]))?;
        Ok(self.0.wait()?)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.end();
        }
    }
}

/// The exit code of who was told to end, and has not ended before.
const TOLD_TO_END: i32 = 143;

/// A pod; each of its volumes is a folder.
struct Pod<'a> {
    site: &'a Site,
    spec: &'a Value,
    folder: PathBuf,
    /// Of the Secret `secrets`.
    store: &'a str,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).map(object::list).unwrap_or_default()
}

impl<'a> Pod<'a> {
    fn prepare(
        project: &Project,
        site: &'a Site,
        job: &str,
        spec: &'a Value,
        store: &'a str,
    ) -> Result<Self> {
        let folder = site.path(&format!("pod-{job}"));
        let pod = Self {
            site,
            spec,
            folder,
            store,
        };
        for volume in list(spec, "/volumes") {
            let folder = pod.volume(text(volume, "/name"));
            run::output(unprivileged(Path::new("mkdir")).arg("-p").arg(&folder))?;
            for source in list(volume, "/projected/sources") {
                project_into(project, &folder, &source["configMap"])?;
            }
        }
        Ok(pod)
    }

    fn volume(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Each of its containers to its end; those that go on beside the others until then.
    /// Gives what was said.
    fn run(&self) -> Result<String> {
        let mut beside = Vec::new();
        let mut said = String::new();
        for container in list(self.spec, "/initContainers") {
            let mut process = self.process(container)?;
            if text(container, "/restartPolicy") == "Always" {
                let output = fs::File::create(self.folder.join("output"))?;
                process.stdout(output.try_clone()?).stderr(output);
                beside.push(Beside(process.stdin(Stdio::null()).spawn()?));
                self.until_started(container)?;
            } else {
                said += Ended::of(&mut process)?.right()?;
            }
        }
        for container in list(self.spec, "/containers") {
            said += Ended::of(&mut self.process(container)?)?.right()?;
        }
        for mut process in beside {
            let ended = process.end()?;
            let output = tree::read(&self.folder.join("output"))?;
            ensure!(
                ended.code() == Some(TOLD_TO_END),
                "it ended by itself, and would be begun again: {ended}: {output}"
            );
            said += &output;
        }
        Ok(said)
    }

    fn until_started(&self, container: &Value) -> Result<()> {
        let probe = self.words(container, list(container, "/startupProbe/exec/command"));
        let begun = Instant::now();
        while run::output(Command::new(&probe[0]).args(&probe[1..])).is_err() {
            let output = tree::read(&self.folder.join("output"))?;
            ensure!(begun.elapsed() < PATIENCE, "it does not start: {output}");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn process(&self, container: &Value) -> Result<Command> {
        let mut words = self.words(container, list(container, "/command"));
        if text(container, "/image") == "service" {
            words.insert(0, self.site.text("service"));
        }
        words.extend(self.words(container, list(container, "/args")));
        let mut process = unprivileged(Path::new("env"));
        process.arg("--ignore-environment");
        for (name, value) in self.environment(container)? {
            process.arg(format!("{name}={}", self.mounted(container, &value)));
        }
        process.args(words);
        Ok(process)
    }

    fn words(&self, container: &Value, words: &[Value]) -> Vec<String> {
        let words = words.iter().filter_map(Value::as_str);
        words.map(|word| self.mounted(container, word)).collect()
    }

    fn environment(&self, container: &Value) -> Result<BTreeMap<String, String>> {
        let path = self.site.setting("PATH")?;
        let mut all = BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
        for from in list(container, "/envFrom") {
            let names: &[_] = match (
                text(from, "/secretRef/name"),
                text(from, "/configMapRef/name"),
            ) {
                ("backup", _) => &[
                    "RESTIC_REPOSITORY",
                    "RESTIC_PASSWORD",
                    "AWS_ACCESS_KEY_ID",
                    "AWS_SECRET_ACCESS_KEY",
                ],
                // An issuer, in short; and of the component tls what is mounted for replicas alone.
                (_, "api") => {
                    for (name, file) in [("CERTIFICATE", "crt"), ("KEY", "key")] {
                        let (name, file) = (format!("APP_TLS__{name}_FILE"), format!("tls.{file}"));
                        all.insert(name, format!("/run/tls/{file}"));
                    }
                    &["APP_PROFILE"]
                }
                ("secrets", _) => {
                    all.insert("APP_STORE__URL".to_owned(), self.store.to_owned());
                    &[]
                }
                other => bail!("nobody has {other:?}"),
            };
            for name in names {
                all.insert((*name).to_owned(), self.site.setting(name)?.to_owned());
            }
        }
        for variable in list(container, "/env") {
            let from = &variable["valueFrom"];
            let value = match variable["value"].as_str() {
                Some(value) => value,
                None if text(from, "/fieldRef/fieldPath").contains("kubernetes.io/name") => NAME,
                None if text(from, "/secretKeyRef/key") == "APP_STORE__URL" => self.store,
                None => bail!("nobody has {from}"),
            };
            all.insert(text(variable, "/name").to_owned(), value.to_owned());
        }
        // The image's release of PostgreSQL may not be this machine's.
        if let Some(own) = all.get_mut("PATH") {
            *own = format!("{own}:{path}");
        }
        Ok(all)
    }

    /// Paths in volumes are those of their folders.
    fn mounted(&self, container: &Value, word: &str) -> String {
        let mut told = word.to_owned();
        for mount in list(container, "/volumeMounts") {
            let path = text(mount, "/mountPath");
            let folder = self.volume(text(mount, "/name")).display().to_string();
            let mut from = 0;
            while let Some(at) = told[from..].find(path).map(|at| at + from) {
                // `/scripts/backup` is not in `/backup`.
                let begins = !told[..at].ends_with(|c: char| c.is_alphanumeric() || c == '/');
                from = at + path.len();
                if begins {
                    told.replace_range(at..from, &folder);
                    from = at + folder.len();
                }
            }
        }
        told
    }
}

/// The files of a ConfigMap, as their generator and the volume name them.
fn project_into(project: &Project, folder: &Path, map: &Value) -> Result<()> {
    for sources in ["deploy/backup", "deploy/backup/postgres"] {
        let sources = project.folder.join(sources);
        let file = tree::read(&sources.join("kustomization.yaml"))?;
        let kustomization = object::read(&file)?;
        let kustomization = kustomization.first().context("no kustomization")?;
        for generator in kustomization.list("/configMapGenerator") {
            if text(generator, "/name") != text(map, "/name") {
                continue;
            }
            let keys = list(generator, "/files").iter().filter_map(Value::as_str);
            for key in keys {
                let items = list(map, "/items").iter();
                let path = items.clone().find(|item| text(item, "/key") == key);
                let path = path.map_or(key, |item| text(item, "/path"));
                let to = folder.join(path);
                fs::create_dir_all(to.parent().unwrap_or(folder))?;
                fs::copy(sources.join(key), &to)?;
                fs::set_permissions(&to, fs::Permissions::from_mode(0o555))?;
            }
        }
    }
    Ok(())
}
