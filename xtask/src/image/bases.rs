use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::engine::Engine;
use crate::{run, test::report::Report, tree};

/// The images that the Dockerfile builds on.
pub struct Bases {
    dockerfile: PathBuf,
}

/// What distroless is made of, by Debian's names.
const STATIC: &str = "base-files,ca-certificates,netbase,tzdata";
const CC: &str =
    "base-files,ca-certificates,netbase,tzdata,libc6,libgcc-s1,libgomp1,libssl3,libstdc++6";
/// What the builder needs of the image `rust`, but for Rust and what Debian always has.
const TOOLS: &str = "ca-certificates,g++,gcc,libc6-dev,make";

impl Bases {
    /// The real ones where a registry can be reached; elsewhere stand-ins of the same names,
    /// made from the same Debian packages and from the toolchain of this machine.
    pub fn have(
        report: &mut Report,
        engine: &Engine,
        dockerfile: PathBuf,
        folder: &Path,
    ) -> Result<Self> {
        let text = tree::read(&dockerfile)?;
        let pins = pins(&text);
        let smallest = pins.last().context("the Dockerfile builds on nothing")?;
        if run::output(engine.docker().args(["pull", "--quiet", smallest])).is_ok() {
            return Ok(Self { dockerfile });
        }
        report.check("no registry here: stand-ins for the base images", || {
            for pin in &pins {
                let name = without_digest(pin);
                if engine.inspect(name, "{{.Id}}").is_err() {
                    stand_in(engine, name, folder)?;
                }
            }
            Ok(())
        })?;
        // A stand-in has another digest.
        let here = folder.join("Dockerfile");
        let bare = pins.iter().fold(text.clone(), |text, pin| {
            text.replace(pin, without_digest(pin))
        });
        fs::write(&here, bare)?;
        Ok(Self { dockerfile: here })
    }

    pub fn dockerfile(&self) -> &Path {
        &self.dockerfile
    }
}

/// The images that are named with a digest.
fn pins(dockerfile: &str) -> Vec<&str> {
    let words = dockerfile.split_whitespace();
    words.filter(|word| word.contains("@sha256:")).collect()
}

fn without_digest(pin: &str) -> &str {
    pin.split('@').next().unwrap_or(pin)
}

fn stand_in(engine: &Engine, name: &str, folder: &Path) -> Result<()> {
    let archive = folder.join("stand-in.tar");
    let mut make = Command::new("mmdebstrap");
    make.args(["--quiet", "--mode=root"]);
    let mut changes = Vec::new();
    if name.starts_with("rust:") {
        // With apt: the compiler for another architecture is installed by the Dockerfile.
        make.args(["--variant=apt", &format!("--include={TOOLS}")]);
        make.arg(format!("--customize-hook={}", rust_toolchain()?));
        for variable in [
            "RUSTUP_HOME=/usr/local/rustup",
            "CARGO_HOME=/usr/local/cargo",
            "PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ] {
            changes.push(format!("ENV {variable}"));
        }
    } else {
        let packages = match name.split('/').next_back() {
            Some(name) if name.starts_with("cc-") => CC,
            Some(name) if name.starts_with("static-") => STATIC,
            _ => bail!("no stand-in is known for {name}"),
        };
        // Unpacked, not installed: that needs no shell, and is the sooner done.
        make.args(["--variant=extract", &format!("--include={packages}")]);
        make.arg(format!("--extract-hook={DISTROLESS}"));
        changes.push("USER 65532".to_owned());
    }
    run::output(make.arg("bookworm").arg(&archive))
        .context("to have mmdebstrap: apt-get install mmdebstrap")?;
    let mut import = engine.docker();
    import.arg("import");
    for change in changes {
        import.args(["--change", &change]);
    }
    run::output(import.arg(&archive).arg(name))?;
    fs::remove_file(archive)?;
    Ok(())
}

/// Its user, what the host trusts, and none of the packages' few programs.
const DISTROLESS: &str = "
    echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' > \"$1/etc/passwd\"
    echo 'nonroot:x:65532:' > \"$1/etc/group\"
    mkdir -p \"$1/etc/ssl/certs\" \"$1/home/nonroot\"
    cp /etc/ssl/certs/ca-certificates.crt \"$1/etc/ssl/certs/\"
    rm -rf \"$1/usr/sbin\" \"$1/usr/bin\" \"$1/usr/share/doc\" \"$1/usr/share/ca-certificates\" \\
        \"$1/usr/lib/x86_64-linux-gnu/gconv\" \"$1/var/cache\" \"$1/var/lib/apt\" \"$1/var/lib/dpkg\"";

/// A hook that copies the toolchain that runs here to where the image `rust` has its own.
fn rust_toolchain() -> Result<String> {
    let root = run::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let root = Path::new(root.trim());
    let name = root.file_name().context("the toolchain has no folder")?;
    let name = name.to_string_lossy();
    let rustup = run::output(Command::new("bash").args(["-c", "command -v rustup"]))
        .context("stand-ins for the base images need rustup, from https://rustup.rs")?;
    Ok(format!(
        "cp /etc/ssl/certs/ca-certificates.crt \"$1/etc/ssl/certs/\"
         mkdir -p \"$1/usr/local/rustup/toolchains/{name}\" \"$1/usr/local/cargo/bin\"
         tar --create --exclude=share/doc --directory={root} . \\
             | tar --extract --directory=\"$1/usr/local/rustup/toolchains/{name}\"
         cp --dereference {rustup} \"$1/usr/local/cargo/bin/rustup\"
         for program in cargo rustc rustdoc; do ln -s rustup \"$1/usr/local/cargo/bin/$program\"; done
         printf 'version = \"12\"\\ndefault_toolchain = \"{name}\"\\n' > \"$1/usr/local/rustup/settings.toml\"",
        root = root.display(),
        rustup = rustup.trim(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_image_is_pinned_by_its_version_and_its_digest() {
        let dockerfile = tree::read(&tree::root().join("template/Dockerfile")).unwrap();
        let stages: Vec<_> = dockerfile
            .lines()
            .filter(|line| line.starts_with("FROM"))
            .collect();
        assert!(stages.len() > 3, "{stages:?}");
        for line in stages {
            let base = line
                .split_whitespace()
                .find(|word| word.contains([':', '$']) && !word.starts_with("--"));
            let Some(base) = base.filter(|base| *base != "${LIBC}") else {
                continue;
            };
            let (name, digest) = base.split_once("@sha256:").unwrap_or_default();
            assert!(name.contains(':'), "{line}");
            assert!(
                digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()),
                "{line}"
            );
        }
    }
}
