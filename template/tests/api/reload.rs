//! New settings reach the service while it runs.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command, thread};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::oneshot, time::timeout};

use crate::support::{PATIENCE, Service, collector::Collector, problem, until};

/// A configuration file, and how it is replaced.
struct File {
    folder: TempDir,
}

impl File {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Self { folder };
        file.replace(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("service.toml")
    }

    /// As editors and deployments do it: the new one is whole before it has the name.
    fn replace(&self, text: &str) {
        let new = self.folder.path().join("new.toml");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    /// A service that looks at the file all the time.
    async fn service(&self) -> Service {
        self.service_with(&[]).await
    }

    async fn service_with(&self, settings: &[(&str, &str)]) -> Service {
        let path = self.path();
        let own = [
            ("APP_CONFIG_FILE", path.to_str().unwrap()),
            ("APP_RELOAD__INTERVAL", "10ms"),
        ];
        Service::with(&[&own, settings].concat()).await
    }
}

fn changed(keys: &str) -> impl Fn(&Value) -> bool {
    move |line| line["message"] == "the configuration has changed" && line["changed"] == keys
}

fn refused(line: &Value) -> bool {
    line["message"] == "the new configuration is refused, the old one goes on"
}

/// Whether a browser may call from there.
async fn allows(service: &Service, origin: &str) -> bool {
    let preflight = service
        .http
        .request(Method::OPTIONS, service.url("/api/v1/items"))
        .header("origin", origin)
        .header("access-control-request-method", "GET");
    let answer = preflight.send().await.unwrap();
    let allowed = answer.headers().get("access-control-allow-origin");
    allowed.is_some_and(|allowed| allowed == origin)
}

#[tokio::test]
async fn what_is_new_in_the_file_is_in_effect_without_a_restart() {
    let file = File::of("http.allowed_origins = ['https://a.example']");
    let service = file.service().await;
    assert!(allows(&service, "https://a.example").await);

    file.replace("http.allowed_origins = ['https://b.example']");
    service.log_line(changed("http.allowed_origins")).await;
    assert!(allows(&service, "https://b.example").await);
    assert!(!allows(&service, "https://a.example").await);
}

#[tokio::test]
async fn a_volume_of_kubernetes_that_is_swapped_is_noticed() {
    let volume = tempfile::tempdir().unwrap();
    let version = |name: &str, text: &str| {
        fs::create_dir(volume.path().join(name)).unwrap();
        fs::write(volume.path().join(name).join("service.toml"), text).unwrap();
    };
    // As the kubelet does it: the file is a link through a link, which is swapped.
    version("..1", "flags.read_only = false");
    let (data, file) = (
        volume.path().join("..data"),
        volume.path().join("service.toml"),
    );
    symlink("..1", &data).unwrap();
    symlink("..data/service.toml", &file).unwrap();
    let service = Service::with(&[
        ("APP_CONFIG_FILE", file.to_str().unwrap()),
        ("APP_RELOAD__INTERVAL", "10ms"),
    ])
    .await;

    version("..2", "flags.read_only = true");
    let new = volume.path().join("..data_tmp");
    symlink("..2", &new).unwrap();
    fs::rename(new, data).unwrap();
    fs::remove_dir_all(volume.path().join("..1")).unwrap();
    service.log_line(changed("flags.read_only")).await;
}

#[tokio::test]
async fn at_sighup_the_file_is_read_at_once() {
    let file = File::of("");
    let service = file.service_with(&[("APP_RELOAD__INTERVAL", "0s")]).await;
    file.replace("flags.read_only = true");
    service.signal("HUP");
    service.log_line(changed("flags.read_only")).await;
    service.signal("HUP");
    service
        .log_line(|line| line["message"] == "the configuration in effect is as it was")
        .await;
    let metrics = service.metrics().await;
    let counted = r#"config_reloads_total{outcome="unchanged"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn what_cannot_change_is_named_and_waits_for_a_restart() {
    let file = File::of("");
    let service = file.service().await;
    file.replace(
        "[auth.issuers.development]\nhmac_secret = 'another secret of more than thirty-two bytes'\n\
         [http]\nrequest_timeout = '1s'\n[flags]\nread_only = true",
    );
    let line = service
        .log_line(|line| line["message"] == "new values wait for a restart")
        .await;
    assert_eq!(
        line["keys"],
        "auth.issuers.development.hmac_secret, http.request_timeout"
    );
    // What can change has changed all the same.
    service.log_line(changed("flags.read_only")).await;
    let shown = service.operations_text("/config").await;
    let timeout = shown.lines().find(|l| l.starts_with("request_timeout"));
    let timeout = timeout.unwrap();
    assert!(
        timeout.starts_with("request_timeout = \"10s\""),
        "{timeout}"
    );
    assert!(timeout.ends_with("waits for a restart"), "{timeout}");
    assert!(!shown.contains("thirty-two"), "{shown}");
    let waiting = |metrics: &str| metrics.contains("\nconfig_waiting_keys 2\n");
    until("two keys wait", async || waiting(&service.metrics().await)).await;
}

#[tokio::test]
async fn a_faulty_configuration_is_refused_whole_with_all_its_faults() {
    let file = File::of("");
    let service = file.service().await;
    file.replace("flags.read_only = true\nhttp.request_timeout = 'soon'\nlog.level = 'info'");
    let cause = service.log_line(refused).await["cause"].clone();
    let cause = cause.as_str().unwrap();
    assert!(cause.contains("2 faults"), "{cause}");
    assert!(cause.contains("http.request_timeout = soon"), "{cause}");
    assert!(cause.contains("log.level"), "{cause}");

    // The flag, which is good, is not taken.
    service.create("lamp").await;
    let metrics = service.metrics().await;
    let counted = r#"config_reloads_total{outcome="refused"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");

    file.replace("flags.read_only = true");
    service.log_line(changed("flags.read_only")).await;
}

#[tokio::test]
async fn what_was_refused_for_a_file_that_came_later_is_taken_then() {
    let file = File::of("");
    let service = file.service().await;
    let key = file.folder.path().join("key.pem");
    file.replace(&format!(
        "flags.read_only = true\n[auth.issuers.late]\nissuer = 'https://late.example'\n\
         audience = 'items'\npublic_key_algorithm = 'ES256'\npublic_key_file = '{}'",
        key.display()
    ));
    let cause = service.log_line(refused).await["cause"].clone();
    assert!(
        cause.as_str().unwrap().contains("public_key_file"),
        "{cause}"
    );
    let public = rcgen::KeyPair::generate().unwrap().public_key_pem();
    let new = file.folder.path().join("new.pem");
    fs::write(&new, public).unwrap();
    fs::rename(new, key).unwrap();
    service.log_line(changed("flags.read_only")).await;
    let told = service.lines().into_iter().filter(refused).count();
    assert_eq!(told, 1, "{:#?}", service.lines());
}

#[tokio::test]
async fn a_file_that_is_gone_changes_nothing() {
    let file = File::of("flags.read_only = true");
    let service = file.service().await;
    fs::remove_file(file.path()).unwrap();
    let cause = service.log_line(refused).await["cause"].clone();
    assert!(
        cause.as_str().unwrap().contains("APP_CONFIG_FILE"),
        "{cause}"
    );
    let body = json!({ "name": "lamp", "quantity": 1 });
    let answer = service.post("/api/v1/items", &body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_file_that_hangs_keeps_no_process_from_its_end() {
    let file = File::of("");
    let service = file.service().await;
    let pipe = file.folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    fs::rename(pipe, file.path()).unwrap();
    // A pipe is open when somebody reads it; who reads waits for what is never written.
    let (opened, is_open) = oneshot::channel();
    let path = file.path();
    thread::spawn(move || opened.send(fs::File::options().write(true).open(path)));
    let open = timeout(PATIENCE, is_open).await.expect("it is looked at");
    let _open = open.unwrap().unwrap();
    assert_eq!(service.stop().await.code, Some(0));
}

#[tokio::test]
async fn writes_are_refused_while_the_service_is_read_only() {
    let file = File::of("flags.read_only = true");
    let service = file.service().await;
    let body = json!({ "name": "lamp", "quantity": 1 });
    let answer = service.post("/api/v1/items", &body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    let told = problem(answer).await;
    assert_eq!(told["type"], "urn:problem-type:read-only");
    let read = service.get("/api/v1/items").send().await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);

    file.replace("");
    service.log_line(changed("flags.read_only")).await;
    service.create("lamp").await;
}

#[tokio::test]
async fn which_traces_are_sampled_can_change() {
    let collector = Collector::start().await;
    let file = File::of("traces.ratio = 0.0");
    let service = file
        .service_with(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ])
        .await;
    service.create("lamp").await;
    file.replace("traces.ratio = 1.0");
    service.log_line(changed("traces.ratio")).await;
    // Telemetry takes it over a moment after it is logged.
    let asking = async {
        loop {
            let answer = service.get("/api/v1/items").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
    };
    tokio::select! {
        _ = collector.span(|span| span.name == "GET /api/v1/items") => {}
        () = asking => {}
    }
    tokio::select! {
        biased;
        _ = collector.span(|span| span.name == "POST /api/v1/items") => panic!("it was sampled"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn how_much_a_client_may_ask_can_change() {
    let file = File::of("");
    let service = file.service().await;
    let limited = async |service: &Service| {
        let answer = service.get("/api/v1/items").send().await.unwrap();
        answer.headers().contains_key("ratelimit")
    };
    assert!(!limited(&service).await);
    file.replace("clients.requests_per_second = 1000");
    until("there is a limit", async || limited(&service).await).await;
    file.replace("");
    until("there is none", async || !limited(&service).await).await;
}

#[tokio::test]
async fn the_log_follows_the_file() {
    let file = File::of("");
    let service = file.service().await;
    file.replace("log.filter = 'warn'");
    service.log_line(changed("log.filter")).await;
    until("the filter is warn", async || {
        service.log_level().await["filter"] == "warn"
    })
    .await;
}

#[tokio::test]
async fn the_metrics_tell_instances_of_different_settings_apart() {
    let hash = async |service: &Service| {
        let metrics = service.metrics().await;
        let line = metrics.lines().find(|l| l.starts_with("config_hash "));
        line.unwrap().to_owned()
    };
    let file = File::of("");
    let service = file.service().await;
    let before = hash(&service).await;
    file.replace("flags.read_only = true");
    until("the hash differs", async || hash(&service).await != before).await;
    file.replace("flags.read_only = false");
    until("the hash is back", async || hash(&service).await == before).await;

    let metrics = service.metrics().await;
    let success = "config_last_success_timestamp_seconds ";
    let success = metrics.lines().find_map(|l| l.strip_prefix(success));
    assert!(
        success.unwrap().parse::<f64>().unwrap() > 1.7e9,
        "{metrics}"
    );
}
