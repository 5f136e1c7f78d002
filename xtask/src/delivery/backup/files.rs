//! The scripts and the units, by the programs that read them, and as `install` puts them.

use anyhow::{Result, ensure};

use crate::{
    delivery::{
        host::{analyze, root::Root, with_targets},
        project::{Fault, Project, judged, takes_and_refuses},
        steps::SHELLCHECK,
    },
    run,
    test::{report::Report, tools::of_system},
    tree,
};

pub fn run(report: &mut Report, with_server: &Project, with_file: &Project) -> Result<()> {
    for project in [with_server, with_file] {
        scripts(report, project)?;
        let name = format!("install backup, {}", project.flavour.name);
        report.check(&name, || installs(project))?;
    }
    runbooks(report, &[with_server, with_file])?;
    report.check("alerts about backups ask for what the script tells", || {
        told(with_server)
    })?;
    units(report, &[with_server, with_file])
}

fn told(project: &Project) -> Result<()> {
    let read = |file| tree::read(&project.folder.join("deploy").join(file));
    let (rule, script) = (
        read("components/backup-alerts/prometheusrule.yaml")?,
        read("backup/backup")?,
    );
    let words = rule.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    let asked: Vec<_> = words.filter(|word| word.starts_with("backup_")).collect();
    ensure!(asked.len() > 5, "only {asked:?} were found");
    let mut unknown = asked.iter();
    let unknown = unknown.find(|name| !script.contains(&format!("        {name}) echo ")));
    ensure!(unknown.is_none(), "nobody tells {unknown:?}");
    Ok(())
}

/// Whoever connects to the socket of a service that was stopped has started it again.
fn runbooks(report: &mut Report, projects: &[&Project]) -> Result<()> {
    let fault = Fault {
        file: "deploy/backup/README.md",
        from: "systemctl stop NAME.socket NAME",
        to: "systemctl stop NAME",
        reason: "its socket starts it again",
    };
    let tool = "runbooks stop the service with its socket";
    judged(report, tool, projects, &[fault], |project| {
        let folder = project.folder.join("deploy");
        for file in tree::files(&folder)? {
            if file.extension().is_none_or(|is| is != "md") {
                continue;
            }
            let text = tree::read(&folder.join(&file))?;
            for stopped in text.split("systemctl stop ").skip(1) {
                let units = stopped.split(['`', '\n']).next().unwrap_or_default();
                let has = |unit| units.split(' ').any(|word| word == unit);
                ensure!(
                    !has("NAME") || has("NAME.socket"),
                    "{}: stops {units}, and its socket starts it again",
                    file.display()
                );
            }
        }
        Ok(String::new())
    })
}

fn scripts(report: &mut Report, project: &Project) -> Result<()> {
    let Some(program) = SHELLCHECK.have(report)? else {
        return Ok(());
    };
    let fault = Fault {
        file: "deploy/backup/backup",
        from: "rm -rf \"$scratch\"",
        to: "rm -rf $scratch",
        reason: "Double quote to prevent globbing",
    };
    takes_and_refuses(report, "shellcheck", &[project], &[fault], |project| {
        let mut shellcheck = project.command(&program);
        shellcheck.arg("deploy/backup/backup").arg(format!(
            "deploy/backup/{}/store.sh",
            project.flavour.answers.database
        ));
        shellcheck
    })
}

fn installs(project: &Project) -> Result<()> {
    let root = prepared(project)?;
    let arguments = ["--name", "my-service", "backup"];
    let dry = root.install(&["--dry-run", "--name", "my-service", "backup"])?;
    ensure!(
        dry.right()?.contains("makes the key") && dry.calls.is_empty(),
        "{}",
        dry.said
    );
    ensure!(root.all()?.is_empty(), "a dry run leaves something");
    let ended = root.install(&arguments)?;
    ended.right()?;
    ended.called(&[
        "systemctl daemon-reload",
        "systemctl enable --quiet --now backup@my-service.timer backup-drill@my-service.timer",
    ])?;
    let before = root.all()?;
    let key = before.iter().find(|(file, _)| file.ends_with("backup.key"));
    ensure!(key.is_some_and(|(_, key)| key.len() > 40), "no key");
    let again = root.install(&arguments)?;
    again.right()?;
    ensure!(!again.calls.contains("daemon-reload"), "{}", again.calls);
    ensure!(
        root.all()? == before,
        "the second run has changed something"
    );
    Ok(())
}

fn prepared(project: &Project) -> Result<Root> {
    let root = Root::new(project)?;
    root.program("restic", "")?;
    Ok(root)
}

const MOST_EXPOSURE: &str = "19";

fn units(report: &mut Report, projects: &[&Project]) -> Result<()> {
    let Some(program) = of_system(report, "systemd-analyze", "systemd")? else {
        return Ok(());
    };
    let installed = |project: &Project| -> Result<Root> {
        let root = prepared(project)?;
        root.install(&["--name", "my-service", "backup"])?.right()?;
        with_targets(&root)?;
        Ok(root)
    };
    let faults = [
        Fault {
            file: "deploy/backup/systemd/backup@.timer",
            from: "*-*-* 02:00:00",
            to: "*-*-* 25:00:00",
            reason: "Failed to parse calendar specification",
        },
        Fault {
            file: "deploy/backup/systemd/backup-drill@.service",
            from: "/opt/%i/backup/backup drill",
            to: "/opt/%i/backup/backups drill",
            reason: "is not executable",
        },
    ];
    judged(
        report,
        "systemd-analyze verify, backups",
        projects,
        &faults,
        |project| {
            let root = installed(project)?;
            let mut verify = analyze(&program, &root);
            verify.args(["verify", "--man=no"]).args([
                "backup@my-service.service",
                "backup@my-service.timer",
                "backup-drill@my-service.service",
                "backup-drill@my-service.timer",
            ]);
            let said = run::output(&mut verify)?;
            ensure!(said.is_empty(), "{said}");
            Ok(said)
        },
    )?;
    let fault = Fault {
        file: "deploy/backup/systemd/hardening.conf",
        from: "CapabilityBoundingSet=\n",
        to: "",
        reason: "CAP_SYS_ADMIN",
    };
    let tool = format!("systemd-analyze security, backups, {MOST_EXPOSURE} tenths at most");
    judged(report, &tool, projects, &[fault], |project| {
        let root = installed(project)?;
        for unit in [
            "backup@my-service.service",
            "backup-drill@my-service.service",
        ] {
            let mut security = analyze(&program, &root);
            security.args(["security", "--offline=yes", "--threshold", MOST_EXPOSURE]);
            run::output(security.arg(unit))?;
        }
        Ok(String::new())
    })
}
