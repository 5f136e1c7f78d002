use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    slice,
};

use anyhow::Result;
use tempfile::TempDir;

use crate::{
    delivery::{ended::Ended, project::Project},
    test::tools,
    tree,
};

/// A machine's root for the script, with stand-ins for the programs that would reach the
/// machine itself, and a list of their calls.
pub struct Root {
    project: PathBuf,
    folder: TempDir,
    settings: BTreeMap<&'static str, String>,
    /// What the script is run by, if not by itself: `sudo`.
    by: Vec<&'static str>,
}

/// A build of the service that can say its version, which is all that is asked of it here.
const BUILD: &str = "#!/bin/sh\n[ \"$1\" = --version ] && echo \"my-service 0.1.0\" # ";

impl Root {
    pub fn new(project: &Project) -> Result<Self> {
        let root = Self {
            project: project.folder.clone(),
            folder: TempDir::new()?,
            settings: BTreeMap::new(),
            by: Vec::new(),
        };
        fs::create_dir_all(root.folder.path().join("bin"))?;
        fs::create_dir_all(root.path(""))?;
        root.program("systemctl", "")?;
        Ok(root)
    }

    /// A path of the machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.insert(name, value.to_owned());
    }

    /// The script is run as root from now on.
    pub fn as_root(&mut self) {
        self.by = BY_ROOT.to_vec();
    }

    /// The script is run by sudo from now on, as somebody does who is here by ssh on port 2222.
    pub fn by_ssh(&mut self) {
        let connection = "SSH_CONNECTION=192.0.2.1 50000 192.0.2.2 2222";
        self.by = vec!["env", connection, "sh", "-c", "\"$@\"; exit $?", "sh"];
    }

    /// A stand-in.
    pub fn program(&self, name: &str, does: &str) -> Result<()> {
        let calls = self.folder.path().join("calls");
        let script = format!(
            "#!/bin/sh\necho {name} \"$*\" >> {}\n{does}\n",
            calls.display()
        );
        self.executable(&self.folder.path().join("bin").join(name), &script)
    }

    /// A build of the service, different for each mark. It is named as the service is.
    pub fn build(&self, mark: &str) -> Result<String> {
        let file = self.folder.path().join(mark).join("my-service");
        self.executable(&file, &format!("{BUILD}{mark}\n"))?;
        Ok(file.display().to_string())
    }

    fn executable(&self, file: &Path, text: &str) -> Result<()> {
        fs::create_dir_all(file.parent().unwrap_or(file))?;
        fs::write(file, text)?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    pub fn install(&self, arguments: &[&str]) -> Result<Ended> {
        let calls = self.folder.path().join("calls");
        fs::write(&calls, "")?;
        let path = tools::path_with(slice::from_ref(&self.folder.path().join("bin/systemctl")))?;
        let mut install = command(&self.by, "env");
        install
            // As sudo does.
            .args(["--unset=SSH_CONNECTION", "READY_WITHIN=1"])
            .arg(format!("PATH={}:/usr/sbin", path.display()))
            .arg(format!(
                "ROOT={}",
                self.folder.path().join("root").display()
            ))
            .args(
                self.settings
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .arg(self.project.join("deploy/host/install"))
            .args(arguments);
        Ended::of(&mut install)?.with_calls(&calls)
    }

    /// Which release a link names.
    pub fn link(&self, link: &str) -> Option<String> {
        let target = fs::read_link(self.path("opt/my-service").join(link)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// All files with their contents, and all links.
    pub fn all(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let files = tree::files(&self.path(""))?.into_iter();
        let read = |file: PathBuf| Ok((file.clone(), fs::read(self.path("").join(file))?));
        files.map(read).collect()
    }
}

/// Who is not root asks for it; nothing is asked of a terminal.
pub const BY_ROOT: [&str; 2] = ["sudo", "--non-interactive"];

/// A program, run by others or by itself.
pub fn command(by: &[&str], program: impl AsRef<OsStr>) -> Command {
    let Some((first, rest)) = by.split_first() else {
        return Command::new(program);
    };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}
