//! The real cargo-generate, as a user calls it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use super::{report::Report, tools};
use crate::{
    flavour::{Answers, generate_quietly},
    residue, run, tree,
};

const ANSWERS: Answers = Answers {
    database: "sqlite",
    ..Answers::DEFAULT
};

pub fn run(report: &mut Report) -> Result<()> {
    let Some(program) = tools::cargo_generate(report)? else {
        return Ok(());
    };
    let folder = tree::target().join("binary");
    tree::fresh(&folder)?;
    let repository = folder.join("repository");
    tree::commit_to(&repository)?;
    let url = format!("file://{}", repository.display());
    let root = tree::root().display().to_string();
    for (how, source) in [("--path", &root), ("--git", &url)] {
        report.check(
            &format!("cargo generate {how} … template --silent"),
            || {
                let to = folder.join(how.trim_start_matches('-'));
                tree::fresh(&to)?;
                let mut command = cargo_generate(&program, how, source, &to, "my-service");
                run::output(command.args(["--define", "database=sqlite"]))?;
                let project = to.join("my-service");
                residue::check(&project, ANSWERS)?;
                same_as_by_the_library(&project)
            },
        )?;
    }
    report.check("a bad name is refused and leaves nothing", || {
        let to = folder.join("refused");
        tree::fresh(&to)?;
        let refused = run::output(&mut cargo_generate(&program, "--path", &root, &to, "3svc"));
        let reason = format!(
            "{:#}",
            refused.err().unwrap_or(anyhow::anyhow!("it was taken"))
        );
        ensure!(reason.contains("begins with a letter"), "{reason}");
        ensure!(to.read_dir()?.next().is_none(), "something is left behind");
        Ok(())
    })
}

fn cargo_generate(program: &Path, how: &str, source: &str, to: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "generate", how, source, "template", "--name", name, "--silent",
        ])
        .args(["--vcs", "none", "--no-workspace", "--destination"])
        .arg(to);
    command
}

/// What the flavours are tested with must be what users get.
fn same_as_by_the_library(project: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let expected = generate_quietly("my-service", ANSWERS, folder.path())?;
    let files: Vec<PathBuf> = tree::files(&expected)?;
    ensure!(
        files == tree::files(project)?,
        "other files than by the library"
    );
    for file in files {
        let same = std::fs::read(expected.join(&file))? == std::fs::read(project.join(&file))?;
        ensure!(same, "{} differs from the library's", file.display());
    }
    Ok(())
}
