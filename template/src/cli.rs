//! The commands of the binary; without one it serves.

use std::{
    error::Error,
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use axum_chassis::Cause;
use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, Environment, Loaded, Profile},
    exit::Exit,
    hardening, healthcheck, openapi, panics, routes, runtime, seed,
    server::{self, Ending, ServeError},
    store::{Store, StoreError},
    telemetry::Telemetry,
    tls::{Development, TlsError},
    token,
};

/// Settings come from a TOML file (APP_CONFIG_FILE) and the environment
/// (APP_<SECTION>__<KEY>); `config` shows them all.
#[derive(Parser)]
#[command(name = env!("CARGO_PKG_NAME"), version, about = env!("CARGO_PKG_DESCRIPTION"))]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM or Ctrl-C (the default)
    Serve(ServeOptions),
    /// Brings the store's schema up to date
    Migrate,
    /// Fills a development database with items, the same ones each time
    Seed {
        /// Whose they shall be: the `sub` claim of a token
        #[arg(long, default_value = "developer")]
        owner: String,
        /// In any other profile, too
        #[arg(long)]
        force: bool,
    },
    /// Asks the readiness probe of the service on this host; exits 0 or 1
    Healthcheck,
    /// Prints the effective configuration, each value with its source
    Config {
        /// Only checks it: prints nothing if all is well, exits 78 if not
        #[arg(long)]
        check: bool,
    },
    /// Mints a token for development
    Token {
        /// Whose token it is: the `sub` claim
        #[arg(long, default_value = "developer")]
        subject: String,
        /// What it allows, separated by spaces: the `scope` claim
        #[arg(long, default_value = "items:read items:write")]
        scope: String,
        /// How long it is valid, such as 30m
        #[arg(long, default_value = "1h", value_parser = humantime)]
        lifetime: Duration,
    },
    /// Prints the OpenAPI document of the API
    Openapi,
}

#[derive(Args, Default)]
struct ServeOptions {
    /// Speaks TLS with a certificate for localhost, made at this start: in development only
    #[arg(long)]
    dev_tls: bool,
    /// Where to write the certificate that clients can be told to trust: curl --cacert FILE
    #[arg(long, value_name = "FILE", requires = "dev_tls")]
    dev_tls_ca: Option<PathBuf>,
}

fn humantime(text: &str) -> Result<Duration, serde_json::Error> {
    humantime_serde::deserialize(serde_json::Value::from(text))
}

/// Runs the command that the command line names, and says how the process shall end.
pub fn run() -> Exit {
    match Cli::parse()
        .command
        .unwrap_or(Command::Serve(ServeOptions::default()))
    {
        Command::Serve(options) => configured(|loaded| serve(loaded, &options)),
        Command::Migrate => configured(|loaded| migrate(&loaded.config)),
        Command::Seed { owner, force } => configured(|loaded| seed(&loaded.config, &owner, force)),
        Command::Healthcheck => {
            let address = Config::operations_address(&Environment::of_process());
            done(healthcheck::ask(address).map(|()| Exit::Ok))
        }
        Command::Config { check: true } => configured(|_| Exit::Ok),
        Command::Config { check: false } => configured(|loaded| print(loaded)),
        Command::Token {
            subject,
            scope,
            lifetime,
        } => configured(|loaded| {
            let token = token::mint(&loaded.config, &subject, &scope, lifetime);
            done(token.map(|token| print(token + "\n")))
        }),
        Command::Openapi => done(
            openapi::document()
                .to_pretty_json()
                .map(|json| print(json + "\n")),
        ),
    }
}

/// Runs with a configuration that is whole, or tells all that is wrong with it.
fn configured(run: impl FnOnce(&Loaded) -> Exit) -> Exit {
    match Config::load(&Environment::of_process()) {
        Ok(loaded) => run(&loaded),
        Err(faults) => {
            eprintln!("{faults}");
            Exit::Config
        }
    }
}

fn serve(loaded: &Loaded, options: &ServeOptions) -> Exit {
    let config = &loaded.config;
    // It may be written where nothing can be written later.
    let certificate = options.certificate(config);
    let hardening = hardening::apply(config);
    let telemetry = match Telemetry::start(config) {
        Ok(telemetry) => telemetry,
        Err(error) => return failed(error, Exit::Config),
    };
    panics::watch(&telemetry.meter());
    hardening.tell();
    let certificate = match certificate {
        Ok(certificate) => certificate,
        Err(error) => return failed(error, Exit::Config),
    };
    let identity = certificate.map(|made| {
        options.tell(&made);
        made.identity
    });
    let served = runtime::start(&config.runtime)
        .map_err(ServeError::from)
        .and_then(|runtime| {
            let routes = routes::router().into();
            let served = runtime.block_on(server::run(loaded, &telemetry, routes, identity));
            runtime::stop(runtime);
            served
        });
    let flushed = telemetry.flush(config.shutdown.flush_timeout);
    match served {
        Ok(ending) if flushed => ended(&ending),
        Ok(ending) => ended(&ending.missed("shutdown.flush_timeout")),
        Err(error) => {
            let exit = Exit::from(&error);
            tracing::error!(cause = %Cause::new(error), "the service failed");
            exit
        }
    }
}

impl ServeOptions {
    /// The certificate that `--dev-tls` asks for.
    fn certificate(&self, config: &Config) -> Result<Option<Development>, DevelopmentError> {
        if !self.dev_tls {
            return Ok(None);
        }
        if config.profile != Profile::Development || config.tls.certificate_file.is_some() {
            return Err(DevelopmentError::Refused);
        }
        let made = Development::make()?;
        if let Some(file) = &self.dev_tls_ca {
            made.write_authority(file)?;
        }
        Ok(Some(made))
    }

    /// Says by what it is known and trusted.
    fn tell(&self, made: &Development) {
        let authority = self.dev_tls_ca.as_ref();
        tracing::info!(
            sha256 = made.fingerprint(),
            authority = authority.map(|file| file.display().to_string()),
            "a certificate for localhost was made"
        );
    }
}

/// Why there is no certificate for development.
#[derive(Debug, thiserror::Error)]
enum DevelopmentError {
    #[error("--dev-tls is for the development profile without tls.certificate_file only")]
    Refused,
    #[error(transparent)]
    Make(#[from] TlsError),
    #[error("--dev-tls-ca cannot be written")]
    Write(#[from] io::Error),
}

/// Writes the last line of the log.
fn ended(ending: &Ending) -> Exit {
    if ending.is_clean() {
        tracing::info!("stopped");
        Exit::Ok
    } else {
        tracing::error!(missed = %ending, "stopped too late");
        Exit::DeadlineMissed
    }
}

fn migrate(config: &Config) -> Exit {
    once(config, async {
        let store = Store::connect(&config.store).await?;
        store.migrate().await?;
        store.close().await;
        Ok(Exit::Ok)
    })
}

fn seed(config: &Config, subject: &str, force: bool) -> Exit {
    if let Err(error) = seed::allow(config, force) {
        return failed(error, Exit::Failure);
    }
    once(config, async {
        let store = Store::open(&config.store).await?;
        let made = seed::fill(&store, &seed::owner(config, subject)).await?;
        store.close().await;
        Ok(print(format!("{made} items were made for {subject}\n")))
    })
}

/// Does something with the store, on threads like those of requests.
fn once(config: &Config, task: impl Future<Output = Result<Exit, StoreError>>) -> Exit {
    let done = runtime::start(&config.runtime)
        .map_err(ServeError::from)
        .and_then(|runtime| {
            let done = runtime.block_on(task);
            runtime::stop(runtime);
            Ok(done?)
        });
    done.unwrap_or_else(|error| {
        let exit = Exit::from(&error);
        failed(error, exit)
    })
}

/// By `print!` a disk that is full, or a reader that has gone, would be a panic.
fn print(text: impl Display) -> Exit {
    done(write!(io::stdout(), "{text}").map(|()| Exit::Ok))
}

fn done<E: Error + Send + Sync + 'static>(result: Result<Exit, E>) -> Exit {
    result.unwrap_or_else(|error| failed(error, Exit::Failure))
}

/// Says what failed, with all its causes.
fn failed(error: impl Error + Send + Sync + 'static, exit: Exit) -> Exit {
    eprintln!("error: {}", Cause::new(error));
    exit
}
