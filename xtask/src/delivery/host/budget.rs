//! What must fit together across nginx, systemd, PostgreSQL and the service's settings.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use toml::Table;

use crate::{
    delivery::{
        manifests::{Service, duration, setting},
        project::{Fault, Project, judged},
    },
    test::report::Report,
    tree,
};

const SITE: &str = "nginx/site.conf";
const PROXY: &str = "nginx/proxy.conf";
const SERVERS: &str = "nginx/site/servers.conf";
const SERVICE: &str = "systemd/unit.service";
const TASK: &str = "systemd/unit@.service";
const SOCKET: &str = "systemd/unit.socket";
const TUNING: &str = "postgres/tuning.conf";

pub fn run(report: &mut Report, projects: &[&Project]) -> Result<()> {
    for project in projects {
        let service = Service::of(project)?;
        let faults: &[Fault] = match project.flavour.answers.database {
            "postgres" => &BROKEN,
            _ => &[],
        };
        judged(
            report,
            "times, bounds, addresses",
            &[project],
            faults,
            |project| {
                let faults = Machine::of(project, &service)?.faults()?;
                ensure!(faults.is_empty(), "{}", faults.join("\n"));
                Ok(String::new())
            },
        )?;
    }
    Ok(())
}

const BROKEN: [Fault; 11] = [
    Fault {
        file: "deploy/host/nginx/proxy.conf",
        from: "proxy_read_timeout 15s",
        to: "proxy_read_timeout 10s",
        reason: "proxy_read_timeout (10s) must be above http.request_timeout (10s)",
    },
    Fault {
        file: "deploy/host/nginx/proxy.conf",
        from: "proxy_send_timeout 10s",
        to: "proxy_send_timeout 8s",
        reason: "proxy_send_timeout (8s) must be above http.request_body_timeout (8s)",
    },
    Fault {
        file: "deploy/host/config.toml",
        from: "keep_alive_timeout = \"75s\"",
        to: "keep_alive_timeout = \"60s\"",
        reason: "http.keep_alive_timeout (60s) must be above the upstream's keepalive_timeout (60s)",
    },
    Fault {
        file: "deploy/host/systemd/unit.service",
        from: "TimeoutStopSec=30s",
        to: "TimeoutStopSec=20s",
        reason: "TimeoutStopSec (20s) must be above the sum of the section `shutdown` (21s)",
    },
    Fault {
        file: "deploy/host/systemd/unit@.service",
        from: "TimeoutStartSec=5m",
        to: "TimeoutStartSec=3m",
        reason: "TimeoutStartSec (180s) must be above the migration's store.statement_timeout (240s)",
    },
    Fault {
        file: "deploy/host/systemd/unit.service",
        from: "LimitNOFILE=8192",
        to: "LimitNOFILE=4096",
        reason: "LimitNOFILE allows fewer connections than http.connections",
    },
    Fault {
        file: "deploy/host/nginx/site.conf",
        from: "client_max_body_size 2m",
        to: "client_max_body_size 512k",
        reason: "client_max_body_size is below http.request_body_limit_bytes",
    },
    Fault {
        file: "deploy/host/systemd/unit.socket",
        from: "ListenStream=127.0.0.1:8080",
        to: "ListenStream=127.0.0.1:8081",
        reason: "nginx asks 127.0.0.1:8080, the socket is 127.0.0.1:8081",
    },
    Fault {
        file: "deploy/host/systemd/unit.socket",
        from: "FreeBind=yes\n",
        to: "",
        reason: "the socket waits for no address that comes after it",
    },
    Fault {
        file: "deploy/host/config.toml",
        from: "[\"127.0.0.1/32\", ",
        to: "[",
        reason: "nginx is none of clients.trusted_proxies",
    },
    Fault {
        file: "deploy/host/postgres/tuning.conf",
        from: "max_connections = 100",
        to: "max_connections = 40",
        reason: "PostgreSQL has 37 connections, the service and its migration may take 40",
    },
];

/// What the files say, and what the service understands of that.
struct Machine<'a> {
    project: &'a Project,
    /// As it serves.
    config: Table,
    /// As it migrates.
    task: Table,
}

impl<'a> Machine<'a> {
    fn of(project: &'a Project, service: &Service) -> Result<Self> {
        let understood = |files: &[&str]| service.config(&settings(project, files)?);
        Ok(Self {
            project,
            config: understood(&[SERVICE, "systemd/postgres.conf", "systemd/sqlite.conf"])?,
            task: understood(&[
                TASK,
                "systemd/postgres.conf",
                "systemd/sqlite.conf",
                "systemd/postgres-task.conf",
            ])?,
        })
    }

    fn faults(&self) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        self.times(&mut faults)?;
        self.bounds(&mut faults)?;
        self.addresses(&mut faults)?;
        if self.has(TUNING) {
            self.connections(&mut faults)?;
        }
        Ok(faults)
    }

    fn times(&self, faults: &mut Vec<String>) -> Result<()> {
        let mut above = |more: (&str, Duration), less: (&str, Duration)| {
            if more.1 <= less.1 {
                faults.push(format!(
                    "{} ({}s) must be above {} ({}s)",
                    more.0,
                    more.1.as_secs(),
                    less.0,
                    less.1.as_secs()
                ));
            }
        };
        let of_config = |field| (field, time(&self.config, field));
        for (directive, field) in [
            ("proxy_read_timeout", "http.request_timeout"),
            ("proxy_send_timeout", "http.request_body_timeout"),
        ] {
            let given = parsed(self.directive(PROXY, directive)?)?;
            above((directive, given), of_config(field));
        }
        above(
            of_config("http.keep_alive_timeout"),
            (
                "the upstream's keepalive_timeout",
                parsed(self.directive(SITE, "keepalive_timeout")?)?,
            ),
        );
        let deadlines = [
            "drain_delay",
            "drain_timeout",
            "close_timeout",
            "flush_timeout",
        ];
        let sum = deadlines.map(|deadline| time(&self.config, &format!("shutdown.{deadline}")));
        above(
            (
                "TimeoutStopSec",
                parsed(self.key(SERVICE, "TimeoutStopSec")?)?,
            ),
            ("the sum of the section `shutdown`", sum.iter().sum()),
        );
        above(
            (
                "TimeoutStartSec",
                parsed(self.key(TASK, "TimeoutStartSec")?)?,
            ),
            (
                "the migration's store.statement_timeout",
                time(&self.task, "store.statement_timeout"),
            ),
        );
        Ok(())
    }

    fn bounds(&self, faults: &mut Vec<String>) -> Result<()> {
        let descriptors: i64 = self.key(SERVICE, "LimitNOFILE")?.parse()?;
        if descriptors / 4 * 3 < number(&self.config, "http.connections")? {
            faults.push("LimitNOFILE allows fewer connections than http.connections".to_owned());
        }
        let body = bytes(self.directive(SITE, "client_max_body_size")?)?;
        if body < number(&self.config, "http.request_body_limit_bytes")? {
            faults.push(
                "client_max_body_size is below http.request_body_limit_bytes: the service would not say why"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn addresses(&self, faults: &mut Vec<String>) -> Result<()> {
        let asked = self.directive(SERVERS, "server")?.to_owned();
        let socket = self.key(SOCKET, "ListenStream")?.to_owned();
        if asked != socket {
            faults.push(format!("nginx asks {asked}, the socket is {socket}"));
        }
        if self.key(SOCKET, "FreeBind").ok().as_deref() != Some("yes") {
            faults.push("the socket waits for no address that comes after it".to_owned());
        }
        let host = socket.split(':').next().unwrap_or_default();
        let trusted = setting(&self.config, "clients.trusted_proxies");
        let trusted = trusted
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten();
        let mut trusted = trusted.filter_map(toml::Value::as_str);
        if !trusted.any(|network| network.split('/').next() == Some(host)) {
            faults.push("nginx is none of clients.trusted_proxies".to_owned());
        }
        Ok(())
    }

    fn connections(&self, faults: &mut Vec<String>) -> Result<()> {
        let value = |key: &str| -> Result<i64> { Ok(self.key(TUNING, key)?.parse()?) };
        let there = value("max_connections")? - value("superuser_reserved_connections")?;
        let taken = number(&self.config, "store.max_connections")?
            + number(&self.task, "store.max_connections")?;
        if taken > there {
            faults.push(format!(
                "PostgreSQL has {there} connections, the service and its migration may take {taken}"
            ));
        }
        Ok(())
    }

    fn has(&self, file: &str) -> bool {
        self.project.has(&format!("deploy/host/{file}"))
    }

    /// The first value of a directive of nginx.
    fn directive(&self, file: &str, name: &str) -> Result<String> {
        self.first(file, |line| {
            let value = line.strip_prefix(name)?.strip_prefix(' ')?;
            Some(value.trim().trim_end_matches(';').to_owned())
        })
        .with_context(|| format!("{file} has no {name}"))
    }

    /// The first value of a key, with or without spaces around `=`.
    fn key(&self, file: &str, name: &str) -> Result<String> {
        self.first(file, |line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
        .with_context(|| format!("{file} has no {name}"))
    }

    fn first(&self, file: &str, found: impl Fn(&str) -> Option<String>) -> Option<String> {
        let text = text(self.project, file).ok()?;
        text.lines().find_map(|line| found(line.trim()))
    }
}

fn text(project: &Project, file: &str) -> Result<String> {
    tree::read(&project.folder.join("deploy/host").join(file))
}

/// The environment of these units, as systemd would make it.
fn settings(project: &Project, files: &[&str]) -> Result<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    for file in files {
        if !project.has(&format!("deploy/host/{file}")) {
            continue;
        }
        for line in text(project, file)?.lines() {
            let Some(assigned) = line.strip_prefix("Environment=") else {
                continue;
            };
            let (name, value) = assigned
                .trim_matches('"')
                .split_once('=')
                .with_context(|| format!("{file}: {line}"))?;
            let value = value
                .replace("%p", "my-service")
                .replace("%S", "/var/lib")
                .replace("%d", "/run/credentials");
            settings.insert(name.to_owned(), value);
        }
    }
    let config = project.folder.join("deploy/host/config.toml");
    // What is understood is remembered by settings: another text is another setting.
    settings.insert("TEXT".to_owned(), tree::read(&config)?);
    let named = settings.insert("APP_CONFIG_FILE".to_owned(), config.display().to_string());
    ensure!(
        named.as_deref() == Some("/etc/my-service/config.toml"),
        "the units name another configuration: {named:?}"
    );
    Ok(settings)
}

fn parsed(text: impl AsRef<str>) -> Result<Duration> {
    let text = text.as_ref();
    duration(text).with_context(|| format!("no time: {text}"))
}

fn time(config: &Table, field: &str) -> Duration {
    let text = setting(config, field).and_then(toml::Value::as_str);
    text.and_then(duration).unwrap_or_default()
}

fn number(config: &Table, field: &str) -> Result<i64> {
    let value = setting(config, field).and_then(toml::Value::as_integer);
    value.with_context(|| format!("no number: {field}"))
}

/// `2m`, as nginx writes it.
fn bytes(text: impl AsRef<str>) -> Result<i64> {
    let text = text.as_ref();
    let (digits, unit) = text.split_at(text.len().saturating_sub(1));
    Ok(match unit {
        "k" => digits.parse::<i64>()? << 10,
        "m" => digits.parse::<i64>()? << 20,
        _ => bail!("no size: {text}"),
    })
}
