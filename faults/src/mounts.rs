//! A service that sees other files than the rest of the machine: util-linux's unshare.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::missing::Missing;

/// A shell that makes mounts for itself alone, by `script`, and then becomes what the
/// script ends in. `$0` is the binary, `$1` and so on the arguments.
pub fn shell<A: AsRef<OsStr>>(
    script: &str,
    binary: &OsStr,
    arguments: impl IntoIterator<Item = A>,
) -> Result<Command> {
    // Who is not root is it in a namespace of users.
    for options in [&["--mount"][..], &["--mount", "--map-root-user"]] {
        let mut unshare = Command::new("unshare");
        unshare.args(options);
        let mut trial = Command::new("unshare");
        trial.args(options).arg("true").stderr(Stdio::null());
        if trial.status().is_ok_and(|ended| ended.success()) {
            unshare
                .args(["sh", "-ec", script])
                .arg(binary)
                .args(arguments);
            return Ok(unshare);
        }
    }
    bail!(Missing(
        "mounts of one's own: run as root, or allow user namespaces"
    ))
}
