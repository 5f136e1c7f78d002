//! TLS of the public listener, with certificates that change under it.

use std::{fs, os::unix::fs::symlink, path::Path};

use hyper::{StatusCode, Version};
use tempfile::TempDir;
use time::Duration;
use tokio::io::AsyncWriteExt;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::support::{
    PATIENCE, Service,
    client::{Client, Transport, read_to_end},
    pki::{Authority, Pair},
    run,
};

const PATH: &str = "/api/v1/items";
const REFUSED: &str = r#"tls_certificate_reloads_total{outcome="refused"}"#;
const RELOADED: &str = r#"tls_certificate_reloads_total{outcome="reloaded"}"#;
const EXPIRY: &str = "tls_certificate_expiry_timestamp_seconds";

/// A folder with a certificate in it, and who signed that.
struct Files {
    folder: TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        authority.server(Duration::days(10)).write(folder.path());
        Self { folder, authority }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    async fn serve(&self, settings: &[(&str, &str)]) -> Service {
        let (certificate, key) = (self.path("tls.crt"), self.path("tls.key"));
        let own = [
            ("APP_TLS__CERTIFICATE_FILE", &*certificate),
            ("APP_TLS__KEY_FILE", &*key),
            ("APP_TLS__RELOAD_INTERVAL", "50ms"),
        ];
        Service::with(&[&own, settings].concat()).await
    }

    fn transport(&self) -> Transport {
        Transport::tls(&self.authority)
    }
}

async fn status(transport: &Transport, version: Version, service: &Service) -> StatusCode {
    let client = Client::connect(transport, version, service.public).await;
    client.unwrap().status(PATH).await
}

#[tokio::test]
async fn both_versions_of_tls_speak_both_versions_of_http() {
    let files = Files::new();
    let service = files.serve(&[]).await;
    for tls in [&TLS12, &TLS13] {
        let transport = Transport::tls_as(&files.authority, None, &[tls]);
        for http in [Version::HTTP_11, Version::HTTP_2] {
            let status = status(&transport, http, &service).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{tls:?} {http:?}");
        }
    }
}

#[tokio::test]
async fn plain_http_gets_no_answer_where_tls_is_spoken() {
    let files = Files::new();
    let service = files.serve(&[]).await;
    let mut plain = Transport::Plain.connect(service.public, &[]).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let answer = read_to_end(&mut plain).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let cut = r#"http_server_connection_cut_total{listener="public",reason="handshake_failed"}"#;
    service.series(cut, |count| count == 1.0).await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_client_and_no_connection_is_cut() {
    let files = Files::new();
    let service = files.serve(&[]).await;
    let before = service.series(EXPIRY, |at| at > 0.0).await;
    let transport = files.transport();
    let connected = Client::connect(&transport, Version::HTTP_2, service.public);
    let mut connected = connected.await.unwrap();

    files
        .authority
        .server(Duration::days(20))
        .write(files.folder.path());
    service.series(EXPIRY, |at| at > before).await;
    service.series(RELOADED, |count| count >= 1.0).await;
    assert_eq!(connected.status(PATH).await, StatusCode::UNAUTHORIZED);
    let status = status(&transport, Version::HTTP_11, &service).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_hangup_makes_it_look_at_the_files_at_once() {
    let files = Files::new();
    let service = files.serve(&[("APP_TLS__RELOAD_INTERVAL", "1h")]).await;
    let before = service.series(EXPIRY, |at| at > 0.0).await;
    files
        .authority
        .server(Duration::days(20))
        .write(files.folder.path());
    service.signal("HUP");
    service.series(EXPIRY, |at| at > before).await;
}

/// Kubernetes mounts a secret as links to `..data/`, which is a link that it swaps.
#[tokio::test]
async fn the_folder_of_a_secret_is_swapped() {
    let files = Files::new();
    let root = files.folder.path();
    let version = |name: &str, pair: &Pair| {
        fs::create_dir(root.join(name)).unwrap();
        pair.write(&root.join(name));
        symlink(name, root.join("..new")).unwrap();
        fs::rename(root.join("..new"), root.join("..data")).unwrap();
    };
    version("..1", &files.authority.server(Duration::days(10)));
    for name in ["tls.crt", "tls.key"] {
        fs::remove_file(root.join(name)).unwrap();
        symlink(Path::new("..data").join(name), root.join(name)).unwrap();
    }
    let service = files.serve(&[]).await;
    let before = service.series(EXPIRY, |at| at > 0.0).await;
    version("..2", &files.authority.server(Duration::days(20)));
    service.series(EXPIRY, |at| at > before).await;
    assert!(!service.metrics().await.contains(REFUSED));
}

/// certbot's `live` is links to `archive`, which it replaces one after the other.
#[tokio::test]
async fn links_are_replaced_one_by_one() {
    let files = Files::new();
    let (live, archive) = (files.folder.path(), files.folder.path().join("archive"));
    let link = |name: &str, version: &str| {
        symlink(
            Path::new("archive").join(version).join(name),
            live.join("new"),
        )
        .unwrap();
        fs::rename(live.join("new"), live.join(name)).unwrap();
    };
    for (version, days) in [("1", 10), ("2", 20)] {
        let folder = archive.join(version);
        fs::create_dir_all(&folder).unwrap();
        files.authority.server(Duration::days(days)).write(&folder);
    }
    link("tls.crt", "1");
    link("tls.key", "1");
    let service = files.serve(&[]).await;
    let before = service.series(EXPIRY, |at| at > 0.0).await;

    link("tls.key", "2");
    // Neither is of the other's pair: the old one goes on.
    service.series(REFUSED, |count| count == 1.0).await;
    let transport = files.transport();
    let answer = status(&transport, Version::HTTP_2, &service).await;
    assert_eq!(answer, StatusCode::UNAUTHORIZED);
    link("tls.crt", "2");
    service.series(EXPIRY, |at| at > before).await;
    service.series(RELOADED, |count| count == 1.0).await;
    let answer = status(&transport, Version::HTTP_2, &service).await;
    assert_eq!(answer, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_and_told_once_while_the_old_one_goes_on() {
    let files = Files::new();
    let service = files.serve(&[]).await;
    let certificate = files.path("tls.crt");
    let good = fs::read_to_string(&certificate).unwrap();
    let other = files.authority.server(Duration::days(20)).certificate.pem();
    let expired = files.authority.server(Duration::hours(1));
    let half = &good[..good.len() / 2];
    let bad = [
        (other.as_str(), "give the two of one pair"),
        (half, "holds no certificate"),
        (&expired.certificate.pem(), "expired at"),
    ];
    for (number, (contents, reason)) in bad.into_iter().enumerate() {
        // At once, for what it sees in between would be refused and counted too.
        fs::write(files.path("new"), contents).unwrap();
        fs::rename(files.path("new"), &certificate).unwrap();
        let refused = |count: f64| count == (number + 1) as f64;
        service.series(REFUSED, refused).await;
        let told = |line: &serde_json::Value| {
            line["cause"]
                .as_str()
                .is_some_and(|cause| cause.contains(reason))
        };
        assert_eq!(service.log_line(told).await["level"], "ERROR");
        let status = status(&files.transport(), Version::HTTP_2, &service).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{reason}");
    }
    fs::remove_file(&certificate).unwrap();
    service.series(REFUSED, |count| count == 4.0).await;
    let unreadable = |line: &serde_json::Value| {
        let cause = line["cause"].as_str();
        cause.is_some_and(|cause| cause.contains("cannot read"))
    };
    service.log_line(unreadable).await;
    let told = service
        .lines()
        .iter()
        .filter(|line| line["level"] == "ERROR")
        .count();
    assert_eq!(told, 4, "{:#?}", service.lines());
    assert!(!service.metrics().await.contains(RELOADED));
}

#[test]
fn all_that_is_wrong_with_the_files_is_told_with_exit_78() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Authority::new().server(Duration::hours(1));
    let (certificate, key) = pair.write(folder.path());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let faults = |certificate: &str, key: &str| {
        let ended = run(
            &["serve"],
            &[
                ("APP_TLS__CERTIFICATE_FILE", certificate),
                ("APP_TLS__KEY_FILE", key),
            ],
        );
        assert_eq!(ended.status.code(), Some(78));
        String::from_utf8(ended.stderr).unwrap()
    };
    let missing = faults("/no/such/tls.crt", "/no/such/tls.key");
    assert!(missing.contains("2 faults"), "{missing}");
    assert!(
        missing.contains("cannot read /no/such/tls.key"),
        "{missing}"
    );
    let swapped = faults(key, certificate);
    assert!(swapped.contains("2 faults"), "{swapped}");
    let lone = faults(certificate, "");
    assert!(lone.contains("tls.key_file"), "{lone}");
    let expired = faults(certificate, key);
    assert!(expired.contains("expired at"), "{expired}");
}

#[tokio::test]
async fn a_client_without_a_certificate_gets_no_connection_where_one_is_required() {
    let files = Files::new();
    let clients = Authority::new();
    fs::write(files.path("ca.crt"), clients.certificate.pem()).unwrap();
    let ca = files.path("ca.crt");
    let service = files.serve(&[("APP_TLS__CLIENT_CA_FILE", &ca)]).await;
    let known = clients.client("billing", "spiffe://acme/billing");
    let unknown = Authority::new().client("billing", "spiffe://acme/billing");
    for (client, accepted) in [(Some(&known), true), (Some(&unknown), false), (None, false)] {
        let transport = Transport::tls_as(&files.authority, client, &[&TLS12]);
        let connected = transport.connect(service.public, &[]).await;
        assert_eq!(connected.is_ok(), accepted);
    }
    let cut =
        r#"http_server_connection_cut_total{listener="public",reason="handshake_certificate"}"#;
    service.series(cut, |count| count == 2.0).await;
}

#[tokio::test]
async fn where_it_is_optional_only_a_bad_one_is_refused() {
    let files = Files::new();
    let clients = Authority::new();
    fs::write(files.path("ca.crt"), clients.certificate.pem()).unwrap();
    let ca = files.path("ca.crt");
    let service = files
        .serve(&[
            ("APP_TLS__CLIENT_CA_FILE", &ca),
            ("APP_TLS__CLIENT_CERTIFICATES", "optional"),
        ])
        .await;
    let unknown = Authority::new().client("billing", "spiffe://acme/billing");
    for (client, accepted) in [(None, true), (Some(&unknown), false)] {
        let transport = Transport::tls_as(&files.authority, client, &[&TLS12]);
        let connected = transport.connect(service.public, &[]).await;
        assert_eq!(connected.is_ok(), accepted);
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_begin_is_cut() {
    let files = Files::new();
    let service = files
        .serve(&[("APP_TLS__HANDSHAKE_TIMEOUT", "200ms")])
        .await;
    let mut silent = Transport::Plain.connect(service.public, &[]).await.unwrap();
    assert_eq!(read_to_end(&mut silent).await, b"");
    let cut = r#"http_server_connection_cut_total{listener="public",reason="handshake_timeout"}"#;
    service.series(cut, |count| count == 1.0).await;
}

#[tokio::test]
async fn plain_http_is_redirected_to_hosts_that_the_certificate_is_for() {
    let files = Files::new();
    let service = files
        .serve(&[
            ("APP_TLS__REDIRECT_ADDRESS", "127.0.0.1:0"),
            ("APP_TLS__HSTS_MAX_AGE", "1day"),
        ])
        .await;
    let redirect = service.listening("redirect").await;
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    let ask = |host: &'static str| {
        let request = client.post(format!("http://{redirect}/a/b?c=d"));
        request.header("host", host).send()
    };
    for host in ["localhost", "localhost:8080", "LOCALHOST"] {
        let answer = ask(host).await.unwrap();
        assert_eq!(answer.status(), 308, "{host}");
        let location = answer.headers()["location"].to_str().unwrap();
        assert_eq!(location.to_lowercase(), "https://localhost/a/b?c=d");
        // RFC 6797 section 7.2: not by plain HTTP.
        assert!(!answer.headers().contains_key("strict-transport-security"));
    }
    for host in [
        "evil.example",
        "localhost@evil.example",
        "evil.example:443",
        "127.0.0.1",
    ] {
        assert_eq!(ask(host).await.unwrap().status(), 421, "{host}");
    }
    let transport = files.transport();
    let client = Client::connect(&transport, Version::HTTP_2, service.public);
    let answer = client.await.unwrap().answer(PATH).await;
    assert_eq!(
        answer.headers()["strict-transport-security"],
        "max-age=86400"
    );
}

#[tokio::test]
async fn in_development_a_certificate_is_made_that_can_be_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let mut command = std::process::Command::new(crate::support::BINARY);
    command
        .args(["serve", "--dev-tls", "--dev-tls-ca"])
        .arg(&ca);
    let service = Service::launch(command, &[]).await;
    let told = service.log_line(|line| !line["sha256"].is_null()).await;
    let pem = fs::read(&ca).unwrap();
    let transport = Transport::tls_trusting(&pem);
    let status = status(&transport, Version::HTTP_2, &service).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(told["sha256"].as_str().unwrap().len(), 32 * 3 - 1);
}

#[test]
fn a_made_certificate_is_refused_in_production() {
    let refused = run(
        &["serve", "--dev-tls"],
        &[
            ("APP_PROFILE", "production"),
            ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.example"),
            ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
            (
                "APP_AUTH__ISSUERS__MAIN__HMAC_SECRET",
                "a secret of more than thirty-two bytes",
            ),
        ],
    );
    assert_eq!(refused.status.code(), Some(78));
    let reason = String::from_utf8(refused.stderr).unwrap();
    assert!(reason.contains("development profile"), "{reason}");
}
