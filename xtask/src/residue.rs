//! What must not be in a generated project.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use toml::{Table, Value};

use crate::{flavour::Answers, links, tree};

/// Looks through a generated project.
///
/// # Errors
///
/// If it has a trace of the template, an empty value, a file of an option that
/// was not chosen, a dependency that is not used, a link to nothing: all of them are listed.
pub fn check(project: &Path, answers: Answers) -> Result<()> {
    let files = tree::files(project)?;
    let mut faults = Vec::new();
    for file in &files {
        liquid(project, file, &mut faults);
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            empty_values(project, file, &mut faults)?;
        }
    }
    faults.extend(unchosen(&files, answers));
    faults.extend(missing(&files, answers));
    for package in ["", "crates/chassis"] {
        unused_dependencies(project, Path::new(package), &mut faults)?;
    }
    faults.extend(links::broken(project)?);
    given_answers(project, answers, &mut faults)?;
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} has\n  {}", project.display(), faults.join("\n  "))
}

/// Where braces are another language's.
const BRACES: [&str; 6] = [
    ".github/workflows",
    "ci/release",
    "deploy/components/backup-alerts/prometheusrule.yaml",
    "deploy/components/monitoring/dashboard.json",
    "deploy/components/monitoring/prometheusrule.yaml",
    "justfile",
];

fn liquid(project: &Path, file: &Path, faults: &mut Vec<String>) {
    let name = file.display();
    if name.to_string().ends_with(".liquid") {
        faults.push(format!("the template's {name}"));
    }
    // What is no text has no Liquid.
    let Ok(text) = tree::read(&project.join(file)) else {
        return;
    };
    let braces = BRACES.iter().any(|allowed| file.starts_with(allowed));
    // `{{` and `}}` are braces to be printed in Rust's formats.
    let rust = file.extension().is_some_and(|extension| extension == "rs");
    for (number, line) in text.lines().enumerate() {
        let tag = line.contains("{%") || line.contains("%}");
        let output = line.contains("{{") || line.contains("}}");
        if tag || (output && !braces && !rust) {
            faults.push(format!("Liquid in {name}:{}: {line}", number + 1));
        }
    }
}

fn empty_values(project: &Path, file: &Path, faults: &mut Vec<String>) -> Result<()> {
    let table: Table = tree::read(&project.join(file))?.parse()?;
    fn walk(path: &str, value: &Value, faults: &mut Vec<String>) {
        match value {
            Value::String(text) if text.trim().is_empty() => {
                faults.push(format!("an empty value: {path}"));
            }
            Value::Table(table) => {
                for (key, value) in table {
                    walk(&format!("{path}.{key}"), value, faults);
                }
            }
            _ => {}
        }
    }
    walk(&file.display().to_string(), &Value::Table(table), faults);
    Ok(())
}

/// Files by what they are there for.
fn belongs(file: &Path, answers: Answers) -> bool {
    let file = file.to_string_lossy();
    let mentions = |word: &str| file.contains(word);
    let of_store = file.starts_with("src/store/")
        || file.starts_with("deploy/backup/")
        || file.starts_with("deploy/components/")
        || file.starts_with("deploy/faults/")
        || file.starts_with("deploy/host/")
        || file.starts_with("migrations/")
        || file.starts_with("tests/api/database/");
    let database = answers.database;
    if of_store && mentions("postgres") {
        database == "postgres"
    } else if of_store && mentions("sqlite") {
        database == "sqlite"
    } else if of_store && mentions("memory") {
        database == "none"
    } else if of_store
        && ["/sql", "deploy/backup/", "backup-alerts"]
            .into_iter()
            .any(mentions)
    {
        database != "none"
    } else if file == "compose.override.yaml" || file == ".squawk.toml" {
        database == "postgres"
    } else if file.starts_with(".github/") {
        matches!(answers.ci, "github" | "both")
    } else if file.starts_with(".gitlab") {
        matches!(answers.ci, "gitlab" | "both")
    } else if file == "Jenkinsfile" {
        answers.ci == "both"
    } else if file == "LICENSE-MIT" {
        answers.license.contains("MIT")
    } else if file == "LICENSE-APACHE" {
        answers.license.contains("Apache")
    } else {
        true
    }
}

fn unchosen(files: &[PathBuf], answers: Answers) -> Vec<String> {
    let foreign = files.iter().filter(|file| !belongs(file, answers));
    foreign
        .map(|file| {
            format!(
                "a file of an option that was not chosen: {}",
                file.display()
            )
        })
        .collect()
}

/// Everything else of the template must be there.
fn missing(files: &[PathBuf], answers: Answers) -> Vec<String> {
    let Ok(template) = tree::files(&tree::root().join("template")) else {
        return vec!["no template to compare with".to_owned()];
    };
    template
        .iter()
        .map(|file| {
            let name = file.to_string_lossy();
            PathBuf::from(name.strip_suffix(".liquid").unwrap_or(&name))
        })
        .filter(|file| belongs(file, answers) && !files.contains(file))
        .map(|file| format!("not the template's {}", file.display()))
        .collect()
}

fn unused_dependencies(project: &Path, package: &Path, faults: &mut Vec<String>) -> Result<()> {
    let folder = project.join(package);
    let manifest: Table = tree::read(&folder.join("Cargo.toml"))?.parse()?;
    let mut code = String::new();
    for file in tree::files(&folder)? {
        let own = package != Path::new("") || !file.starts_with("crates");
        if own && file.extension().is_some_and(|extension| extension == "rs") {
            code += &tree::read(&folder.join(file))?;
        }
    }
    for section in ["dependencies", "dev-dependencies"] {
        let dependencies = manifest.get(section).and_then(Value::as_table);
        for name in dependencies.into_iter().flat_map(Table::keys) {
            if !code.contains(&name.replace('-', "_")) {
                faults.push(format!("a dependency that is not used: {name}"));
            }
        }
    }
    Ok(())
}

fn given_answers(project: &Path, answers: Answers, faults: &mut Vec<String>) -> Result<()> {
    let file: Table = tree::read(&project.join(".template-answers.toml"))?.parse()?;
    let values = &file["values"];
    for (key, given) in [
        ("database", answers.database),
        ("ci", answers.ci),
        ("license", answers.license),
    ] {
        if values.get(key).and_then(Value::as_str) != Some(given) {
            faults.push(format!("another answer than {key} = {given}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::flavour::generate;

    /// What the check says of a default project after a change to it.
    fn said_of(change: impl Fn(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let project = generate("my-service", Answers::DEFAULT, folder.path()).unwrap();
        check(&project, Answers::DEFAULT).unwrap();
        change(&project);
        format!("{:#}", check(&project, Answers::DEFAULT).unwrap_err())
    }

    fn append(file: &Path, text: &str) {
        let before = tree::read(file).unwrap();
        fs::write(file, before + text).unwrap();
    }

    #[test]
    fn liquid_is_found() {
        let said = said_of(|project| append(&project.join("README.md"), "{{ name }}"));
        assert!(said.contains("Liquid in README.md"), "{said}");
        let said = said_of(|project| append(&project.join("src/lib.rs"), "// {% if %}"));
        assert!(said.contains("Liquid in src/lib.rs"), "{said}");
    }

    #[test]
    fn an_empty_value_is_found() {
        let said = said_of(|project| append(&project.join("clippy.toml"), "disallowed = \"\""));
        assert!(
            said.contains("an empty value: clippy.toml.disallowed"),
            "{said}"
        );
    }

    #[test]
    fn a_file_of_another_option_is_found() {
        let said = said_of(|project| fs::write(project.join("src/store/sqlite.rs"), "").unwrap());
        assert!(said.contains("not chosen: src/store/sqlite.rs"), "{said}");
    }

    #[test]
    fn a_file_that_was_forgotten_is_found() {
        let said = said_of(|project| fs::remove_file(project.join("justfile")).unwrap());
        assert!(said.contains("not the template's justfile"), "{said}");
    }

    #[test]
    fn a_dependency_that_is_not_used_is_found() {
        let said = said_of(|project| {
            let manifest = project.join("Cargo.toml");
            let text = tree::read(&manifest).unwrap();
            let text = text.replace("[dependencies]\n", "[dependencies]\nleft-pad = \"1\"\n");
            fs::write(manifest, text).unwrap();
        });
        assert!(said.contains("not used: left-pad"), "{said}");
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let said = said_of(|project| append(&project.join("README.md"), "[lost](lost.md)"));
        assert!(said.contains("README.md has a link to lost.md"), "{said}");
    }

    #[test]
    fn another_answer_is_found() {
        let said = said_of(|project| {
            let file = project.join(".template-answers.toml");
            let text = tree::read(&file).unwrap().replace("\"both\"", "\"none\"");
            fs::write(file, text).unwrap();
        });
        assert!(said.contains("another answer than ci = both"), "{said}");
    }
}
