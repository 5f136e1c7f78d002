//! The steps that need a platform, with stand-ins for the programs that would reach it:
//! what do they call, and what do they do when that fails?

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    slice, thread,
};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::{ended::Ended, project::Project, steps::git};
use crate::{
    test::{report::Report, tools},
    tree,
};

const IMAGE: &str = "ghcr.io/acme/my-default";
const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

type Rehearsal = fn(&Project) -> Result<()>;

pub fn run(report: &mut Report, project: &Project) -> Result<()> {
    let steps: [(&str, Rehearsal); 11] = [
        ("ci/changed leaves out what has not changed", changed),
        ("ci/msrv takes the Rust that is promised", msrv),
        ("ci/build refuses a binary above its budget", build),
        ("ci/image pushes when told, and says the digest", image),
        ("ci/image names a daemon that is reached by TLS", by_tls),
        ("ci/scan fails at what the scanner fails at", scan),
        ("ci/sign refuses what has no digest", sign),
        (
            "ci/deploy goes back if the rollout or the try fails",
            deploy,
        ),
        ("ci/smoke asks as the Service's port is named", smoke),
        ("ci/review makes and removes a namespace", review),
        ("ci/release names the image of the commit", release),
    ];
    for (name, step) in steps {
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
    ensure!(signed.calls.contains("cosign verify"), "{}", signed.calls);
    stage.program("cosign", "[ \"$1\" = sign ]")?;
    stage
        .run(&["sign", &image, "https://x/", "https://i"])?
        .wrong("")
}

fn deploy(project: &Project) -> Result<()> {
    let file = "deploy/components/name/kustomization.yaml";
    let before = tree::read(&project.folder.join(file))?;
    let closed = [("/api/v1/items", 401)];
    let open = [("/api/v1/items", 200)];
    // Which revision was there, what serves, how the rollout ends, and what is said.
    for (revision, answers, rollout, fault) in [
        ("7", closed, "true", None),
        ("7", closed, "false", Some("before, there was revision 7")),
        ("7", open, "true", Some("answers 200, not 401")),
        ("", closed, "false", Some("before, there was nothing")),
    ] {
        let mut stage = Stage::new(project)?;
        let cluster = format!(
            "case $1 in
             kustomize) sed -n 's/^ *digest: */image: ghcr.io\\/acme\\/my-default@/p' {file} ;;
             wait) exit 1 ;;
             *) printf '%s' '{revision}' ;;
             esac"
        );
        stage.program("kubectl", &cluster)?;
        let deploys = format!("grep -q 'digest: {DIGEST}' {file} && {rollout}");
        stage.program("just", &format!("[ \"$1\" != deploy ] || {{ {deploys}; }}"))?;
        stage.set("IMAGE", &format!("{IMAGE}@{DIGEST}"));
        stage.set("SMOKE_URL", &serve(&answers)?);
        stage.set("SMOKE_RETRIES", "0");
        let ended = stage.run(&["deploy", "staging"])?;
        match fault {
            None => ended.right().map(drop)?,
            Some(fault) => {
                ended.wrong(fault)?;
                ended.called(&["just deploy", "kubectl events", "kubectl logs"])?;
            }
        }
        let back = ended.calls.contains("just rollback");
        ensure!(
            back == (fault.is_some() && !revision.is_empty()),
            "{}",
            ended.calls
        );
        ensure!(
            !back || ended.calls.ends_with("just rollback staging 7\n"),
            "{}",
            ended.calls
        );
        ensure!(
            ended.calls.contains("just deploy staging"),
            "{}",
            ended.calls
        );
        let after = tree::read(&project.folder.join(file))?;
        ensure!(before == after, "{file} is left changed: {after}");
    }
    pinned(project)
}

/// An overlay has an image of its own.
fn pinned(project: &Project) -> Result<()> {
    let mut stage = Stage::new(project)?;
    stage.program("kubectl", &format!("echo 'image: {IMAGE}@sha256:bbbb'"))?;
    stage.program("just", "")?;
    stage.set("IMAGE", &format!("{IMAGE}@{DIGEST}"));
    let ended = stage.run(&["deploy", "staging"])?;
    ended.wrong("names another image")?;
    ensure!(!ended.calls.contains("just"), "{}", ended.calls);
    Ok(())
}

/// A server of these statuses; 404 for all else.
fn serve(answers: &[(&'static str, u16)]) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let answers: BTreeMap<_, _> = answers.iter().copied().collect();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            // The whole head is read: else the answer could be lost with a reset.
            lines.find(String::is_empty);
            let path = first.split(' ').nth(1).unwrap_or_default();
            let status = answers.get(path).unwrap_or(&404);
            let head =
                format!("HTTP/1.1 {status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _gone = (&stream).write_all(head.as_bytes());
        }
    });
    Ok(url)
}

/// Without an address: a port is forwarded, to a service with its own TLS or without.
fn smoke(project: &Project) -> Result<()> {
    for (port, own, path) in [
        ("http", "", "/api/v1/items"),
        ("https", "/api/v1/orders", "/api/v1/orders"),
    ] {
        let mut stage = Stage::new(project)?;
        stage.set("SMOKE_PATH", own);
        let cluster = format!(
            "case \"$3 $4\" in
             'get service') printf {port} ;;
             'get pods') printf 'pod/old\\npod/new\\n' ;;
             *) exec sleep 60 ;;
             esac"
        );
        stage.program("kubectl", &cluster)?;
        // Tries again, as the real one does: the port is forwarded meanwhile.
        let calls = stage.folder.path().join("calls");
        let answers = format!(
            "n=0; until grep -q port-forward {} || [ $n = 1000 ]; do n=$((n + 1)); done
             case $* in *\" {port}://127.0.0.1:18080{path}\") printf 401 ;; *) printf 404 ;; esac",
            calls.display()
        );
        stage.program("curl", &answers)?;
        let ended = stage.run(&["smoke", "staging"])?;
        ended.right()?;
        ended.called(&[
            "kubectl --namespace staging get service my-default-api",
            "get pods --output name --sort-by .metadata.creationTimestamp",
        ])?;
        ended.called(&["port-forward pod/new 18080:8080"])?;
        ended.called(&["curl --silent --insecure"])?;
    }
    Ok(())
}

fn review(project: &Project) -> Result<()> {
    let mut stage = Stage::new(project)?;
    stage.program(
        "kubectl",
        &format!(
            "case $* in
             kustomize*) echo '  image: {IMAGE}:0.1.0' ;;
             *'get pod postgres') exit 1 ;;
             esac"
        ),
    )?;
    stage.set("IMAGE", &format!("{IMAGE}@{DIGEST}"));
    let made = stage.run(&["review", "up", "my-branch"])?;
    made.right()?;
    made.called(&[
        "--namespace review-my-branch run postgres --image postgres:",
        "wait --for condition=ready --timeout 5m pod/postgres",
        "delete --kustomize target/review --selector app.kubernetes.io/component=migration",
        "apply --kustomize target/review",
        "rollout status deployment/my-default-api",
    ])?;
    let overlay = tree::read(&project.folder.join("target/review/kustomization.yaml"))?;
    for part in [
        "namespace: review-my-branch",
        &format!("name: {IMAGE}\n"),
        &format!("digest: {DIGEST}"),
    ] {
        ensure!(overlay.contains(part), "no {part}: {overlay}");
    }
    let removed = stage.run(&["review", "down", "my-branch"])?;
    removed.right()?;
    removed.called(&["delete namespace review-my-branch "])?;
    // Cut behind the hyphen, it would end with one.
    let long = "a".repeat(55);
    let removed = stage.run(&["review", "down", &format!("{long}-b")])?;
    removed.right()?;
    removed.called(&[format!("delete namespace review-{long} ").as_str()])
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
    let by = "--certificate-identity-regexp ^https://x/ --certificate-oidc-issuer https://i ";
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

/// Where a step is run: the project, stand-ins, and a list of their calls.
struct Stage {
    project: PathBuf,
    folder: TempDir,
    settings: BTreeMap<&'static str, String>,
}

impl Stage {
    fn new(project: &Project) -> Result<Self> {
        Ok(Self {
            project: project.folder.clone(),
            folder: TempDir::new()?,
            settings: BTreeMap::new(),
        })
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.settings.insert(name, value.to_owned());
    }

    /// A stand-in, which is listed when it is called.
    fn program(&self, name: &str, does: &str) -> Result<()> {
        let file = self.folder.path().join(name);
        let path = self.path();
        fs::write(
            &file,
            format!("#!/bin/sh\necho {name} \"$*\" >> {path}/calls\n{does}\n"),
        )?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    fn run(&self, step: &[&str]) -> Result<Ended> {
        let calls = self.folder.path().join("calls");
        fs::write(&calls, "")?;
        let path = tools::path_with(slice::from_ref(&calls))?;
        let mut command = Command::new(self.project.join("ci").join(step[0]));
        command
            .current_dir(&self.project)
            .args(&step[1..])
            .env("PATH", path)
            .envs(&self.settings);
        Ended::of(&mut command)?.with_calls(&calls)
    }
}
