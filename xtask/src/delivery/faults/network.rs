//! What a machine's faults do to its network, in a network of its own.

use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::{FOLDER, recipe::allow};
use crate::{
    delivery::project::Project,
    run,
    test::{report::Report, tools::of_system},
};

/// Somebody listens where the Collector would. Its port answers; is silent to the service's
/// user while the fault lasts, and to nobody else; and answers again when that is cut short.
const TRIED: &str = r#"
ip link set lo up
python3 -m http.server --bind 127.0.0.1 4317 > /dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
answers() { timeout 0.3 bash -c '< /dev/tcp/127.0.0.1/4317' 2> /dev/null; }
service_answers() { setpriv --reuid=nobody --clear-groups timeout 0.3 bash -c '< /dev/tcp/127.0.0.1/4317' 2> /dev/null; }
until answers; do sleep 0.02; done
service_answers
"$FAULT" host nobody collector 600 &
fault=$!
until ! service_answers; do sleep 0.02; done
answers
kill -TERM $fault
! wait $fault
service_answers
! nft list table inet fault 2> /dev/null
"#;

pub fn run(report: &mut Report, project: &Project) -> Result<()> {
    for (program, package) in [
        ("nft", "nftables"),
        ("ip", "iproute2"),
        ("unshare", "util-linux"),
    ] {
        if of_system(report, program, package)?.is_none() {
            return Ok(());
        }
    }
    // Root in a world of its own, which has no other users.
    let mut network = Command::new("unshare");
    network.args([
        "--net",
        "--",
        "sh",
        "-c",
        "ip link set lo up && nft add table inet tried",
    ]);
    if run::output(network.env("PATH", path())).is_err() {
        report.skip("a network of one's own is root's alone, and nftables'".to_owned());
        return Ok(());
    }
    report.check(
        "faults: what is sent to the Collector is lost, and then not",
        || {
            let root = TempDir::new()?;
            allow(root.path(), "nobody")?;
            let mut network = Command::new("unshare");
            network
                .args(["--net", "--", "bash", "-euc", TRIED])
                .env("PATH", path())
                .env("ROOT", root.path())
                .env("FAULT", project.folder.join(FOLDER).join("fault"));
            let said = run::output(&mut network)?;
            ensure!(said.contains("takes it back"), "{said}");
            Ok(())
        },
    )
}

fn path() -> String {
    format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}
