//! A service of one set of answers.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use cargo_generate::{GenerateArgs, TemplatePath, Vcs};
use clap::Args;

use crate::{run, tree};

/// The answers to the generator's questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answers {
    pub database: &'static str,
    pub ci: &'static str,
    pub license: &'static str,
}

impl Answers {
    pub const DEFAULT: Self = Self {
        database: "postgres",
        ci: "both",
        license: "MIT OR Apache-2.0",
    };

    /// As cargo-generate takes them: `database=sqlite`.
    fn defined(self) -> Vec<String> {
        let Self {
            database,
            ci,
            license,
        } = self;
        vec![
            format!("database={database}"),
            format!("ci={ci}"),
            format!("license={license}"),
        ]
    }
}

/// One flavour that is tested.
pub struct Flavour {
    pub name: &'static str,
    pub answers: Answers,
    /// Whether its code differs from that of the flavours before it. If not, its
    /// files are checked, but it is not built once more.
    pub builds: bool,
}

/// The defaults, each other value alone, and two extremes.
pub const FLAVOURS: [Flavour; 10] = [
    Flavour {
        name: "default",
        answers: Answers::DEFAULT,
        builds: true,
    },
    Flavour {
        name: "sqlite",
        answers: Answers {
            database: "sqlite",
            ..Answers::DEFAULT
        },
        builds: true,
    },
    Flavour {
        name: "memory",
        answers: Answers {
            database: "none",
            ..Answers::DEFAULT
        },
        builds: true,
    },
    Flavour {
        name: "github",
        answers: Answers {
            ci: "github",
            ..Answers::DEFAULT
        },
        builds: false,
    },
    Flavour {
        name: "gitlab",
        answers: Answers {
            ci: "gitlab",
            ..Answers::DEFAULT
        },
        builds: false,
    },
    Flavour {
        name: "no-ci",
        answers: Answers {
            ci: "none",
            ..Answers::DEFAULT
        },
        builds: false,
    },
    Flavour {
        name: "mit",
        answers: Answers {
            license: "MIT",
            ..Answers::DEFAULT
        },
        builds: false,
    },
    Flavour {
        name: "apache",
        answers: Answers {
            license: "Apache-2.0",
            ..Answers::DEFAULT
        },
        builds: false,
    },
    Flavour {
        name: "proprietary",
        answers: Answers {
            license: "proprietary",
            ..Answers::DEFAULT
        },
        builds: false,
    },
    Flavour {
        name: "least",
        answers: Answers {
            database: "none",
            ci: "none",
            license: "proprietary",
        },
        builds: false,
    },
];

/// Generates a service of these answers, in a process of its own: cargo-generate
/// tells every step, and that is of interest only if it fails.
///
/// # Errors
///
/// If the name or an answer is refused.
pub fn generate_quietly(name: &str, answers: Answers, destination: &Path) -> Result<PathBuf> {
    let mut xtask = Command::new(own()?);
    xtask.args(["generate", "--name", name]);
    for answer in answers.defined() {
        xtask.args(["--define", &answer]);
    }
    run::output(xtask.arg("--destination").arg(destination))?;
    Ok(destination.join(name))
}

/// This program, also when cargo has built it anew meanwhile: then what runs has no name
/// any more.
fn own() -> Result<PathBuf> {
    let named = env::current_exe()?;
    Ok(match named.exists() {
        true => named,
        false => PathBuf::from("/proc/self/exe"),
    })
}

/// The same in this process.
#[cfg(test)]
pub fn generate(name: &str, answers: Answers, destination: &Path) -> Result<PathBuf> {
    generate_with(name, answers.defined(), None, destination)
}

/// What `cargo generate --silent` does, with any answers, given or from a file.
fn generate_with(
    name: &str,
    define: Vec<String>,
    values_file: Option<&Path>,
    destination: &Path,
) -> Result<PathBuf> {
    // The user's own configuration could hold answers.
    let config = tempfile::NamedTempFile::new()?;
    let template = TemplatePath {
        path: Some(tree::root().display().to_string()),
        subfolder: Some("template".to_owned()),
        ..TemplatePath::default()
    };
    cargo_generate::generate(GenerateArgs {
        template_path: template,
        name: Some(name.to_owned()),
        define,
        template_values_file: values_file.map(|file| file.display().to_string()),
        destination: Some(destination.to_owned()),
        config: Some(config.path().to_owned()),
        vcs: Some(Vcs::None),
        silent: true,
        quiet: true,
        continue_on_error: false,
        no_workspace: true,
        bin: true,
        lib: false,
        ..GenerateArgs::default()
    })
}

/// What `cargo xtask generate` takes.
#[derive(Args)]
pub struct Options {
    /// The service's name
    #[arg(long)]
    name: String,
    /// An answer, such as database=sqlite; may be repeated
    #[arg(short, long)]
    define: Vec<String>,
    /// The folder in which the service's own is made
    #[arg(long, default_value = ".")]
    destination: PathBuf,
}

impl Options {
    /// Generates, and says where.
    pub fn generate(self) -> Result<ExitCode> {
        let destination = fs::canonicalize(&self.destination)
            .with_context(|| format!("no folder {}", self.destination.display()))?;
        let made = generate_with(&self.name, self.define, None, &destination)?;
        println!("{}", made.display());
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_left(folder: &Path) -> Vec<PathBuf> {
        tree::files(folder).unwrap()
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_what_is_allowed_and_leaves_nothing() {
        for (name, fault) in [
            ("fn", "reserved"),
            ("test", "reserved"),
            ("core", "reserved"),
            ("service", "reserved"),
            ("3svc", "begin with a lower-case letter"),
            ("-svc", "begin with a lower-case letter"),
            ("svc-", "hyphen"),
            ("a--b", "hyphen"),
            ("my-Service", "character \"S\""),
            ("my_service", "character \"_\""),
            ("my.service", "character \".\""),
            ("größe", "character"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let refused = generate(name, Answers::DEFAULT, folder.path());
            let reason = format!("{:#}", refused.unwrap_err());
            assert!(reason.contains(fault), "{name}: {reason}");
            assert!(reason.contains("my-service"), "{name}: {reason}");
            assert_eq!(names_left(folder.path()), Vec::<PathBuf>::new(), "{name}");
        }
    }

    /// What Kubernetes takes: to name a CronJob's jobs it adds their times.
    const CRONJOB_NAME_LENGTH: usize = 52;

    /// How long the names of the template's CronJobs are, before the service's own comes to
    /// them.
    fn cronjob_name_lengths() -> Vec<usize> {
        let folder = tree::root().join("template/deploy");
        let files = tree::files(&folder).unwrap().into_iter();
        let manifests = files.filter(|file| file.extension().is_some_and(|e| e == "yaml"));
        let manifests = manifests.map(|file| tree::read(&folder.join(file)).unwrap());
        let jobs = manifests.filter(|text| text.lines().any(|line| line == "kind: CronJob"));
        let names = jobs.map(|text| {
            let name = text.lines().find_map(|line| line.strip_prefix("  name: "));
            name.unwrap().len()
        });
        names.collect()
    }

    #[test]
    fn a_name_may_be_as_long_as_leaves_room_for_those_of_cronjobs() {
        let longest = cronjob_name_lengths().into_iter().max().unwrap();
        let most = CRONJOB_NAME_LENGTH - "-".len() - longest;
        let folder = tempfile::tempdir().unwrap();
        assert!(generate(&"a".repeat(most), Answers::DEFAULT, folder.path()).is_ok());
        let refused = generate(&"a".repeat(most + 1), Answers::DEFAULT, folder.path());
        let reason = format!("{:#}", refused.unwrap_err());
        assert!(reason.contains(&format!("1 to {most} ")), "{reason}");
    }

    #[test]
    fn an_answer_that_is_none_is_refused_and_leaves_nothing() {
        for answer in [
            "database=mysql",
            "ci=jenkins",
            "license=GPL-3.0",
            "organization=Acme Inc",
            "organization=-acme",
            "description=say \"hello\"",
            "description={{evil}}",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let refused = generate_with("my-service", vec![answer.to_owned()], None, folder.path());
            assert!(refused.is_err(), "{answer}");
            assert_eq!(names_left(folder.path()), Vec::<PathBuf>::new(), "{answer}");
        }
    }

    #[test]
    fn the_answers_of_a_project_make_the_same_project_again() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers {
            database: "sqlite",
            ci: "gitlab",
            license: "MIT",
        };
        let first = generate("my-service", answers, folder.path()).unwrap();
        let again = tempfile::tempdir().unwrap();
        let file = first.join(".template-answers.toml");
        let second = generate_with("my-service", Vec::new(), Some(&file), again.path()).unwrap();

        let files = tree::files(&first).unwrap();
        assert_eq!(files, tree::files(&second).unwrap());
        for file in files {
            let (first, second) = (fs::read(first.join(&file)), fs::read(second.join(&file)));
            assert_eq!(first.unwrap(), second.unwrap(), "{}", file.display());
        }
    }

    #[test]
    fn a_workspace_around_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        let before = "[workspace]\nmembers = []\n";
        fs::write(&manifest, before).unwrap();
        generate("my-service", Answers::DEFAULT, folder.path()).unwrap();
        assert_eq!(tree::read(&manifest).unwrap(), before);
    }
}
