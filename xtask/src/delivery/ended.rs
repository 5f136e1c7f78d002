use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, ensure};

use crate::{run, tree};

/// How a script ended.
pub struct Ended {
    pub code: i32,
    pub said: String,
    /// What it has called of its stand-ins, one a line.
    pub calls: String,
}

impl Ended {
    /// Runs it to its end.
    pub fn of(command: &mut Command) -> Result<Self> {
        let done = run::ended(command, Stdio::null())?;
        let said = [done.stdout, done.stderr].concat();
        Ok(Self {
            code: done.status.code().unwrap_or(-1),
            said: String::from_utf8_lossy(&said).into_owned(),
            calls: String::new(),
        })
    }

    /// With those that stand-ins have listed in this file.
    pub fn with_calls(self, file: &Path) -> Result<Self> {
        let calls = tree::read(file)?;
        Ok(Self { calls, ..self })
    }

    pub fn right(&self) -> Result<&str> {
        ensure!(self.code == 0, "exit {}: {}", self.code, self.said);
        Ok(&self.said)
    }

    /// It has failed, and said why.
    pub fn wrong(&self, reason: &str) -> Result<()> {
        ensure!(self.code != 0, "it should have failed: {}", self.said);
        ensure!(
            self.said.contains(reason),
            "for another reason: {}",
            self.said
        );
        Ok(())
    }

    /// The same with this code.
    pub fn wrong_by(&self, code: i32, reason: &str) -> Result<()> {
        ensure!(
            self.code == code && self.said.contains(reason),
            "not {code} for {reason:?}, but {}: {}",
            self.code,
            self.said
        );
        Ok(())
    }

    /// Whether these were called, in this order.
    pub fn called(&self, calls: &[&str]) -> Result<()> {
        let mut rest = &*self.calls;
        for call in calls {
            let at = rest.find(call);
            let Some(at) = at else {
                anyhow::bail!("no {call} where it should be: {}", self.calls);
            };
            rest = &rest[at + call.len()..];
        }
        Ok(())
    }
}
