//! The steps that need a cluster.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

use anyhow::{Result, ensure};
use serde_yaml_ng::Value;

use super::{
    project::Project,
    rehearsal::{DIGEST, IMAGE, Rehearsal},
    stage::Stage,
};
use crate::tree;

pub const STEPS: [(&str, Rehearsal); 4] = [
    (
        "ci/deploy goes back if the rollout or the try fails",
        deploy,
    ),
    (
        "just deploy stops at a migration that has failed",
        migration,
    ),
    ("ci/smoke asks as the Service's port is named", smoke),
    ("ci/review makes and removes a namespace", review),
];

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

fn migration(project: &Project) -> Result<()> {
    let stage = Stage::new(project)?;
    for (completes, what) in [(true, "completes"), (false, "fails")] {
        let cluster = format!(
            "case $* in
             'get '*' job '*) echo job.batch/migrate ;;
             *condition=complete*) {completes} ;;
             esac"
        );
        stage.program("kubectl", &cluster)?;
        let ended = stage.recipe(
            "deploy",
            &[("environment", "staging"), ("name", "my-default")],
        )?;
        ensure!((ended.code == 0) == completes, "it {what}: {}", ended.said);
        ended.called(&[
            "--for jsonpath={.status.conditions[0].status}=True --timeout 6m job.batch/migrate",
            "kubectl logs --namespace staging ",
            "--for condition=complete ",
        ])?;
        let goes_on = ended.calls.contains("rollout status");
        ensure!(goes_on == completes, "it {what}: {}", ended.calls);
    }
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
    let applied = stage.folder.path().join("applied");
    let cluster = format!(
        "case $* in
         kustomize*) echo '  image: {IMAGE}:0.1.0' ;;
         *'apply --filename -') cat >> {} ;;
         esac",
        applied.display()
    );
    stage.program("kubectl", &cluster)?;
    stage.set("IMAGE", &format!("{IMAGE}@{DIGEST}"));
    let made = stage.run(&["review", "up", "my-branch"])?;
    made.right()?;
    made.called(&[
        "kubectl --namespace review-my-branch apply --filename -",
        "create service clusterip postgres --tcp 5432 ",
        "wait --for condition=ready --timeout 5m pod/postgres",
        "delete --kustomize target/review --selector app.kubernetes.io/component=migration",
        "apply --kustomize target/review",
        "rollout status deployment/my-default-api",
    ])?;
    restricted(&tree::read(&applied)?)?;
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

/// What Pod Security `restricted` asks of a pod.
fn restricted(pod: &str) -> Result<()> {
    let pod: Value = serde_yaml_ng::from_str(pod)?;
    let (spec, own) = (
        &pod["spec"],
        &pod["spec"]["containers"][0]["securityContext"],
    );
    ensure!(
        spec["securityContext"]["runAsNonRoot"] == true
            && spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
            && own["allowPrivilegeEscalation"] == false
            && own["capabilities"]["drop"][0] == "ALL",
        "not restricted: {pod:?}"
    );
    Ok(())
}
