//! Where things are in this repository.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::run;

/// The root of the repository.
pub fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("xtask is a folder of the repository")
}

/// What is built here; nothing in it is kept.
pub fn target() -> PathBuf {
    root().join("target")
}

/// All files below a folder by their paths relative to it, sorted.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let walk = WalkDir::new(folder).into_iter().filter_entry(|entry| {
        let name = entry.file_name();
        name != "target" && name != ".git"
    });
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_file() {
            files.push(entry.path().strip_prefix(folder)?.to_owned());
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a file as text, and says which it was if it cannot.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Makes an empty folder where there may be an old one.
pub fn fresh(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    fs::create_dir_all(folder)?;
    Ok(())
}

/// Makes a git repository of one commit that holds what this one's work tree does.
pub fn commit_to(repository: &Path) -> Result<()> {
    fresh(repository)?;
    let mut list = git(root());
    list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    for file in run::output(&mut list)?.lines() {
        let (from, to) = (root().join(file), repository.join(file));
        // A file that is deleted, but not yet in the index.
        if !from.exists() {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(repository))?;
        fs::copy(from, to)?;
    }
    commit_all(repository)
}

/// Makes a git repository of a folder, with all that is in it as one commit.
pub fn commit_all(repository: &Path) -> Result<()> {
    run::output(git(repository).args(["init", "--quiet", "--initial-branch=main"]))?;
    run::output(git(repository).args(["add", "--all"]))?;
    let author = ["-c", "user.name=xtask", "-c", "user.email=xtask@localhost"];
    let commit = [
        "commit",
        "--quiet",
        "--no-verify",
        "--message=the work tree",
    ];
    run::output(git(repository).args(author).args(commit))?;
    Ok(())
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder);
    git
}

/// Workspaces of their own beside the one of the root.
pub const ASIDE: [&str; 3] = ["bench", "bench/capacity", "fuzz"];

/// Brings all lock files up to date with the manifests. What is generated has the
/// versions with which it was tested.
pub fn sync_lock_files() -> Result<()> {
    for workspace in [root().to_owned()]
        .into_iter()
        .chain(ASIDE.map(|name| root().join(name)))
    {
        let mut metadata = run::cargo(&workspace);
        run::output(metadata.args(["metadata", "--format-version", "1", "--quiet"]))?;
    }
    fs::copy(
        root().join("Cargo.lock"),
        root().join("template/Cargo.lock"),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        read(&root().join(path)).unwrap()
    }

    #[test]
    fn the_template_ships_the_lock_file_that_was_tested() {
        let same = text("Cargo.lock") == text("template/Cargo.lock");
        assert!(same, "template/Cargo.lock is old: run cargo xtask sync");
    }

    #[test]
    fn files_that_stand_in_the_repository_and_in_the_template_are_the_same() {
        for file in [
            ".editorconfig",
            ".github/workflows/audit.yml",
            ".gitlab/audit.yml",
            "ci/audit",
            "ci/pipelines",
            "ci/tools",
            "clippy.toml",
            "deny.toml",
            "rust-toolchain.toml",
            "rustfmt.toml",
        ] {
            assert_eq!(text(file), text(&format!("template/{file}")), "{file}");
        }
        for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
            assert_eq!(
                text(file),
                text(&format!("template/crates/chassis/{file}")),
                "{file}"
            );
        }
    }

    /// Every `uses:` of a repository's workflows that names another repository.
    fn uses(repository: &str) -> Vec<String> {
        let folder = root().join(repository).join(".github/workflows");
        let workflows = files(&folder).unwrap();
        let lines = workflows.iter().flat_map(|workflow| {
            let text = read(&folder.join(workflow)).unwrap();
            let uses = text.lines().filter_map(|line| line.split_once("uses: "));
            let uses = uses.map(|(_, action)| action.to_owned());
            uses.filter(|action| !action.starts_with("./"))
                .collect::<Vec<_>>()
        });
        lines.collect()
    }

    #[test]
    fn every_action_is_pinned_by_its_commit_and_by_one() {
        let mut pins = std::collections::BTreeMap::new();
        for action in uses("").into_iter().chain(uses("template")) {
            let (name, pin) = action.split_once('@').unwrap_or_default();
            let (commit, version) = pin.split_once(" # v").unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit && !version.is_empty(), "{action}");
            let first = pins
                .entry(name.to_owned())
                .or_insert_with(|| pin.to_owned());
            assert_eq!(first, pin, "{name}");
        }
        assert!(pins.len() > 2, "{pins:?}");
    }

    /// The images of Rust that a file of the template names.
    fn rusts(file: &str) -> Vec<String> {
        let text = text(&format!("template/{file}"));
        let words = text.split_whitespace();
        let images = words.filter(|word| word.starts_with("rust:"));
        images.map(str::to_owned).collect()
    }

    #[test]
    fn gitlab_tests_with_the_rust_that_the_image_is_built_with() {
        let built = rusts("Dockerfile");
        assert_eq!(built.len(), 1);
        assert_eq!(rusts(".gitlab-ci.yml"), built);
    }

    #[test]
    fn the_pipelines_run_every_stage() {
        for pipeline in [".github/workflows/ci.yml", ".gitlab-ci.yml"] {
            let pipeline = text(pipeline);
            for stage in crate::test::STAGES {
                assert!(pipeline.contains(stage.name), "{}", stage.name);
            }
        }
    }
}
