//! The script, with stand-ins for systemd and for builds of the service: what does it do,
//! and what if something of that fails?

use std::fs;

use anyhow::{Context, Result, ensure};

use super::root::Root;
use crate::{delivery::project::Project, refusal, test::report::Report, tree};

type Rehearsal = fn(&Project) -> Result<()>;

pub fn run(report: &mut Report, project: &Project) -> Result<()> {
    let steps: [(&str, Rehearsal); 9] = [
        (
            "install: migrates, then serves; once more changes nothing",
            installs,
        ),
        ("install --dry-run changes nothing", dry_run),
        (
            "install: a release that cannot migrate is never started",
            cannot_migrate,
        ),
        (
            "install: a release that is not ready is taken back",
            not_ready,
        ),
        ("install rollback goes back, and forth again", rollback),
        ("install: what was cut off is done at the next run", cut_off),
        ("install: what is the operator's is left alone", operators),
        (
            "install keeps some releases, and refuses what makes no sense",
            keeps,
        ),
        (
            "install firewall: whoever is here by ssh can come again",
            lets_in_again,
        ),
    ];
    for (name, step) in steps {
        report.check(name, || step(project))?;
    }
    Ok(())
}

/// What systemctl does when this release is started, or its commands are.
const UNLESS_BAD: &str = r#"
case "$*" in
    "start my-service@healthcheck.service") ! grep -q bad "$ROOT/opt/my-service/current/my-service" ;;
    "start my-service@migrate.service") ! grep -q broken "$ROOT/opt/my-service/candidate/my-service" ;;
esac"#;

fn installs(project: &Project) -> Result<()> {
    let root = Root::new(project)?;
    let build = root.build("one")?;
    let ended = root.install(&["service", &build])?;
    ended.right()?;
    ended.called(&[
        "systemctl daemon-reload",
        "systemctl start my-service@migrate.service",
        "systemctl enable --quiet my-service.socket my-service.service",
        "systemctl restart my-service.service",
        "systemctl start my-service@healthcheck.service",
    ])?;
    for link in ["candidate", "current", "good"] {
        ensure!(root.link(link).is_some(), "no link {link}");
    }
    let before = root.all()?;
    let again = root.install(&["service", &build])?;
    ensure!(again.right()?.contains("serves already"), "{}", again.said);
    ensure!(!again.calls.contains("restart"), "{}", again.calls);
    ensure!(
        root.all()? == before,
        "the second run has changed something"
    );
    Ok(())
}

fn dry_run(project: &Project) -> Result<()> {
    let root = Root::new(project)?;
    let build = root.build("one")?;
    let ended = root.install(&["--dry-run", "service", &build])?;
    let said = ended.right()?;
    ensure!(
        said.contains("would run: systemctl restart my-service.service"),
        "{said}"
    );
    ensure!(ended.calls.is_empty(), "{}", ended.calls);
    let left = root.all()?;
    ensure!(left.is_empty(), "it leaves {:?}", left.keys());
    Ok(())
}

fn cannot_migrate(project: &Project) -> Result<()> {
    let root = Root::new(project)?;
    root.program("systemctl", UNLESS_BAD)?;
    root.install(&["service", &root.build("one")?])?.right()?;
    let (good, units) = (root.link("good"), units(&root)?);
    let ended = root.install(&["service", &root.build("broken")?])?;
    ended.wrong("cannot migrate the store, or its configuration has faults")?;
    ensure!(!ended.calls.contains("restart"), "{}", ended.calls);
    for link in ["candidate", "current", "good"] {
        ensure!(root.link(link) == good, "{link} is {:?}", root.link(link));
    }
    ensure!(self::units(&root)? == units, "other units are left");
    Ok(())
}

fn not_ready(project: &Project) -> Result<()> {
    let root = Root::new(project)?;
    root.program("systemctl", UNLESS_BAD)?;
    let first = root.install(&["service", &root.build("bad")?])?;
    first.wrong("there is none to go back to")?;
    root.install(&["service", &root.build("one")?])?.right()?;
    let good = root.link("good");
    let ended = root.install(&["service", &root.build("bad")?])?;
    ended.wrong("does not become ready")?;
    ended.called(&[
        "restart my-service.service",
        "start my-service@healthcheck.service",
        "restart my-service.service",
        "start my-service@healthcheck.service",
    ])?;
    for link in ["candidate", "current", "good"] {
        ensure!(root.link(link) == good, "{link} is {:?}", root.link(link));
    }
    Ok(())
}

fn rollback(project: &Project) -> Result<()> {
    let root = Root::new(project)?;
    let nothing = root.install(&["--name", "my-service", "rollback"])?;
    nothing.wrong("there is no release before")?;
    root.install(&["service", &root.build("one")?])?.right()?;
    let one = root.link("good");
    root.install(&["service", &root.build("two")?])?.right()?;
    let two = root.link("good");
    ensure!(
        one != two && root.link("previous") == one,
        "{one:?} {two:?}"
    );
    for now in [&one, &two] {
        root.install(&["rollback"])?.right()?;
        ensure!(root.link("current") == *now, "not back to {now:?}");
    }
    let unknown = root.install(&["rollback", "9.9.9"])?;
    unknown.wrong("there is no release 9.9.9")?;
    let listed = root.install(&["releases"])?;
    let two = two.context("no release")?;
    ensure!(
        listed.right()?.contains(&format!("{two}  serves")),
        "{}",
        listed.said
    );
    Ok(())
}

fn cut_off(project: &Project) -> Result<()> {
    let root = Root::new(project)?;
    root.install(&["service", &root.build("one")?])?.right()?;
    let one = root.link("good");
    // As a power cut would: the link is switched, nothing is restarted.
    root.program("systemctl", "case $1 in restart) kill -KILL $PPID ;; esac")?;
    let two = root.build("two")?;
    root.install(&["service", &two])?.wrong("")?;
    ensure!(root.link("current") != one && root.link("good") == one);
    root.program("systemctl", "")?;
    let again = root.install(&["service", &two])?;
    again.right()?;
    ensure!(again.calls.contains("restart"), "{}", again.calls);
    ensure!(root.link("previous") == one, "{:?}", root.link("previous"));
    // Half a release is no release.
    let half = root.path("opt/my-service/releases/0.1.0-000000000000.part");
    fs::create_dir(half)?;
    let listed = root.install(&["releases"])?;
    ensure!(!listed.right()?.contains("000000000000"), "{}", listed.said);
    Ok(())
}

fn operators(project: &Project) -> Result<()> {
    let root = Root::new(project)?;
    let file = root.path("etc/my-service/config.toml");
    fs::create_dir_all(root.path("etc/my-service"))?;
    fs::write(&file, "mine")?;
    let ended = root.install(&["service", &root.build("one")?])?;
    ensure!(ended.right()?.contains("it is yours"), "{}", ended.said);
    ensure!(tree::read(&file)? == "mine", "it is overwritten");
    Ok(())
}

fn keeps(project: &Project) -> Result<()> {
    let mut root = Root::new(project)?;
    root.set("KEEP_RELEASES", "2");
    for mark in ["one", "two", "three", "four"] {
        root.install(&["service", &root.build(mark)?])?.right()?;
    }
    let kept = fs::read_dir(root.path("opt/my-service/releases"))?.count();
    ensure!(kept == 2, "{kept} releases are kept");
    root.install(&["service"])?.wrong("which build?")?;
    root.install(&["service", "/nowhere"])?
        .wrong("no file /nowhere")?;
    root.install(&["servce"])?.wrong("no command 'servce'")?;
    root.install(&["--name", "../x", "releases"])?
        .wrong("is no name of a service")?;
    fs::create_dir_all(root.path("opt/another/releases"))?;
    root.install(&["releases"])?.wrong("say which by --name")
}

fn lets_in_again(project: &Project) -> Result<()> {
    let mut root = Root::new(project)?;
    root.program("nft", "")?;
    root.by_ssh();
    let arguments = ["--name", "my-service", "firewall"];
    let ended = root.install(&arguments)?;
    ended.wrong("you are here by ssh on port 2222")?;
    ensure!(ended.calls.is_empty(), "{}", ended.calls);
    let rules = tree::read(&project.folder.join("deploy/host/firewall.nft"))?;
    let mine = refusal::broken("firewall.nft", &rules, "{ 22 }", "{ 22, 2222 }")?;
    fs::create_dir_all(root.path("etc/nftables.d"))?;
    fs::write(root.path("etc/nftables.d/service.nft"), mine)?;
    root.install(&arguments)?.right().map(drop)
}

fn units(root: &Root) -> Result<Vec<(std::path::PathBuf, Vec<u8>)>> {
    let all = root.all()?.into_iter();
    Ok(all
        .filter(|(file, _)| file.starts_with("etc/systemd"))
        .collect())
}
