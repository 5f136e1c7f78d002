//! Each layer alone in a crate outside of this workspace, as `cargo add --git` adds it.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

use super::report::Report;
use crate::{run, tree};

/// How a layer is adopted, and what it then answers to `GET path`.
struct Adopter {
    layer: &'static str,
    dependency: &'static str,
    expression: &'static str,
    path: &'static str,
    status: &'static str,
}

const ADOPTERS: [Adopter; 4] = [
    Adopter {
        layer: "trace",
        dependency: "opentelemetry = \"0.33\"\n",
        expression: "axum_chassis::trace::TraceLayer::new(opentelemetry::global::tracer(\"adopter\"))",
        path: "/hello",
        status: "200",
    },
    Adopter {
        layer: "metrics",
        dependency: "opentelemetry = \"0.33\"\n",
        expression: "axum_chassis::metrics::MetricsLayer::new(&opentelemetry::global::meter(\"adopter\"))",
        path: "/hello",
        status: "200",
    },
    Adopter {
        layer: "jwt",
        dependency: "",
        expression: "{
            use axum_chassis::jwt::{HmacAlgorithm, Issuer, JwtLayer, Key, Verifier};
            let key = Key::hmac(HmacAlgorithm::Hs256, &[7; 32]).unwrap();
            let verifier = Verifier::builder().issuer(Issuer::new(\"i\", \"a\", key));
            JwtLayer::new(verifier.build().unwrap())
        }",
        path: "/hello",
        status: "401",
    },
    Adopter {
        layer: "health",
        dependency: "",
        expression: "axum_chassis::health::HealthLayer::new(axum_chassis::health::Health::builder().build())",
        path: "/livez",
        status: "200",
    },
];

pub fn run(report: &mut Report) -> Result<()> {
    let folder = tree::target().join("adoption");
    tree::fresh(&folder)?;
    let repository = folder.join("repository");
    report.check("a git repository of the work tree", || {
        tree::commit_to(&repository)
    })?;
    for adopter in &ADOPTERS {
        report.check(&format!("{} alone", adopter.layer), || {
            adopter.adopt(&folder.join(adopter.layer), &repository)
        })?;
    }
    Ok(())
}

impl Adopter {
    fn adopt(&self, project: &Path, repository: &Path) -> Result<()> {
        fs::create_dir_all(project.join("src"))?;
        fs::write(project.join("Cargo.toml"), self.manifest(repository))?;
        fs::write(project.join("src/main.rs"), self.program())?;
        // The versions that everything here is built with.
        fs::copy(tree::root().join("Cargo.lock"), project.join("Cargo.lock"))?;
        let printed = run::output(run::cargo(project).args(["run", "--quiet"]))?;
        let expected = format!("HTTP/1.1 {} ", self.status);
        ensure!(printed.starts_with(&expected), "no {expected}in {printed}");
        Ok(())
    }

    fn manifest(&self, repository: &Path) -> String {
        let Self {
            layer, dependency, ..
        } = self;
        let repository = repository.display();
        format!(
            "[package]\nname = \"adopts-{layer}\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [profile.dev]\ndebug = \"line-tables-only\"\n\n[dependencies]\n\
             axum = {{ version = \"0.8\", default-features = false, features = [\"http1\", \"tokio\"] }}\n\
             axum-chassis = {{ git = \"file://{repository}\", features = [\"axum\", \"{layer}\"] }}\n\
             {dependency}\
             tokio = {{ version = \"1\", features = [\"io-util\", \"macros\", \"net\", \"rt-multi-thread\"] }}\n"
        )
    }

    fn program(&self) -> String {
        let Self {
            expression, path, ..
        } = self;
        format!(
            "use axum::{{Router, routing::get}};
use tokio::{{io::{{AsyncReadExt, AsyncWriteExt}}, net::{{TcpListener, TcpStream}}}};

#[tokio::main]
async fn main() {{
    let app = Router::new().route(\"/hello\", get(|| async {{ \"hello\" }})).layer({expression});
    let listener = TcpListener::bind(\"127.0.0.1:0\").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {{ axum::serve(listener, app).await }});

    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = \"GET {path} HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n\";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    println!(\"{{answer}}\");
}}
"
        )
    }
}
