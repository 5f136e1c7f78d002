//! The files by the programs that read them on a machine, each with what it must refuse.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    failover,
    root::{BY_ROOT, Root, command},
};
use crate::{
    capacity::postgres,
    delivery::{
        project::{Fault, Project, judged, takes_and_refuses},
        steps::SHELLCHECK,
    },
    run,
    test::{report::Report, tools::of_system},
    tree,
};

pub fn run(report: &mut Report, projects: &[&Project]) -> Result<()> {
    script(report, projects)?;
    units(report, projects)?;
    database(report, projects)?;
    archive(report, projects)?;
    rotation(report, projects)?;
    address(report, projects)?;
    let is_root = run::output(Command::new("id").arg("-u"))?.trim() == "0";
    let by = if is_root { &[][..] } else { &BY_ROOT };
    if run::output(command(by, "true").arg("--")).is_err() {
        ensure!(!run::in_ci(), "nginx and nft have to be asked by root");
        report.skip("nginx and nft are asked by root alone: sudo".to_owned());
        return Ok(());
    }
    proxy(report, projects, by)?;
    failover::run(report, projects[0], by)?;
    firewall(report, projects, by)
}

fn script(report: &mut Report, projects: &[&Project]) -> Result<()> {
    let Some(program) = SHELLCHECK.have(report)? else {
        return Ok(());
    };
    let fault = Fault {
        file: "deploy/host/install",
        from: "run cp \"$binary\" \"$release.part/$name\"",
        to: "run cp $binary \"$release.part/$name\"",
        reason: "Double quote to prevent globbing",
    };
    takes_and_refuses(report, "shellcheck", &projects[..1], &[fault], |project| {
        let mut shellcheck = project.command(&program);
        shellcheck.arg("deploy/host/install");
        shellcheck
    })
}

/// The highest exposure that systemd-analyze may see, in tenths.
const MOST_EXPOSURE: &str = "19";

fn units(report: &mut Report, projects: &[&Project]) -> Result<()> {
    let Some(program) = of_system(report, "systemd-analyze", "systemd")? else {
        return Ok(());
    };
    let faults = [
        Fault {
            file: "deploy/host/systemd/unit.service",
            from: "WatchdogSec=",
            to: "Watchdog=",
            reason: "'Watchdog' in section",
        },
        Fault {
            file: "deploy/host/systemd/unit.socket",
            from: "ListenStream=127.0.0.1:8080",
            to: "ListenStream=127.0.0.1:80800",
            reason: "Failed to parse address value",
        },
        Fault {
            file: "deploy/host/systemd/unit@.service",
            from: "/opt/%p/candidate/%p %i",
            to: "/opt/%p/candidte/%p %i",
            reason: "is not executable",
        },
        Fault {
            file: "deploy/host/systemd/hardening.conf",
            from: "SystemCallFilter=@system-service",
            to: "SystemCallFilter=@sytem-service",
            reason: "@sytem-service",
        },
    ];
    judged(
        report,
        "systemd-analyze verify",
        projects,
        &faults,
        |project| {
            let root = installed(project)?;
            let said = run::output(analyze(&program, &root).args(["verify", "--man=no"]).args([
                "my-service.service",
                "my-service.socket",
                "my-service@migrate.service",
            ]))?;
            // Unknown keys are told of, and are no failure.
            ensure!(said.is_empty(), "{said}");
            Ok(said)
        },
    )?;
    let fault = Fault {
        file: "deploy/host/systemd/hardening.conf",
        from: "CapabilityBoundingSet=\n",
        to: "",
        reason: "CAP_SYS_ADMIN",
    };
    let tool = format!("systemd-analyze security, exposure of {MOST_EXPOSURE} tenths at most");
    judged(report, &tool, projects, &[fault], |project| {
        let root = installed(project)?;
        for unit in ["my-service.service", "my-service@.service"] {
            let mut security = analyze(&program, &root);
            security.args(["security", "--offline=yes", "--threshold", MOST_EXPOSURE]);
            run::output(security.arg(unit))?;
        }
        Ok(String::new())
    })
}

/// As the script installs it, with what systemd itself brings.
fn installed(project: &Project) -> Result<Root> {
    let root = Root::new(project)?;
    root.install(&["service", &root.build("one")?])?.right()?;
    with_targets(&root)?;
    Ok(root)
}

/// With the targets that systemd brings, and what its units call.
pub fn with_targets(root: &Root) -> Result<()> {
    let units = root.path("usr/lib/systemd/system");
    fs::create_dir_all(&units)?;
    for folder in ["/usr/lib/systemd/system", "/lib/systemd/system"] {
        for unit in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = unit.file_name();
            if Path::new(&name)
                .extension()
                .is_some_and(|is| is == "target")
            {
                fs::copy(unit.path(), units.join(name))?;
            }
        }
    }
    fs::create_dir_all(root.path("bin"))?;
    fs::copy("/bin/kill", root.path("bin/kill")).context("no /bin/kill: apt-get install procps")?;
    Ok(())
}

pub fn analyze(program: &Path, root: &Root) -> Command {
    let mut analyze = Command::new(program);
    analyze.arg(format!("--root={}", root.path("").display()));
    analyze
}

fn database(report: &mut Report, projects: &[&Project]) -> Result<()> {
    const TUNING: &str = "deploy/host/postgres/tuning.conf";
    let Some(programs) = postgres::programs() else {
        ensure!(!run::in_ci(), "PostgreSQL is not here");
        report.skip("PostgreSQL is not here; to have it: apt-get install postgresql".to_owned());
        return Ok(());
    };
    let fault = Fault {
        file: TUNING,
        from: "shared_buffers = 2GB",
        to: "shared_buffers = 2GiB",
        reason: "shared_buffers",
    };
    takes_and_refuses(report, "postgres", &projects[..1], &[fault], |project| {
        let mut ask = postgres::unprivileged(&programs.join("postgres"));
        let file = readable(&project.folder.join(TUNING));
        ask.args(["-D", "/tmp", "-C", "max_connections", "-c"])
            .arg(format!("config_file={}", file.display()));
        ask
    })
}

const REPLICATION: &str = "deploy/host/postgres/replication.conf";

/// A piece of the log is kept once, however often it comes, and never another one over it.
fn archive(report: &mut Report, projects: &[&Project]) -> Result<()> {
    let faults = [
        Fault {
            file: REPLICATION,
            from: "cmp -s %p archive/%f || ",
            to: "",
            reason: "it is refused the second time",
        },
        Fault {
            file: REPLICATION,
            from: "test ! -e archive/%f && ",
            to: "",
            reason: "another one takes its place",
        },
    ];
    judged(report, "archive_command", &projects[..1], &faults, archives)
}

fn archives(project: &Project) -> Result<String> {
    let text = tree::read(&project.folder.join(REPLICATION))?;
    let mut lines = text.lines();
    let command = lines.find_map(|line| line.strip_prefix("archive_command = '"));
    let command = command.context("no archive_command")?;
    let data = tempfile::tempdir()?;
    fs::create_dir(data.path().join("archive"))?;
    let comes = |contents: &str| {
        fs::write(data.path().join("piece"), contents)?;
        let command = command.trim_end_matches('\'').replace("%f", "0001");
        let mut shell = Command::new("sh");
        shell.current_dir(&data);
        run::output(shell.args(["-c", &command.replace("%p", "piece")]))
    };
    comes("a piece")?;
    comes("a piece").context("it is refused the second time")?;
    ensure!(comes("another").is_err(), "another one takes its place");
    Ok(String::new())
}

/// A copy for a program that is not root: who is may have the project where nobody else
/// can read.
fn readable(file: &Path) -> PathBuf {
    let copy = std::env::temp_dir().join(format!("xtask-{}.conf", std::process::id()));
    match fs::copy(file, &copy) {
        Ok(_) => copy,
        Err(_) => file.to_owned(),
    }
}

fn rotation(report: &mut Report, projects: &[&Project]) -> Result<()> {
    let Some(program) = of_system(report, "logrotate", "logrotate")? else {
        return Ok(());
    };
    let fault = Fault {
        file: "deploy/host/logrotate.conf",
        from: "    daily",
        to: "    dayly",
        reason: "dayly",
    };
    judged(report, "logrotate", &projects[..1], &[fault], |project| {
        let mut logrotate = project.command(&program);
        logrotate.args([
            "--debug",
            "--state",
            "/dev/null",
            "deploy/host/logrotate.conf",
        ]);
        let said = run::output(&mut logrotate)?;
        ensure!(!said.contains("error:"), "{said}");
        Ok(said)
    })
}

/// The one address of several balancers.
fn address(report: &mut Report, projects: &[&Project]) -> Result<()> {
    let Some(program) = of_system(report, "keepalived", "keepalived")? else {
        return Ok(());
    };
    let fault = Fault {
        file: "deploy/host/keepalived.conf",
        from: "nopreempt",
        to: "nopremt",
        reason: "Unknown keyword 'nopremt'",
    };
    judged(report, "keepalived", &projects[..1], &[fault], |project| {
        let mut keepalived = project.command(&program);
        keepalived.args(["--config-test", "--use-file", "deploy/host/keepalived.conf"]);
        // It ends by a signal, whatever it has found.
        let said = keepalived.output()?;
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        ensure!(said.is_empty(), "{said}");
        Ok(said)
    })
}

fn proxy(report: &mut Report, projects: &[&Project], by: &[&str]) -> Result<()> {
    if of_system(report, "nginx", "nginx-light")?.is_none() {
        return Ok(());
    }
    let faults = [
        Fault {
            file: "deploy/host/nginx/proxy.conf",
            from: "proxy_read_timeout 15s",
            to: "proxy_read_timeout 15 s",
            reason: "invalid number of arguments in \"proxy_read_timeout\"",
        },
        Fault {
            file: "deploy/host/nginx/site.conf",
            from: "    limit_conn NAME-",
            to: "    limit_conn ANOTHER-",
            reason: "zero size shared memory zone",
        },
        Fault {
            file: "deploy/host/nginx/tls.conf",
            from: "TLSv1.3",
            to: "TLSv1.4",
            reason: "invalid value \"TLSv1.4\"",
        },
        Fault {
            file: "deploy/host/nginx/site/public.conf",
            from: "server_name api.example.com;",
            to: "server_name api.example.com",
            reason: "no \"ssl_certificate\" is defined",
        },
    ];
    judged(report, "nginx -t", projects, &faults, |project| {
        let mut root = Root::new(project)?;
        if !by.is_empty() {
            root.as_root();
        }
        nginx(&root)?;
        let log = Path::new("/var/log/nginx/access.json");
        let had_log = log.exists();
        let ended = root.install(&["--name", &project.name(), "nginx"])?;
        if !had_log {
            // It was opened, and has nothing in it.
            let _ = run::output(command(by, "rm").arg("-f").arg(log));
        }
        Ok(ended.right()?.to_owned())
    })
}

/// As Debian has it, with paths of its own.
fn nginx(root: &Root) -> Result<()> {
    let etc = root.path("etc/nginx");
    let certificate = etc.join("service/certificate");
    fs::create_dir_all(&certificate)?;
    let run_folder = root.path("run");
    fs::create_dir_all(&run_folder)?;
    let conf = format!(
        "pid {0}/pid;\nerror_log stderr;\nevents {{}}\n\
         http {{ include conf.d/*.conf; include sites-enabled/*; }}\n",
        run_folder.display()
    );
    fs::write(etc.join("nginx.conf"), conf)?;
    let mut openssl = Command::new("openssl");
    openssl
        .current_dir(&certificate)
        .args(["req", "-x509", "-nodes", "-days", "1", "-newkey", "ec"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-keyout", "privkey.pem", "-out", "fullchain.pem"]);
    run::output(&mut openssl).map(drop)
}

const RULES: &str = "deploy/host/firewall.nft";

fn firewall(report: &mut Report, projects: &[&Project], by: &[&str]) -> Result<()> {
    let Some(program) = of_system(report, "nft", "nftables")? else {
        return Ok(());
    };
    if run::output(command(by, &program).args(["list", "tables"])).is_err() {
        report.skip("the kernel here lets nobody ask nftables".to_owned());
        return Ok(());
    }
    let fault = Fault {
        file: RULES,
        from: "policy drop",
        to: "policy dorp",
        reason: "dorp",
    };
    takes_and_refuses(report, "nft --check", &projects[..1], &[fault], |project| {
        let mut nft = command(by, &program);
        nft.args(["--check", "--file"])
            .arg(project.folder.join(RULES));
        nft
    })?;
    lease(report, projects, by)
}

/// What no rule of the kernel knows to be an answer reaches who has asked for it.
fn lease(report: &mut Report, projects: &[&Project], by: &[&str]) -> Result<()> {
    let mut tried = failover::world(by);
    tried.args([
        "ip", "link", "add", "one", "type", "veth", "peer", "name", "two",
    ]);
    if run::output(&mut tried).is_err() {
        report.skip("the kernel here gives nobody a network of its own".to_owned());
        return Ok(());
    }
    let fault = Fault {
        file: RULES,
        from: "udp sport 547 udp dport 546 accept",
        to: "udp sport 547 udp dport 546 drop",
        reason: "nobody gives it a lease",
    };
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("lease.py");
    fs::write(&script, include_str!("lease.py"))?;
    let tool = "a lease by DHCPv6, through the firewall";
    takes_and_refuses(report, tool, &projects[..1], &[fault], |project| {
        let mut world = failover::world(by);
        world.arg("python3").arg(&script);
        world.arg(project.folder.join(RULES));
        world
    })
}
