//! Whether the manifests say what the binary understands, and ask for what it serves.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use toml::Table;

use super::{
    Rule,
    object::{Object, find, list, number, of_kind},
    render::Rendered,
};
use crate::{delivery::project::Project, run, test::report::Report, tree};

pub const RULES: &[Rule] = &[
    Rule {
        name: "the binary understands every setting",
        faults: settings,
        broken: &[
            ("APP_HTTP__ADDRESS: ", "APP_HTTP__ADRESS: "),
            (
                "APP_HTTP__KEEP_ALIVE_TIMEOUT: 75s",
                "APP_HTTP__KEEP_ALIVE_TIMEOUT: 75 parsecs",
            ),
            (
                "APP_STORE__MIN_CONNECTIONS: \"5\"",
                "APP_STORE__MIN_CONNECTIONS: \"6\"",
            ),
            ("APP_TLS__CERTIFICATE_FILE: ", "APP_TLS__CERTIFICATE: "),
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL: grpc",
                "OTEL_EXPORTER_OTLP_PROTOCOL: http",
            ),
            (
                "name: APP_STORE__STATEMENT_TIMEOUT",
                "name: APP_STORE__STATEMENTS_TIMEOUT",
            ),
        ],
    },
    Rule {
        name: "ports are those that it listens on",
        faults: ports,
        broken: &[
            ("containerPort: 8080", "containerPort: 8081"),
            (
                "APP_OPERATIONS__ADDRESS: 0.0.0.0:9090",
                "APP_OPERATIONS__ADDRESS: 0.0.0.0:9091",
            ),
            (
                "APP_OPERATIONS__ADDRESS: 0.0.0.0:9090",
                "APP_OPERATIONS__ADDRESS: 127.0.0.1:9090",
            ),
        ],
    },
    Rule {
        name: "user and ports are those of the image",
        faults: image,
        broken: &[
            ("runAsUser: 65532", "runAsUser: 1000"),
            ("containerPort: 9090", "containerPort: 9091"),
        ],
    },
    Rule {
        name: "a volume is mounted where a setting has its files",
        faults: files,
        broken: &[
            ("mountPath: /run/tls", "mountPath: /run/certificate"),
            // Of a drill, and of a Job: neither has the certificate.
            ("value: \"\"", "value: /run/tls/tls.crt"),
        ],
    },
];

/// The binary of a flavour.
pub struct Service {
    binary: PathBuf,
    database: &'static str,
    /// A certificate in place of the one that a cluster would mount.
    certificates: PathBuf,
    known: RefCell<BTreeMap<BTreeMap<String, String>, Result<Table, String>>>,
}

impl Service {
    /// Builds it in place, with the features of its flavour.
    pub fn of(project: &Project) -> Result<Self> {
        let database = project.flavour.answers.database;
        let folder = tree::target().join("delivery/binaries").join(database);
        tree::fresh(&folder)?;
        let mut build = run::cargo(tree::root());
        build.args([
            "build",
            "--quiet",
            "--package",
            "axum-chassis-service",
            "--no-default-features",
        ]);
        if database != "none" {
            build.args(["--features", database]);
        }
        run::output(&mut build)?;
        let binary = folder.join("service");
        fs::copy(tree::target().join("debug/axum-chassis-service"), &binary)?;
        make_certificate(&folder)?;
        Ok(Self {
            binary,
            database,
            certificates: folder,
            known: RefCell::default(),
        })
    }

    pub fn binary(&self) -> &Path {
        &self.binary
    }

    fn command(&self, settings: &BTreeMap<String, String>) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().current_dir(&self.certificates);
        for (name, value) in settings {
            let mounted = value.strip_prefix("/run/tls/");
            let file = mounted.map(|file| self.certificates.join(file).display().to_string());
            command.env(name, file.as_ref().unwrap_or(value));
        }
        command
    }

    /// What these settings come to, or all that is wrong with them.
    pub fn config(&self, settings: &BTreeMap<String, String>) -> Result<Table> {
        let mut known = self.known.borrow_mut();
        let config = known.entry(settings.clone()).or_insert_with(|| {
            let told = run::output(self.command(settings).arg("config"));
            let config = told.and_then(|told| Ok(told.parse::<Table>()?));
            config.map_err(|error| format!("{error:#}"))
        });
        config.clone().map_err(anyhow::Error::msg)
    }
}

/// As cert-manager would make one, for nobody.
fn make_certificate(folder: &Path) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl
        .current_dir(folder)
        .args([
            "req", "-x509", "-nodes", "-days", "1", "-newkey", "ec", "-pkeyopt",
        ])
        .args(["ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", "tls.key", "-out", "tls.crt"]);
    run::output(&mut openssl)
        .context("openssl is not here; Debian's package is openssl")
        .map(drop)
}

/// The value of a field such as `http.address`.
pub fn setting<'a>(config: &'a Table, field: &str) -> Option<&'a toml::Value> {
    let (section, key) = field.split_once('.')?;
    config.get(section)?.get(key)
}

/// The environment of the container that is the service, as a kubelet would make it.
pub fn settings_of(
    object: &Object,
    objects: &[Object],
    service: &Service,
) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let Some(container) = itself(object) else {
        return settings;
    };
    for source in list(&container["envFrom"]) {
        let name = |kind: &str| source[kind]["name"].as_str().unwrap_or_default().to_owned();
        for config in of_kind(objects, "ConfigMap").filter(|one| one.name() == name("configMapRef"))
        {
            let data = config.table("/data");
            settings.extend(data.iter().map(|(key, value)| (key.clone(), text(value))));
        }
        for secret in of_kind(objects, "Secret").filter(|one| one.name() == name("secretRef")) {
            let data = secret.table("/data");
            settings.extend(
                data.iter()
                    .map(|(key, value)| (key.clone(), decoded(value))),
            );
        }
    }
    // What a vault would hold.
    if service.database == "postgres" {
        settings
            .entry("APP_STORE__URL".to_owned())
            .or_insert_with(|| "postgres://service@database/service".to_owned());
    }
    for variable in list(&container["env"]) {
        if let Some(value) = variable["value"].as_str() {
            settings.insert(text(&variable["name"]), value.to_owned());
        }
    }
    settings
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn decoded(value: &Value) -> String {
    let bytes = STANDARD.decode(text(value)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Those objects of which a container is the service itself.
fn own(objects: &[Object]) -> impl Iterator<Item = &Object> {
    objects.iter().filter(|object| itself(object).is_some())
}

/// The first one; in a drill the one that migrates.
fn itself(object: &Object) -> Option<&Value> {
    let spec = &object.pods()?["spec"];
    match object.kind() {
        "Deployment" | "Job" => Some(&spec["containers"][0]),
        "CronJob" => {
            let mut first = list(&spec["initContainers"]).iter();
            first.find(|container| container["name"] == "migrate")
        }
        _ => None,
    }
}

fn settings(objects: &[Object], service: &Service) -> Vec<String> {
    let asked = own(objects).map(|object| {
        let config = service.config(&settings_of(object, objects, service));
        config
            .err()
            .map(|error| format!("{}: {error:#}", object.id()))
    });
    asked.flatten().collect()
}

fn ports(objects: &[Object], service: &Service) -> Vec<String> {
    let Some(api) = find(objects, "Deployment", "-api") else {
        return vec!["no Deployment".to_owned()];
    };
    let config = match service.config(&settings_of(api, objects, service)) {
        Ok(config) => config,
        Err(error) => return vec![format!("{error:#}")],
    };
    let mut faults = Vec::new();
    for (name, field) in [
        ("http", "http.address"),
        ("operations", "operations.address"),
    ] {
        let address = setting(&config, field)
            .and_then(toml::Value::as_str)
            .unwrap_or_default();
        let there = api.list("/spec/template/spec/containers/0/ports").iter();
        let port = there
            .filter(|port| port["name"] == name)
            .find_map(|port| number(&port["containerPort"]));
        // On loopback alone no kubelet and no proxy would reach it.
        if port.is_none_or(|port| address != format!("0.0.0.0:{port}")) {
            faults.push(format!("{field} is {address}, the port {name} {port:?}"));
        }
    }
    faults
}

/// What the last stage of the Dockerfile says.
fn image(objects: &[Object], _: &Service) -> Vec<String> {
    let dockerfile = match tree::read(&tree::root().join("template/Dockerfile")) {
        Ok(dockerfile) => dockerfile,
        Err(error) => return vec![format!("{error:#}")],
    };
    let last = |instruction: &str| {
        let mut lines = dockerfile.lines().rev();
        lines.find_map(|line| line.strip_prefix(instruction))
    };
    let Some(api) = find(objects, "Deployment", "-api") else {
        return vec!["no Deployment".to_owned()];
    };
    let pod = |field| api.at(&format!("/spec/template/spec/securityContext/{field}"));
    let user = format!("{}:{}", pod("runAsUser"), pod("runAsGroup"));
    let ports = api.list("/spec/template/spec/containers/0/ports").iter();
    let ports: Vec<_> = ports.map(|p| p["containerPort"].to_string()).collect();
    [("USER ", user), ("EXPOSE ", ports.join(" "))]
        .into_iter()
        .filter(|(instruction, there)| last(instruction) != Some(there.as_str()))
        .map(|(instruction, there)| {
            let own = last(instruction).unwrap_or("nothing");
            format!("the Dockerfile has {instruction}{own}, the Deployment {there}")
        })
        .collect()
}

/// Whichever container has the settings: that of a Job and of a drill, too.
fn files(objects: &[Object], service: &Service) -> Vec<String> {
    let mut lost = Vec::new();
    for object in own(objects) {
        let mounts = itself(object).map(|container| list(&container["volumeMounts"]));
        let mounts = mounts.unwrap_or_default().iter();
        let mounts: Vec<_> = mounts
            .map(|mount| text(&mount["mountPath"]) + "/")
            .collect();
        for (name, value) in settings_of(object, objects, service) {
            let is_file = name.starts_with("APP_") && value.starts_with('/');
            if is_file && !mounts.iter().any(|mount| value.starts_with(mount)) {
                let id = object.id();
                lost.push(format!("{id}: {name} is {value}, where nothing is mounted"));
            }
        }
    }
    lost
}

/// What can be seen of a service that runs: SQLite needs no server.
pub fn run(report: &mut Report, all: &[Vec<Rendered>], services: &[Service]) -> Result<()> {
    for service in services {
        let commands: BTreeSet<_> = all
            .iter()
            .flatten()
            .flat_map(|one| own(&one.objects))
            .filter_map(|object| itself(object)?["args"][0].as_str())
            .collect();
        report.check(
            &format!("{}: commands are those that it has", service.database),
            || {
                for command in commands {
                    run::output(service.command(&BTreeMap::new()).args([command, "--help"]))?;
                }
                let unknown = run::output(
                    service
                        .command(&BTreeMap::new())
                        .args(["migrates", "--help"]),
                );
                ensure!(unknown.is_err(), "it has any command");
                Ok(())
            },
        )?;
    }
    let sqlite = services.iter().find(|service| service.database == "sqlite");
    let running = report.check("the service runs", || {
        Running::start(sqlite.context("no service of SQLite")?, &[])
    })?;
    report.check("probes and scrapes ask for what it serves", || {
        for path in paths(all) {
            // Whether it is ready is not the question.
            ensure!(running.get(&path)? != 404, "it does not serve {path}");
        }
        ensure!(running.get("/healthz")? == 404, "it serves anything");
        Ok(())
    })?;
    report.check(
        "alerts and the dashboard ask for metrics that it has",
        || {
            let metrics = running.metrics()?;
            let asked = asked(all);
            ensure!(asked.len() > 15, "only {} names were found", asked.len());
            let unknown: Vec<_> = asked
                .iter()
                .filter(|name| !metrics.contains(*name))
                .collect();
            ensure!(
                unknown.is_empty(),
                "it has no {unknown:?}; it has {metrics:?}"
            );
            ensure!(
                !metrics.contains("http_server_requests_total"),
                "it has any metric"
            );
            Ok(())
        },
    )?;
    report.check("ci/smoke takes a service in production", || {
        let sqlite = sqlite.context("no service of SQLite")?;
        let production = Running::start(sqlite, &PRODUCTION)?;
        let mut smoke = Command::new(tree::root().join("template/ci/smoke"));
        smoke
            .arg("production")
            .env("SMOKE_URL", format!("http://{}", production.public))
            .env("SMOKE_RETRIES", "0");
        run::output(&mut smoke).map(drop)
    })
}

/// As it is deployed, but for the certificate.
const PRODUCTION: [(&str, &str); 3] = [
    ("APP_PROFILE", "production"),
    ("APP_TLS__CERTIFICATE_FILE", ""),
    ("APP_TLS__KEY_FILE", ""),
];

/// Paths of probes and of scrapes.
fn paths(all: &[Vec<Rendered>]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for object in all.iter().flatten().flat_map(|one| &one.objects) {
        let container = object.at("/spec/template/spec/containers/0");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            paths.insert(text(&container[probe]["httpGet"]["path"]));
        }
        for endpoint in object.list("/spec/endpoints") {
            paths.insert(text(&endpoint["path"]));
        }
    }
    paths.remove("");
    paths
}

/// Names of metrics in all expressions, but for those that backups tell: whether they do is
/// asked where backups are taken.
fn asked(all: &[Vec<Rendered>]) -> BTreeSet<String> {
    let mut expressions = Vec::new();
    let objects = all.iter().flatten().flat_map(|one| &one.objects);
    for object in objects.filter(|object| !object.name().ends_with("-backup")) {
        let groups = object.list("/spec/groups").iter();
        expressions.extend(
            groups
                .flat_map(|group| list(&group["rules"]))
                .map(|rule| text(&rule["expr"])),
        );
        if let Ok(dashboard) = serde_json::from_str::<Value>(object.text("/data/dashboard.json")) {
            let panels = list(&dashboard["panels"]).iter();
            expressions.extend(
                panels
                    .flat_map(|panel| list(&panel["targets"]))
                    .map(|target| text(&target["expr"])),
            );
        }
    }
    expressions
        .iter()
        .flat_map(|expression| names(expression))
        .collect()
}

/// Its words of several parts but for labels, which stand in braces or behind `by`.
fn names(expression: &str) -> Vec<String> {
    let cut = |text: &str, from: &str, to: char| {
        let (first, rest) = text.split_once(from).unwrap_or((text, ""));
        let rest = rest
            .split(from)
            .filter_map(|part| Some(part.split_once(to)?.1));
        format!("{first}{}", rest.collect::<String>())
    };
    // Grafana's own variable.
    let expression = expression.replace("$__rate_interval", "");
    let expression = cut(&cut(&expression, "{", '}'), "by (", ')');
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
    words
        // Neither a function nor what a rule has recorded.
        .filter(|word| word.contains('_') && !word.contains(':') && *word != "histogram_quantile")
        .map(str::to_owned)
        .collect()
}

/// The service, until it goes out of scope.
struct Running {
    process: Child,
    operations: String,
    public: String,
}

impl Running {
    /// With these settings, which win over those that are here.
    fn start(service: &Service, more: &[(&str, &str)]) -> Result<Self> {
        let settings = [
            ("APP_PROFILE", "development"),
            ("APP_LOG__FORMAT", "json"),
            ("APP_HTTP__ADDRESS", "127.0.0.1:0"),
            ("APP_OPERATIONS__ADDRESS", "127.0.0.1:0"),
            ("APP_TLS__CERTIFICATE_FILE", "/run/tls/tls.crt"),
            ("APP_TLS__KEY_FILE", "/run/tls/tls.key"),
            // An issuer that nobody reaches: its instruments are there all the same.
            ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.invalid"),
            ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "api"),
            (
                "APP_AUTH__ISSUERS__MAIN__JWKS_URL",
                "https://127.0.0.1:9/keys",
            ),
            // Nor does anybody take its events.
            ("APP_STORE__OUTBOX__URL", "http://127.0.0.1:9/events"),
        ];
        let settings = settings.iter().chain(more);
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut serve = service.command(&settings.collect());
        let mut process = serve
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut running = Self {
            process,
            operations: String::new(),
            public: String::new(),
        };
        for line in BufReader::new(output).lines() {
            let line: Value = serde_json::from_str(&line?)?;
            if line["listener"] == "operations" {
                running.operations = format!("http://{}", text(&line["address"]));
            }
            // By then all that it measures is there.
            if line["listener"] == "public" {
                running.public = text(&line["address"]);
                return Ok(running);
            }
        }
        bail!("the service ends before it listens")
    }

    fn get(&self, path: &str) -> Result<u16> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build();
        let answer = ureq::Agent::from(agent)
            .get(format!("{}{path}", self.operations))
            .call()?;
        Ok(answer.status().as_u16())
    }

    /// All that it can expose: the registry counts what it drops of each instrument, of
    /// those that have recorded nothing, too.
    fn metrics(&self) -> Result<BTreeSet<String>> {
        const DROPPED: &str = "axum_chassis_overflowed_measurements_total{metric=\"";
        let page = ureq::get(format!("{}/metrics", self.operations))
            .call()?
            .body_mut()
            .read_to_string()?;
        let mut metrics = BTreeSet::new();
        for line in page.lines() {
            let registered = line
                .strip_prefix(DROPPED)
                .and_then(|rest| rest.split('"').next());
            if let Some(name) = registered {
                for end in ["", "_total", "_bucket", "_count", "_sum"] {
                    metrics.insert(format!("{name}{end}"));
                }
            }
        }
        ensure!(metrics.len() > 50, "the page has no instruments:\n{page}");
        Ok(metrics)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
