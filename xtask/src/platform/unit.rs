//! The unit of systemd for hosts.

use std::{fs, process::Command};

use anyhow::{Result, anyhow, ensure};

use super::{COLLECTOR, distribution::Distribution};
use crate::{refusal, run, test::report::Report, tree};

const UNIT: &str = "otel-collector.service";
const INSTALLED: &str = "/usr/local/bin/otelcol";
/// Neither the user nor the file of settings is on this machine: those are told apart.
const BROKEN: [(&str, &str, &str); 2] = [
    ("MemoryMax=512M", "MemoryMaximum=512M", "MemoryMaximum"),
    (
        "ProtectSystem=strict",
        "ProtectSystem=very",
        "protect system",
    ),
];

pub fn run(report: &mut Report, distribution: &Distribution) -> Result<()> {
    if run::output(Command::new("systemd-analyze").arg("--version")).is_err() {
        ensure!(
            !run::in_ci(),
            "systemd-analyze is not here; Debian's package systemd has it"
        );
        report.skip("systemd-analyze is not here; Debian's package systemd has it".to_owned());
        return Ok(());
    }
    let text = tree::read(&tree::root().join(COLLECTOR).join("host").join(UNIT))?;
    let text = text.replace(INSTALLED, &distribution.binary.display().to_string());
    let folder = tree::target().join("platform/unit");
    tree::fresh(&folder)?;
    let verify = |text: &str| {
        let file = folder.join(UNIT);
        fs::write(&file, text)?;
        let mut verify = Command::new("systemd-analyze");
        // It takes unknown keys and tells them: whatever it says is a fault.
        run::output(verify.args(["verify", "--recursive-errors=no"]).arg(&file))
    };
    let ours = |said: &str| said.lines().any(|line| line.contains(UNIT));
    report.check("systemd-analyze verify", || {
        let said = verify(&text)?;
        ensure!(!ours(&said), "{said}");
        Ok(())
    })?;
    for (from, to, reason) in BROKEN {
        report.check(&format!("systemd-analyze refuses: {reason}"), || {
            let said = verify(&refusal::broken(UNIT, &text, from, to)?);
            let complained = said.and_then(|said| match ours(&said) {
                true => Err(anyhow!(said)),
                false => Ok(said),
            });
            refusal::refused(complained, to, reason)
        })?;
    }
    Ok(())
}
