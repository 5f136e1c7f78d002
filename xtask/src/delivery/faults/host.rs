//! The faults of a machine: what its clients and probes see meanwhile, and after.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{
    machine::{Machine, NAME},
    recipe::Lasting,
};
use crate::{
    delivery::{ended::Ended, manifests::Service, project::Project},
    test::report::Report,
};

type Step = (&'static str, fn(&Machine) -> Result<()>);

pub fn run(report: &mut Report, project: &Project, service: &Service) -> Result<()> {
    let machine = report.check("a machine with the service and PostgreSQL", || {
        Machine::start(project, service)
    })?;
    let steps: [Step; 9] = [
        ("faults of a machine: only where they are allowed", allowed),
        ("fault restart, certificate: over at once", restart),
        ("fault kill: another process is ready", kill),
        (
            "fault configuration: refused, and taken back",
            configuration,
        ),
        ("fault connections: more than there are places", connections),
        ("fault database-cut: served again", cut),
        (
            "fault database-locked: 503, and the service stays ready",
            locked,
        ),
        ("fault database-full: who is connected is served", full),
        (
            "fault database-stopped: 503, not ready, and ready again",
            stopped,
        ),
    ];
    for (name, step) in steps {
        report.check(name, || {
            step(&machine)?;
            machine.until("all is well again", || {
                machine.probe("/readyz") == 200 && machine.status() == 200
            })?;
            Ok(())
        })?;
    }
    Ok(())
}

/// As `store.answer_timeout` and `store.acquire_timeout` say, on a machine that is busy with
/// much else.
const TOLD: Duration = Duration::from_secs(5);

fn ended(machine: &Machine, arguments: &[&str]) -> Result<Ended> {
    Ended::of(&mut machine.fault(arguments)?)
}

fn begin(machine: &Machine, fault: &str) -> Result<Lasting> {
    Lasting::begin(&mut machine.fault(&[fault, "600"])?)
}

fn cut_short(lasting: Lasting) -> Result<()> {
    let ended = lasting.cut_short()?;
    ensure!(
        ended.code == 143 && ended.said.contains("takes it back"),
        "exit {}: {}",
        ended.code,
        ended.said
    );
    Ok(())
}

fn allowed(machine: &Machine) -> Result<()> {
    let mark = machine.root().join("etc").join(NAME).join("faults-allowed");
    fs::remove_file(&mark)?;
    let refused = ended(machine, &["kill"])?;
    fs::write(&mark, "")?;
    refused.wrong_by(2, "nobody has said that faults may happen on this machine")?;
    ended(machine, &["earthquake"])?.wrong_by(2, "there are: certificate collector")
}

fn restart(machine: &Machine) -> Result<()> {
    let before = machine.process()?;
    ended(machine, &["restart"])?.right()?;
    ensure!(machine.process()? != before, "nothing was restarted");
    ended(machine, &["certificate"])?.right().map(drop)
}

fn kill(machine: &Machine) -> Result<()> {
    let before = machine.process()?;
    let begun = Instant::now();
    ended(machine, &["kill"])?.right()?;
    println!("       ready after {:.1} s", begun.elapsed().as_secs_f64());
    ensure!(machine.process()? != before, "nothing was killed");
    Ok(())
}

fn configuration(machine: &Machine) -> Result<()> {
    const REFUSED: &str = "config_reloads_total{outcome=\"refused\"}";
    let (before, process) = (machine.config()?, machine.process()?);
    let refused = machine.metric(REFUSED)?;
    let lasting = begin(machine, "configuration")?;
    machine.until("it is refused", || {
        machine.metric(REFUSED).is_ok_and(|now| now > refused)
    })?;
    ensure!(machine.status() == 200, "it serves no more");
    cut_short(lasting)?;
    ensure!(
        machine.config()? == before,
        "it is left: {}",
        machine.config()?
    );
    ensure!(machine.process()? == process, "it has ended");
    Ok(())
}

fn connections(machine: &Machine) -> Result<()> {
    const REACHED: &str = "http_server_connection_limit_reached_total{listener=\"public\"}";
    ended(machine, &["connections", "1"])?.right()?;
    ensure!(machine.metric(REACHED)? > 0.0, "there were places");
    Ok(())
}

fn cut(machine: &Machine) -> Result<()> {
    let said = ended(machine, &["database-cut"])?;
    ensure!(
        said.right()?.contains("5 connections are cut"),
        "{}",
        said.said
    );
    Ok(())
}

fn locked(machine: &Machine) -> Result<()> {
    let lasting = begin(machine, "database-locked")?;
    machine.until("the lock is held", || machine.status() == 503)?;
    let begun = Instant::now();
    ensure!(machine.status() == 503, "it is served");
    ensure!(begun.elapsed() < TOLD, "told after {:?}", begun.elapsed());
    ensure!(machine.probe("/readyz") == 200, "it is not ready");
    cut_short(lasting)?;
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'items'::regclass";
    machine.until("the lock is gone", || {
        machine
            .server
            .ask_of("faults", held)
            .is_ok_and(|count| count.trim() == "0")
    })?;
    Ok(())
}

fn full(machine: &Machine) -> Result<()> {
    let lasting = begin(machine, "database-full")?;
    let one_more = || {
        machine.server.ask_of(
            "faults",
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'",
        )
    };
    // Who asks is a superuser, for whom there are places.
    machine.until("all places are taken", || {
        one_more().is_ok_and(|count| count.trim().parse::<u32>().is_ok_and(|count| count >= 97))
    })?;
    ensure!(machine.status() == 200, "who is connected is not served");
    cut_short(lasting)?;
    machine.until("there are places", || {
        one_more().is_ok_and(|count| count.trim().parse::<u32>().is_ok_and(|count| count < 20))
    })?;
    Ok(())
}

fn stopped(machine: &Machine) -> Result<()> {
    let lasting = begin(machine, "database-stopped")?;
    let begun = Instant::now();
    ensure!(machine.status() == 503, "it is served");
    ensure!(begun.elapsed() < TOLD, "told after {:?}", begun.elapsed());
    machine.until("it is not ready", || machine.probe("/readyz") == 503)?;
    ensure!(machine.probe("/livez") == 200, "it is not alive");
    cut_short(lasting)?;
    let ready = machine.until("it is ready", || machine.probe("/readyz") == 200)?;
    println!("       ready again after {:.1} s", ready.as_secs_f64());
    Ok(())
}
