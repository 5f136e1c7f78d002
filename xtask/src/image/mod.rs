//! `cargo xtask image`: the image of a generated service, built and run as in production.

mod bases;
mod container;
mod engine;
mod prebuilt;

use std::{fs, path::Path, process::ExitCode, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use self::{bases::Bases, container::Container, engine::Engine};
use crate::{
    capacity::postgres::Postgres,
    flavour::{Answers, generate_quietly},
    run,
    test::report::Report,
    tree,
};

/// What `cargo xtask image` takes.
#[derive(Args)]
pub struct Options {
    /// The profile of Cargo.toml that is built
    #[arg(long, default_value = "release")]
    profile: String,
    /// Also the static image, and a binary for arm64, cross-compiled
    #[arg(long)]
    all: bool,
    /// Around a binary that this machine has built, of the profile dev: not by the Dockerfile
    #[arg(long, conflicts_with_all = ["profile", "all"])]
    prebuilt: bool,
    /// Where the service keeps its data
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
}

#[derive(Clone, Copy, ValueEnum)]
enum Database {
    /// It has something to write, and nothing else to talk to
    Sqlite,
    /// A server that is started beside it
    Postgres,
    /// In memory
    None,
}

impl Database {
    fn answer(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::None => "none",
        }
    }
}

/// What is pulled of an image may be as much, and no more.
const LIMIT_BYTES: u64 = 30 << 20;
const NAME: &str = "my-service";
const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

pub fn run(options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    let mut report = Report::default();
    report.begin("image", "the image, built and run");
    let ended = steps(&mut report, options);
    report.end(ended);
    Ok(report.finish(start.elapsed()))
}

/// As a stage of `cargo xtask test`: what takes minutes, a compiler in a container, only
/// where the binary of this machine would not run on the image's base.
pub fn stage(report: &mut Report) -> Result<()> {
    let options = Options {
        profile: "release-fast-build".to_owned(),
        all: false,
        prebuilt: prebuilt::runs_here(),
        database: Database::Sqlite,
    };
    steps(report, &options)
}

fn steps(report: &mut Report, options: &Options) -> Result<()> {
    let folder = tree::target().join("image");
    fs::create_dir_all(&folder)?;
    let Some(engine) = Engine::find(report, &folder)? else {
        return Ok(());
    };
    let mut server = match options.database {
        Database::Postgres => Some(Postgres::start()?.context("no PostgreSQL is installed")?),
        Database::Sqlite | Database::None => None,
    };
    let url = match &mut server {
        Some(server) => Some(server.new_database("service")?),
        None => None,
    };
    let store = url.map(|url| format!("APP_STORE__URL={url}"));
    let project = generate(options.database, &folder.join("project"))?;
    let (context, dockerfile) = match options.prebuilt {
        true => prebuilt::build(report, &project, &folder.join("prebuilt"))?,
        false => (project.clone(), project.join("Dockerfile")),
    };
    let bases = Bases::have(report, &engine, dockerfile, &folder)?;
    let build = Build {
        engine: &engine,
        bases: &bases,
        context: &context,
        profile: &options.profile,
    };
    let image = build.image(report, "gnu")?;
    check_of_image(report, &engine, &image)?;
    if !options.prebuilt {
        check_of_release(report, &engine, &image)?;
    }
    check_of_container(report, &engine, &image, store.as_deref())?;
    build.symbols(report, &folder.join("symbols"))?;
    if options.all {
        let image = build.image(report, "musl")?;
        check_of_image(report, &engine, &image)?;
        check_of_release(report, &engine, &image)?;
        check_of_container(report, &engine, &image, store.as_deref())?;
        build.foreign(report, &folder.join("arm64"))?;
    }
    Ok(())
}

fn generate(database: Database, folder: &Path) -> Result<std::path::PathBuf> {
    tree::fresh(folder)?;
    let answers = Answers {
        database: database.answer(),
        ..Answers::DEFAULT
    };
    generate_quietly(NAME, answers, folder)
}

/// How the image is built.
struct Build<'a> {
    engine: &'a Engine,
    bases: &'a Bases,
    context: &'a Path,
    profile: &'a str,
}

impl Build<'_> {
    fn command(&self, libc: &str) -> std::process::Command {
        let mut build = self.engine.build();
        build
            .current_dir(self.context)
            .arg("--file")
            .arg(self.bases.dockerfile())
            .args(["--build-arg", &format!("PROFILE={}", self.profile)])
            .args(["--build-arg", &format!("LIBC={libc}")])
            .args(["--build-arg", &format!("SOURCE_REVISION={REVISION}")]);
        build
    }

    fn image(&self, report: &mut Report, libc: &str) -> Result<String> {
        let image = format!("{NAME}:{libc}");
        let mut build = self.command(libc);
        report.step(
            &format!("build, {libc}"),
            build.args(["--tag", &image, "."]),
        )?;
        Ok(image)
    }

    /// The symbols belong to the binary, and know its functions, and its lines in the release.
    fn symbols(&self, report: &mut Report, folder: &Path) -> Result<()> {
        tree::fresh(folder)?;
        for stage in ["binary", "symbols"] {
            let mut build = self.command("gnu");
            build.args(["--target", stage, "--output"]);
            report.step(
                &format!("export the {stage}"),
                build.arg(folder.join(stage)).arg("."),
            )?;
        }
        report.check("the symbols are found by the binary's build id", || {
            let (binary, symbols) = (folder.join("binary/service"), folder.join("symbols"));
            symbolise(&binary, &symbols, self.profile == "release")
        })
    }

    /// Of an image for another architecture all but the base is made here.
    fn foreign(&self, report: &mut Report, folder: &Path) -> Result<()> {
        tree::fresh(folder)?;
        let mut build = self.command("gnu");
        build.args(["--platform", "linux/arm64", "--target", "binary"]);
        report.step(
            "cross-compile for arm64",
            build.arg("--output").arg(folder).arg("."),
        )?;
        report.check("it is a binary for arm64", || {
            const MACHINE: std::ops::Range<usize> = 18..20;
            const AARCH64: [u8; 2] = [183, 0];
            let binary = fs::read(folder.join("service"))?;
            let machine = binary.get(MACHINE);
            ensure!(machine == Some(&AARCH64), "it is for machine {machine:?}");
            Ok(())
        })
    }
}

/// Asks binutils, as a person would; not every profile keeps lines.
fn symbolise(binary: &Path, symbols: &Path, lines: bool) -> Result<()> {
    let command = |program: &str, arguments: &[&str], file: &Path| {
        run::output(
            std::process::Command::new(program)
                .args(arguments)
                .arg(file),
        )
    };
    let notes = command("readelf", &["--notes"], binary)?;
    let id = notes.split("Build ID: ").nth(1).context("no build id")?;
    let (first, rest) = id.split_whitespace().next().unwrap_or_default().split_at(2);
    let file = symbols.join(format!(".build-id/{first}/{rest}.debug"));
    let names = command("nm", &["--demangle"], &file)?;
    // Which function is left of the service's own is the optimiser's affair.
    let own = names.lines().find(|line| line.contains(" t service::"));
    let address = own.and_then(|line| line.split(' ').next());
    let address = address.context("no function of the service among the symbols")?;
    if lines {
        let place = command("addr2line", &[address, "--exe"], &file)?;
        ensure!(place.contains(".rs:"), "{place}");
    }
    let left = command("nm", &["--demangle"], binary)?;
    ensure!(left.contains("no symbols"), "the binary still has: {left}");
    Ok(())
}

/// What is so of what is shipped, and not of a binary for debugging.
fn check_of_release(report: &mut Report, engine: &Engine, image: &str) -> Result<()> {
    let unpacked: u64 = engine.inspect(image, "{{.Size}}")?.parse()?;
    let pulled = engine.compressed_bytes(image)?;
    let [unpacked, mebibytes] = [unpacked, pulled].map(|bytes| bytes as f64 / f64::from(1 << 20));
    let sizes = format!("{mebibytes:.1} MiB to pull, below 30; {unpacked:.1} unpacked");
    report.check(&format!("{image}: {sizes}"), || {
        ensure!(pulled < LIMIT_BYTES, "{pulled} bytes");
        Ok(())
    })?;
    report.check("scanners find the dependencies in the binary", || {
        let packages = engine.dependencies(image)?;
        ensure!(packages.contains("\"axum\""), "{packages}");
        Ok(())
    })
}

fn check_of_image(report: &mut Report, engine: &Engine, image: &str) -> Result<()> {
    report.check("nobody's, labelled, with a health check", || {
        for (what, expected) in [
            ("{{.Config.User}}", "65532:65532"),
            ("{{.Config.Entrypoint}}", "[/service]"),
            ("{{.Config.Healthcheck.Test}}", "[CMD /service healthcheck]"),
            (
                "{{index .Config.Labels \"org.opencontainers.image.revision\"}}",
                REVISION,
            ),
        ] {
            let found = engine.inspect(image, what)?;
            ensure!(found == expected, "{what} is {found}");
        }
        Ok(())
    })?;
    report.check("no shell, no package manager, nothing set-uid", || {
        let files = engine.files(image)?;
        for line in files.lines().filter(|line| !line.starts_with('d')) {
            let (mode, name) = (&line[..10], line.rsplit(' ').next().unwrap_or_default());
            let program = name.rsplit('/').next().unwrap_or_default();
            let banned = ["sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg"];
            if banned.contains(&program) || mode.contains('s') {
                bail!("it has {line}");
            }
        }
        Ok(())
    })
}

fn check_of_container(
    report: &mut Report,
    engine: &Engine,
    image: &str,
    store: Option<&str>,
) -> Result<()> {
    let container = report.check("starts with --read-only and --cap-drop ALL", || {
        let container = Container::start(engine, image, store)?;
        container.until_ready()?;
        Ok(container)
    })?;
    report.check("is nobody, and may do nothing", || container.is_nobody())?;
    report.check("says who it is, answers, keeps what it is told", || {
        container.answers(REVISION)
    })?;
    report.check("is found healthy by its HEALTHCHECK", || {
        container.until_healthy()
    })?;
    report.check(
        "SIGTERM: what is in flight is answered, then exit 0",
        || container.drains(),
    )
}
