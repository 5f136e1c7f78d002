//! The steps that need a platform, with stand-ins for the programs that would reach it:
//! what do they call, and what do they do when that fails?

use std::fs;

use anyhow::{Result, ensure};

use super::{project::Project, rollout, stage::Stage, steps::git};
use crate::{test::report::Report, tree};

pub const IMAGE: &str = "ghcr.io/acme/my-default";
pub const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

pub type Rehearsal = fn(&Project) -> Result<()>;

pub fn run(report: &mut Report, project: &Project) -> Result<()> {
    let steps: [(&str, Rehearsal); 8] = [
        ("ci/changed leaves out what has not changed", changed),
        ("ci/msrv takes the Rust that is promised", msrv),
        ("ci/build refuses a binary above its budget", build),
        ("ci/image pushes when told, and says the digest", image),
        ("ci/image names a daemon that is reached by TLS", by_tls),
        ("ci/scan fails at what the scanner fails at", scan),
        ("ci/sign refuses what has no digest", sign),
        ("ci/release names the image of the commit", release),
    ];
    for (name, step) in steps.into_iter().chain(rollout::STEPS) {
        report.check(name, || step(project))?;
    }
    Ok(())
}

fn changed(project: &Project) -> Result<()> {
    let copy = project.copy("changed")?;
    let says = |base: &str| {
        let ended = Stage::new(&copy)?.run(&["changed", base])?;
        ended.right().map(str::to_owned)
    };
    let commit = |file: &str| {
        fs::write(copy.folder.join(file), "changed")?;
        git(&copy.folder, &["add", "--all"])?;
        git(&copy.folder, &["commit", "--quiet", "--message=change"])
    };
    commit("README.md")?;
    let said = says("HEAD~1")?;
    ensure!(
        !said.contains("code=true") && !said.contains("image=true"),
        "{said}"
    );
    ensure!(said.contains("postgres=true"), "{said}");
    commit("scripts/image-build")?;
    let said = says("HEAD~1")?;
    ensure!(said.contains("image=true"), "{said}");
    commit(".github/workflows/ci.yml")?;
    let said = says("HEAD~1")?;
    ensure!(!said.contains("=false"), "{said}");
    commit("src/main.rs")?;
    let said = says("HEAD~1")?;
    ensure!(
        said.contains("code=true") && said.contains("image=true"),
        "{said}"
    );
    ensure!(said.contains("manifests=false"), "{said}");
    // Rather too much than too little.
    for base in ["", "0123456789012345678901234567890123456789"] {
        let said = says(base)?;
        ensure!(!said.contains("=false"), "of {base:?}: {said}");
    }
    Ok(())
}

fn msrv(project: &Project) -> Result<()> {
    for (installed, installs) in [("1.95.3", false), ("1.99.0", true)] {
        let stage = Stage::new(project)?;
        stage.program("rustc", &format!("echo 'rustc {installed} (of somewhere)'"))?;
        stage.program("rustup", "")?;
        stage.program("cargo", "")?;
        let ended = stage.run(&["msrv"])?;
        ended.right()?;
        let asked = ended.calls.contains("rustup toolchain install 1.95 ");
        ensure!(asked == installs, "Rust {installed}: {}", ended.calls);
        ensure!(ended.calls.contains("cargo check"), "{}", ended.calls);
    }
    Ok(())
}

fn build(project: &Project) -> Result<()> {
    let mut stage = Stage::new(project)?;
    let target = stage.folder.path().join("target");
    fs::create_dir_all(target.join("release"))?;
    fs::write(target.join("release/my-default"), vec![0; 2 * 1024 * 1024])?;
    let metadata = format!("echo '{{\"target_directory\":\"{}\"}}'", target.display());
    stage.program("cargo", &metadata)?;
    stage.set("SIZE_BUDGET_MIB", "2");
    stage.run(&["build"])?.right()?;
    stage.set("SIZE_BUDGET_MIB", "1");
    stage.run(&["build"])?.wrong("above the budget of 1 MiB")
}

fn image(project: &Project) -> Result<()> {
    let mut stage = Stage::new(project)?;
    let metadata = format!("{{\"containerimage.digest\": \"{DIGEST}\"}}");
    stage.program(
        "docker",
        &format!("[ \"$2\" != build ] || echo '{metadata}' > target/image/metadata.json"),
    )?;
    stage.set("IMAGE", "ghcr.io/Acme/my-default");
    let built = stage.run(&["image"])?;
    built.right()?;
    ensure!(!built.calls.contains("--push"), "{}", built.calls);
    stage.set("PUSH", "true");
    let pushed = stage.run(&["image", "one", "two"])?;
    let said = pushed.right()?;
    ensure!(said.contains(&format!("{IMAGE}@{DIGEST}")), "{said}");
    for part in [
        "--push",
        "--platform linux/amd64,linux/arm64",
        "--tag ghcr.io/acme/my-default:one --tag ghcr.io/acme/my-default:two",
        "--provenance mode=max --sbom true",
        "--tag ghcr.io/acme/my-default:two-symbols --target symbols --provenance false --push",
    ] {
        ensure!(pushed.calls.contains(part), "no {part}: {}", pushed.calls);
    }
    Ok(())
}

/// As on GitLab. buildx takes no builder that has the name of a context.
fn by_tls(project: &Project) -> Result<()> {
    let mut stage = Stage::new(project)?;
    stage.program(
        "docker",
        r#"case "$1 $2" in
           "context create") echo "$3" ;;
           "buildx inspect") exit 1 ;;
           "buildx create") for last; do :; done; [ "$4" != "$last" ] ;;
           esac"#,
    )?;
    stage.set("IMAGE", IMAGE);
    stage.set("DOCKER_TLS_VERIFY", "1");
    let built = stage.run(&["image"])?;
    built.right()?;
    built.called(&[
        "context create ",
        "buildx create --name ci ",
        "buildx build",
    ])
}

fn scan(project: &Project) -> Result<()> {
    let stage = Stage::new(project)?;
    let image = format!("{IMAGE}@{DIGEST}");
    stage.program("trivy", "")?;
    let ended = stage.run(&["scan", &image])?;
    ended.right()?;
    ensure!(ended.calls.contains("--format sarif"), "{}", ended.calls);
    // What is found on one platform alone is found.
    for platform in ["amd64", "arm64"] {
        let finds = format!("case $* in *linux/{platform}*--exit-code*) exit 1 ;; esac");
        stage.program("trivy", &finds)?;
        stage.run(&["scan", &image])?.wrong("")?;
    }
    Ok(())
}

fn sign(project: &Project) -> Result<()> {
    let stage = Stage::new(project)?;
    stage.program("cosign", "")?;
    let arguments = [
        "sign",
        "ghcr.io/acme/my-default:1.0.0",
        "https://x/",
        "https://i",
    ];
    let refused = stage.run(&arguments)?;
    refused.wrong("has no digest")?;
    ensure!(refused.calls.is_empty(), "{}", refused.calls);
    let image = format!("{IMAGE}@{DIGEST}");
    let signed = stage.run(&["sign", &image, "https://x/", "https://i"])?;
    signed.right()?;
    signed.called(&[
        "cosign sign ",
        "cosign verify --certificate-identity https://x/ ",
    ])?;
    stage.program("cosign", "[ \"$1\" = sign ]")?;
    stage
        .run(&["sign", &image, "https://x/", "https://i"])?
        .wrong("")
}

fn release(project: &Project) -> Result<()> {
    let copy = project.copy("release")?;
    let mut stage = Stage::new(&copy)?;
    stage.program("docker", &format!("[ \"$3\" != inspect ] || echo {DIGEST}"))?;
    stage.set("IMAGE", IMAGE);
    let tag = |tag: &str, message: &str| {
        let message = format!("--message={message}");
        git(
            &copy.folder,
            &["commit", "--quiet", "--allow-empty", &message],
        )?;
        git(&copy.folder, &["tag", tag])
    };
    tag("v0.0.9", "Before")?;
    tag("v0.1.0", "What is new")?;
    let commit = git(&copy.folder, &["rev-parse", "v0.1.0"])?;
    let released = stage.run(&["release", "v0.1.0"])?;
    released.right()?;
    let (tagged, image) = (
        format!("{IMAGE}:{}", commit.trim()),
        format!("{IMAGE}@{DIGEST}"),
    );
    released.called(&["imagetools inspect ", &tagged])?;
    released.called(&[&format!("create --tag {IMAGE}:0.1.0 {image}")])?;
    let signed = ["release", "v0.1.0", "https://x/", "https://i"];
    stage.program("cosign", "")?;
    let released = stage.run(&signed)?;
    released.right()?;
    let by = "--certificate-identity https://x/ --certificate-oidc-issuer https://i ";
    released.called(&["cosign verify ", by, &image, "imagetools create"])?;
    stage.program("cosign", "exit 1")?;
    let refused = stage.run(&signed)?;
    refused.wrong("has not signed the image of")?;
    ensure!(!refused.calls.contains("create"), "{}", refused.calls);
    let notes = tree::read(&copy.folder.join("target/release-notes/notes.md"))?;
    ensure!(
        notes.contains("since v0.0.9") && notes.contains("- What is new"),
        "{notes}"
    );
    ensure!(!notes.contains("- Before"), "{notes}");

    tag("v9.9.9", "Too early")?;
    stage
        .run(&["release", "v9.9.9"])?
        .wrong("Cargo.toml has the version 0.1.0")?;
    stage.program("docker", "exit 1")?;
    stage.run(&["release", "v0.1.0"])?.wrong("no image of")
}
