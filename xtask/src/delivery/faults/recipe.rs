//! The command, which is let run, and cut short.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::FOLDER;
use crate::{
    delivery::{ended::Ended, project::Project},
    run,
};

/// The command for a service `my-service`, wherever that is.
pub fn fault(project: &Project, arguments: &[&str]) -> Command {
    let mut fault = Command::new(project.folder.join(FOLDER).join("fault"));
    fault.args(arguments);
    fault
}

/// A fault that lasts.
pub struct Lasting {
    process: Child,
    output: BufReader<ChildStdout>,
    said: String,
}

impl Lasting {
    /// Begins, and waits until it has said that it lasts.
    pub fn begin(fault: &mut Command) -> Result<Self> {
        fault.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = fault.spawn().context("it does not start")?;
        let output = process.stdout.take().context("no output")?;
        let mut lasting = Self {
            process,
            output: BufReader::new(output),
            said: String::new(),
        };
        while !lasting.said.contains("Ctrl-C ends it") {
            let read = lasting.output.read_line(&mut lasting.said)?;
            ensure!(read > 0, "it does not last: {}", lasting.said);
        }
        Ok(lasting)
    }

    /// Cuts it short, as somebody would who has seen enough, and waits for its end.
    pub fn cut_short(mut self) -> Result<Ended> {
        let id = self.process.id().to_string();
        run::output(Command::new("kill").args(["-s", "TERM", &id]))?;
        self.output.read_to_string(&mut self.said)?;
        Ok(Ended {
            code: self.process.wait()?.code().unwrap_or(-1),
            said: self.said,
            calls: String::new(),
        })
    }
}

/// The folders that it looks for, where its fault is allowed.
pub fn allow(root: &Path, name: &str) -> Result<()> {
    let folder = root.join("etc").join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join("faults-allowed"), "")?)
}
