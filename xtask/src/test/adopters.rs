//! What the layers' crate owes to those who adopt it: whose types it shows, and
//! which versions it can live with.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use toml::Table;

use super::report::Report;
use crate::{run, tree};

/// The crates whose types may be in the public interface: an update of one of
/// them that breaks is one of ours.
const PUBLIC: [&str; 21] = [
    "alloc",
    "axum_core",
    "bytes",
    "core",
    "http",
    "http_body",
    "opentelemetry",
    "opentelemetry_sdk",
    // In an `impl Unpin` that nobody can name.
    "pin_project_lite",
    "reqwest",
    "serde_core",
    "serde_json",
    "std",
    "tokio_stream",
    "tonic",
    "tonic_health",
    "tower_layer",
    "tower_service",
    "tracing",
    "tracing_core",
    "tracing_subscriber",
];

const CRATE: &str = "template/crates/chassis";

pub fn run(report: &mut Report) -> Result<()> {
    public_types(report)?;
    least_versions(report)?;
    oldest_compiler(report)
}

/// rustdoc's JSON is not stable: its shape may change with the compiler.
fn public_types(report: &mut Report) -> Result<()> {
    let target = tree::target().join("adopters");
    let mut rustdoc = run::cargo(tree::root());
    rustdoc
        .args([
            "rustdoc",
            "--quiet",
            "--package",
            "axum-chassis",
            "--all-features",
        ])
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1");
    report.step("rustdoc tells the public interface", &mut rustdoc)?;
    report.check("its types are of the crates that may be in it", || {
        let json = tree::read(&target.join("doc/axum_chassis.json"))?;
        let foreign = interface::crates(&serde_json::from_str(&json)?)?;
        ensure!(
            foreign.contains("http"),
            "no interface was found: {foreign:?}"
        );
        let unknown: Vec<_> = foreign
            .iter()
            .filter(|name| !PUBLIC.contains(&name.as_str()))
            .collect();
        ensure!(
            unknown.is_empty(),
            "{unknown:?} are in the public interface, and not on the list"
        );
        Ok(())
    })
}

/// The least versions that the manifest allows must be enough.
fn least_versions(report: &mut Report) -> Result<()> {
    let project = tree::target().join("least-versions");
    report.check("a copy of the crate, alone", || {
        tree::fresh(&project)?;
        let source = tree::root().join(CRATE);
        for file in tree::files(&source)? {
            let to = project.join(&file);
            fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
            fs::copy(source.join(&file), to)?;
        }
        let manifest = project.join("Cargo.toml");
        fs::write(
            &manifest,
            format!("{}\n[workspace]\n", tree::read(&manifest)?),
        )?;
        Ok(())
    })?;
    let mut resolve = run::cargo(&project);
    resolve
        .args([
            "-Z",
            "direct-minimal-versions",
            "generate-lockfile",
            "--quiet",
        ])
        .env("RUSTC_BOOTSTRAP", "1");
    report.step("the least versions of its dependencies", &mut resolve)?;
    let mut check = run::cargo(&project);
    check.args(["check", "--quiet", "--all-features"]);
    report.step("cargo check with those", &mut check)
}

fn oldest_compiler(report: &mut Report) -> Result<()> {
    let manifest: Table = tree::read(&tree::root().join(CRATE).join("Cargo.toml"))?.parse()?;
    let version = manifest["package"]["rust-version"].as_str();
    let toolchain = format!("+{}.0", version.context("rust-version is not set")?);
    if run::output(run::cargo(tree::root()).args([&toolchain, "--version"])).is_err() {
        report.skip(format!(
            "Rust {} is not here; to have it: rustup toolchain install {}",
            &toolchain[1..],
            &toolchain[1..]
        ));
        return Ok(());
    }
    let mut check = run::cargo(tree::root());
    check
        .args([
            &toolchain,
            "check",
            "--quiet",
            "--package",
            "axum-chassis",
            "--all-features",
        ])
        .arg("--target-dir")
        .arg(tree::target().join("oldest"));
    report.step(&format!("cargo {toolchain} check"), &mut check)
}

/// Reading rustdoc's JSON.
mod interface {
    use super::{BTreeSet, Context, Result, Value, bail};

    /// The crates whose items are named in what is public.
    pub fn crates(doc: &Value) -> Result<BTreeSet<String>> {
        let index = doc["index"]
            .as_object()
            .context("rustdoc's JSON has no index")?;
        let mut names = BTreeSet::new();
        for item in index.values().filter(|item| item["crate_id"] == 0) {
            let implementation = &item["inner"]["impl"];
            let is_ours =
                implementation["blanket_impl"].is_null() && implementation["is_synthetic"] != true;
            if is_ours {
                walk(doc, &item["inner"], &mut names)?;
            }
        }
        Ok(names)
    }

    fn walk(doc: &Value, value: &Value, names: &mut BTreeSet<String>) -> Result<()> {
        match value {
            Value::Object(fields) => {
                if let (Some(id), true) = (fields.get("id"), fields.contains_key("path")) {
                    names.extend(crate_of(doc, id)?);
                }
                fields
                    .values()
                    .try_for_each(|value| walk(doc, value, names))
            }
            Value::Array(items) => items.iter().try_for_each(|value| walk(doc, value, names)),
            _ => Ok(()),
        }
    }

    /// None for an item of the crate itself.
    fn crate_of(doc: &Value, id: &Value) -> Result<Option<String>> {
        let number = &doc["paths"][id.to_string()]["crate_id"];
        if number.is_null() || number == 0 {
            return Ok(None);
        }
        match doc["external_crates"][number.to_string()]["name"].as_str() {
            Some(name) => Ok(Some(name.to_owned())),
            None => bail!("rustdoc's JSON does not name crate {number}"),
        }
    }

    #[cfg(test)]
    mod tests {
        use serde_json::json;

        use super::*;

        fn doc(implementation: &Value) -> Value {
            json!({
                "index": {
                    "1": { "crate_id": 0, "inner": { "function": { "sig": {
                        "output": { "resolved_path": { "id": 7, "path": "Request", "args": null } }
                    } } } },
                    "2": { "crate_id": 0, "inner": { "impl": implementation } },
                },
                "paths": {
                    "7": { "crate_id": 3, "path": ["http", "Request"] },
                    "8": { "crate_id": 4, "path": ["hidden", "Type"] },
                    "9": { "crate_id": 0, "path": ["axum_chassis", "Route"] },
                },
                "external_crates": { "3": { "name": "http" }, "4": { "name": "hidden" } },
            })
        }

        #[test]
        fn the_crates_of_foreign_types_are_found() {
            let of_ours = json!({ "trait": { "id": 9, "path": "Route" }, "blanket_impl": null });
            assert_eq!(
                crates(&doc(&of_ours)).unwrap(),
                BTreeSet::from(["http".to_owned()])
            );
            let of_theirs = json!({ "trait": { "id": 8, "path": "Type" }, "blanket_impl": null });
            assert!(crates(&doc(&of_theirs)).unwrap().contains("hidden"));
        }

        #[test]
        fn what_another_crate_implements_for_everything_is_not_ours() {
            let blanket = json!({ "trait": { "id": 8, "path": "Type" }, "blanket_impl": {} });
            assert!(!crates(&doc(&blanket)).unwrap().contains("hidden"));
        }
    }
}
