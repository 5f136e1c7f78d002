//! Two balancers with the shipped keepalived.conf, in networks of their own: one loses its
//! network, the nginx of the other one dies, and their one address moves.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::root::command;
use crate::{
    delivery::project::Project,
    refusal, run,
    test::{report::Report, tools::of_system},
    tree,
};

const SCRIPT: &str = include_str!("failover.py");

/// Four times `advert_int`, and as long again for a machine that is busy with much else.
const MOST_SECONDS: f64 = 8.0;

/// `by` is who becomes root.
pub fn run(report: &mut Report, project: &Project, by: &[&str]) -> Result<()> {
    for (program, package) in [
        ("keepalived", "keepalived"),
        ("ip", "iproute2"),
        ("curl", "curl"),
        ("python3", "python3"),
    ] {
        if of_system(report, program, package)?.is_none() {
            return Ok(());
        }
    }
    let mut tried = world(by);
    tried.args(["ip", "link", "add", "name", "tried", "type", "bridge"]);
    if run::output(&mut tried).is_err() {
        report.skip("the kernel here gives nobody a network with a bridge of its own".to_owned());
        return Ok(());
    }
    report.check(
        "keepalived: the address moves to the other balancer",
        || moves(project, by),
    )
}

/// Networks, mounts and processes of its own; all of that ends with it.
pub fn world(by: &[&str]) -> Command {
    let mut world = command(by, "env");
    let path = std::env::var("PATH").unwrap_or_default();
    world.arg(format!("PATH={path}:/usr/sbin:/sbin")).args([
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--",
    ]);
    world
}

fn moves(project: &Project, by: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let host = project.folder.join("deploy/host");
    let first = tree::read(&host.join("keepalived.conf"))?;
    for (number, text) in [("1", first.clone()), ("2", other(&first)?)] {
        let own = folder.path().join(number);
        fs::create_dir(&own)?;
        fs::write(own.join("keepalived.conf"), text)?;
        let status = host.join("nginx/host/status.conf");
        fs::write(own.join("nginx.conf"), nginx(&own, &status, number))?;
    }
    let script = folder.path().join("failover.py");
    fs::write(&script, SCRIPT)?;
    let mut world = world(by);
    let said = run::output(world.arg("python3").arg(&script).arg(folder.path()));
    let log = |number| tree::read(&folder.path().join(number).join("log")).unwrap_or_default();
    let said = said.with_context(|| format!("1:\n{}2:\n{}", log("1"), log("2")))?;
    let mut gaps = 0;
    for line in said.lines() {
        println!("       {line}");
        let told = line
            .split_once(": ")
            .and_then(|(_, told)| told.split(' ').next());
        let seconds: f64 = told.context("no time")?.parse()?;
        ensure!(seconds < MOST_SECONDS, "{line}");
        gaps += 1;
    }
    ensure!(gaps == 2, "{said}");
    Ok(())
}

/// As the operator of the second one fills it in.
fn other(first: &str) -> Result<String> {
    let mut text = first.to_owned();
    for (from, to) in [
        ("        10.0.0.2\n", "        10.0.0.1\n"),
        ("unicast_src_ip 10.0.0.1\n", "unicast_src_ip 10.0.0.2\n"),
        ("priority 100\n", "priority 90\n"),
    ] {
        text = refusal::broken("keepalived.conf", &text, from, to)?;
    }
    Ok(text)
}

/// It says which one it is; the shipped status page is what keepalived asks.
fn nginx(own: &Path, status: &Path, number: &str) -> String {
    let (own, status) = (own.display(), status.display());
    format!(
        "daemon off; master_process off; pid {own}/nginx.pid; error_log stderr;\nevents {{}}\n\
         http {{ access_log off; include {status};\n\
         client_body_temp_path {own}/body; proxy_temp_path {own}/proxy;\n\
         fastcgi_temp_path {own}/fastcgi; scgi_temp_path {own}/scgi; uwsgi_temp_path {own}/uwsgi;\n\
         server {{ listen 80; location / {{ return 200 {number}; }} }} }}\n"
    )
}
