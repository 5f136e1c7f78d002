//! The faults of a cluster, with a stand-in for kubectl: what do they ask of it, and what
//! of that do they take back?

use std::{fs, os::unix::fs::PermissionsExt, process::Command, slice};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::recipe::{Lasting, fault};
use crate::{
    delivery::{ended::Ended, project::Project},
    test::{report::Report, tools},
    tree,
};

const KUBECTL: &str = r#"#!/bin/sh
echo "$*" >> "$0.calls"
case "$*" in
    *"get namespace staging "*) echo allowed ;;
    *"get namespace production "*) ;;
    *"get deployment "*) echo deployment.apps/my-service-api ;;
    *"get pods "*) printf 'pod/one\npod/two\n' ;;
    *"get certificate "*"jsonpath"*) printf api-certificate ;;
    *"get certificate "*) echo certificate.cert-manager.io/my-service-api ;;
    *"get certificate.cert-manager.io/"*) printf api-certificate ;;
    *"get networkpolicy "*) echo networkpolicy.networking.k8s.io/my-service-database ;;
esac
"#;

/// What a fault asks for, and what takes it back.
const LASTING: [(&str, &str, &str); 3] = [
    (
        "collector",
        "set env deployment.apps/my-service-api OTEL_EXPORTER_OTLP_ENDPOINT=http://192.0.2.1:4317",
        "set env deployment.apps/my-service-api OTEL_EXPORTER_OTLP_ENDPOINT-",
    ),
    (
        "configuration",
        "set env deployment.apps/my-service-api APP_HTTP__NO_SUCH_SETTING=1",
        "set env deployment.apps/my-service-api APP_HTTP__NO_SUCH_SETTING-",
    ),
    (
        "database-away",
        "label pods --selector app.kubernetes.io/component=api network/database-",
        "label pods --selector app.kubernetes.io/component=api --overwrite network/database=allowed",
    ),
];

const ONCE: [(&str, &[&str]); 3] = [
    (
        "restart",
        &[
            "rollout restart deployment.apps/my-service-api",
            "rollout status",
        ],
    ),
    (
        "kill",
        &["delete pod/one --grace-period 0 --force", "rollout status"],
    ),
    (
        "certificate",
        &[
            "delete secret api-certificate",
            "wait certificate.cert-manager.io/my-service-api --for condition=Ready",
        ],
    ),
];

pub fn run(report: &mut Report, project: &Project) -> Result<()> {
    report.check("faults of a cluster: only where they are allowed", || {
        let cluster = Cluster::new(project)?;
        let ended = cluster.ended(&["production", "kill"])?;
        ended.wrong_by(2, "nobody has said that faults may happen in production")?;
        ensure!(!ended.calls.contains("delete"), "{}", ended.calls);
        cluster
            .ended(&["staging", "earthquake"])?
            .wrong_by(2, "there are: certificate collector")
    })?;
    report.check("faults of a cluster: over at once", || {
        for (name, calls) in ONCE {
            let ended = Cluster::new(project)?.ended(&["staging", name])?;
            ended.right()?;
            ended.called(calls)?;
        }
        Ok(())
    })?;
    report.check(
        "faults of a cluster: taken back, at the end and if cut short",
        || {
            for (name, begins, takes_back) in LASTING {
                let ended = Cluster::new(project)?.ended(&["staging", name, "0"])?;
                ended.right()?;
                ended.called(&[begins, takes_back])?;
                let cluster = Cluster::new(project)?;
                let lasting = Lasting::begin(&mut cluster.fault(&["staging", name, "600"])?)?;
                ensure!(!cluster.calls()?.contains(takes_back));
                let ended = cluster.with_calls(lasting.cut_short()?)?;
                ensure!(ended.code == 143, "exit {}: {}", ended.code, ended.said);
                ended.called(&[begins, takes_back])?;
            }
            Ok(())
        },
    )
}

/// A stand-in, and who asks it.
struct Cluster<'a> {
    project: &'a Project,
    folder: TempDir,
}

impl<'a> Cluster<'a> {
    fn new(project: &'a Project) -> Result<Self> {
        let folder = TempDir::new()?;
        let kubectl = folder.path().join("kubectl");
        fs::write(&kubectl, KUBECTL)?;
        fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755))?;
        Ok(Self { project, folder })
    }

    fn fault(&self, arguments: &[&str]) -> Result<Command> {
        let mut fault = fault(self.project, &["kubernetes"]);
        let kubectl = self.folder.path().join("kubectl");
        fault
            .args(arguments)
            .env("PATH", tools::path_with(slice::from_ref(&kubectl))?);
        Ok(fault)
    }

    fn ended(&self, arguments: &[&str]) -> Result<Ended> {
        self.with_calls(Ended::of(&mut self.fault(arguments)?)?)
    }

    fn with_calls(&self, ended: Ended) -> Result<Ended> {
        Ok(Ended {
            // It may have been refused before it asked anything.
            calls: self.calls().unwrap_or_default(),
            ..ended
        })
    }

    fn calls(&self) -> Result<String> {
        tree::read(&self.folder.path().join("kubectl.calls"))
    }
}
