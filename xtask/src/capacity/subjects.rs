//! What is put under load.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    build::Binaries,
    server::{Addresses, Server},
};
use crate::run;

/// A server, and what its clients show.
pub struct Subject {
    pub name: &'static str,
    pub is_bare: bool,
    pub tls: bool,
    pub algorithm: Algorithm,
}

/// Of the token that all requests show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Es256,
    Hs256,
}

/// Each bare router stands before those that are compared with it.
pub const SUBJECTS: [Subject; 6] = [
    bare("bare router", false),
    service("service, ES256", false, Algorithm::Es256),
    service("service, HS256", false, Algorithm::Hs256),
    bare("bare router, TLS", true),
    service("service, TLS, ES256", true, Algorithm::Es256),
    service("service, TLS, HS256", true, Algorithm::Hs256),
];

/// It does not look at the token, but has to read it.
const fn bare(name: &'static str, tls: bool) -> Subject {
    Subject {
        name,
        is_bare: true,
        tls,
        algorithm: Algorithm::Es256,
    }
}

const fn service(name: &'static str, tls: bool, algorithm: Algorithm) -> Subject {
    Subject {
        name,
        is_bare: false,
        tls,
        algorithm,
    }
}

/// A certificate, keys and tokens.
pub struct Issued {
    folder: PathBuf,
    es256: String,
    hs256: String,
    secret: String,
}

impl Issued {
    pub fn by(companion: &Path, folder: &Path) -> Result<Self> {
        run::output(Command::new(companion).arg("issue").arg(folder))?;
        let read = |name: &str| fs::read_to_string(folder.join(name));
        Ok(Self {
            es256: read("es256.token")?,
            hs256: read("hs256.token")?,
            secret: read("hs256.secret")?,
            folder: folder.to_owned(),
        })
    }

    pub fn token(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Es256 => &self.es256,
            Algorithm::Hs256 => &self.hs256,
        }
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// A subject that runs, and the item that it is asked for.
pub struct Running {
    pub server: Server,
    pub item: String,
}

pub fn start(binaries: &Binaries, issued: &Issued, subject: &Subject) -> Result<Running> {
    let (server, id) = if subject.is_bare {
        bare_router(binaries, issued, subject.tls)?
    } else {
        let server = with_issuers(&binaries.memory, issued, subject.tls)?;
        let id = make_item(&server, issued, issued.token(subject.algorithm))?;
        (server, id)
    };
    let item = format!("{}/api/v1/items/{id}", server.url);
    Ok(Running { server, item })
}

fn bare_router(binaries: &Binaries, issued: &Issued, tls: bool) -> Result<(Server, String)> {
    let id = "019ab5d4-3c1e-7a52-8d0f-5b6c7d8e9f00";
    // As long as one of the service's own.
    let item = json!({
        "id": id,
        "name": NAME,
        "description": DESCRIPTION,
        "quantity": 3,
        "version": 1,
        "created_at": "2026-11-25T18:27:56.123456789Z",
        "updated_at": "2026-11-25T18:27:56.123456789Z",
    });
    let file = issued.file("item.json");
    fs::write(&file, item.to_string())?;
    let address = Addresses::free()?.public;
    let mut command = Command::new(&binaries.companion);
    command.args(["serve", &address, &file]);
    if tls {
        command.args([issued.file("certificate.pem"), issued.file("key.pem")]);
    }
    let server = Server::until_it_listens(&mut command, &address, scheme(tls))?;
    Ok((server, id.to_owned()))
}

const NAME: &str = "a lamp";
const DESCRIPTION: &str = "for a desk, of brass, with a green shade";

/// It belongs to whoever shows this token: others are told that there is none.
fn make_item(server: &Server, issued: &Issued, token: &str) -> Result<String> {
    let input = json!({ "name": NAME, "description": DESCRIPTION, "quantity": 3 });
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body"])
        .args(["--cacert", &issued.file("certificate.pem")])
        .args(["--header", "content-type: application/json", "--header"])
        .arg(format!("authorization: Bearer {token}"))
        .args(["--data", &input.to_string()])
        .arg(format!("{}/api/v1/items", server.url));
    let made: Value = serde_json::from_str(&run::output(&mut curl)?)?;
    let id = made["id"].as_str().context("an item without an id")?;
    Ok(id.to_owned())
}

/// A service with both issuers, all other settings as they are unless told.
pub fn with_issuers(binary: &Path, issued: &Issued, tls: bool) -> Result<Server> {
    let addresses = Addresses::free()?;
    let mut command = service_command(binary, &addresses);
    for (name, field, value) in [
        ("ES256", "PUBLIC_KEY_FILE", issued.file("es256.pem")),
        ("ES256", "PUBLIC_KEY_ALGORITHM", "ES256".to_owned()),
        ("HS256", "HMAC_SECRET", issued.secret.clone()),
    ] {
        let host = name.to_lowercase();
        let issuer = format!("APP_AUTH__ISSUERS__{name}");
        command
            .env(
                format!("{issuer}__ISSUER"),
                format!("https://{host}.example.com"),
            )
            .env(format!("{issuer}__AUDIENCE"), "capacity")
            .env(format!("{issuer}__{field}"), value);
    }
    if tls {
        command
            .env("APP_TLS__CERTIFICATE_FILE", issued.file("certificate.pem"))
            .env("APP_TLS__KEY_FILE", issued.file("key.pem"));
    }
    Server::until_it_is_ready(&mut command, &addresses, scheme(tls))
}

/// How long a service takes to be ready with this database.
pub fn start_of(binary: &Path, setting: &str, database: &str) -> Result<Duration> {
    let addresses = Addresses::free()?;
    let mut command = service_command(binary, &addresses);
    command
        .env(
            "APP_AUTH__ISSUERS__MAIN__ISSUER",
            "https://es256.example.com",
        )
        .env("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "capacity")
        .env(
            "APP_AUTH__ISSUERS__MAIN__HMAC_SECRET",
            "a secret that everybody may know",
        )
        .env(setting, database);
    Ok(Server::until_it_is_ready(&mut command, &addresses, "http")?.start)
}

/// As in production: JSON lines, and no Collector to send to.
fn service_command(binary: &Path, addresses: &Addresses) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("APP_") || text.starts_with("OTEL_") {
            command.env_remove(&name);
        }
    }
    command
        .env("APP_HTTP__ADDRESS", &addresses.public)
        .env("APP_OPERATIONS__ADDRESS", &addresses.operations);
    command
}

const fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}
