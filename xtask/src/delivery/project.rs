use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::{
    flavour::{FLAVOURS, Flavour, generate_quietly},
    refusal, run,
    test::report::Report,
    tree,
};

/// Whoever reads this folder reads nothing else of a project.
const HOST: &str = "deploy/host";

/// A generated project, as its owner's first commit has it.
pub struct Project {
    pub flavour: &'static Flavour,
    pub folder: PathBuf,
}

/// A project of every flavour: the defaults come first.
pub fn all() -> Result<Vec<Project>> {
    let folder = tree::target().join("delivery");
    tree::fresh(&folder)?;
    let projects = FLAVOURS.iter().map(|flavour| {
        let folder = folder.clone();
        let mut project = Project { flavour, folder };
        project.folder = generate_quietly(&project.name(), flavour.answers, &project.folder)?;
        tree::commit_all(&project.folder)?;
        Ok(project)
    });
    projects.collect()
}

impl Project {
    /// The name that it was given.
    pub fn name(&self) -> String {
        format!("my-{}", self.flavour.name)
    }

    pub fn has(&self, file: &str) -> bool {
        self.folder.join(file).exists()
    }

    /// A command to be run in the project.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.folder);
        command
    }

    /// A copy, as its owner's first commit has it.
    pub fn copy(&self, name: &str) -> Result<Self> {
        let copy = self.part(name, "")?;
        tree::commit_all(&copy.folder)?;
        Ok(copy)
    }

    /// A copy of what is in this folder.
    fn part(&self, name: &str, of: &str) -> Result<Self> {
        let folder = tree::target().join("delivery").join(name);
        tree::fresh(&folder)?;
        for file in tree::files(&self.folder.join(of))? {
            let file = Path::new(of).join(file);
            let copy = folder.join(&file);
            fs::create_dir_all(copy.parent().unwrap_or(&folder))?;
            fs::copy(self.folder.join(&file), copy)?;
        }
        Ok(Self {
            flavour: self.flavour,
            folder,
        })
    }

    /// A copy with a fault.
    fn broken(&self, fault: &Fault) -> Result<Self> {
        let Fault { file, from, to, .. } = fault;
        let copy = match file.starts_with(HOST) {
            true => self.part("broken", HOST)?,
            false => self.copy("broken")?,
        };
        let text = tree::read(&copy.folder.join(file))?;
        let text = refusal::broken(file, &text, from, to)?;
        fs::write(copy.folder.join(file), text)?;
        Ok(copy)
    }
}

/// The projects whose files differ. The others have them too, but a tool that has read
/// them once would say the same again.
pub fn differing<'a>(
    report: &mut Report,
    projects: &'a [Project],
    files: &[&str],
) -> Result<Vec<&'a Project>> {
    report.check(&format!("generated: {}", files.join(", ")), || {
        let mut seen = BTreeMap::new();
        for project in projects {
            let contents = contents(project, files)?;
            if !contents.is_empty() {
                seen.entry(contents).or_insert(project);
            }
        }
        let mut projects: Vec<_> = seen.into_values().collect();
        projects
            .sort_by_key(|project| FLAVOURS.iter().position(|f| f.name == project.flavour.name));
        ensure!(!projects.is_empty(), "no flavour has {}", files.join(", "));
        Ok(projects)
    })
}

/// All that is in these files and folders.
fn contents(project: &Project, files: &[&str]) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for file in tree::files(&project.folder)? {
        if files.iter().any(|wanted| file.starts_with(wanted)) {
            let content = fs::read(project.folder.join(&file))?;
            contents.insert(file, content);
        }
    }
    Ok(contents)
}

/// What a tool must refuse: the file, what it has, what it gets instead, and a word of
/// the reason.
pub struct Fault {
    pub file: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub reason: &'static str,
}

/// Whether a tool takes each of the projects, and refuses the first one with each of
/// the faults, for the reason that it should.
pub fn takes_and_refuses(
    report: &mut Report,
    tool: &str,
    projects: &[&Project],
    faults: &[Fault],
    command: impl Fn(&Project) -> Command,
) -> Result<()> {
    let judge = |project: &Project| run::output(&mut command(project));
    judged(report, tool, projects, faults, judge)
}

/// The same of whatever judges a project.
pub fn judged(
    report: &mut Report,
    tool: &str,
    projects: &[&Project],
    faults: &[Fault],
    judge: impl Fn(&Project) -> Result<String>,
) -> Result<()> {
    for project in projects {
        let step = format!("{tool}, {}", project.flavour.name);
        report.check(&step, || judge(project))?;
    }
    for fault in faults {
        let step = format!("{tool} refuses: {}", fault.reason);
        report.check(&step, || {
            let broken = projects[0].broken(fault)?;
            refusal::refused(judge(&broken), fault.to, fault.reason)
        })?;
    }
    Ok(())
}
