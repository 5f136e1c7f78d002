//! The check of a certificate's end.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use axum_chassis::health::checks::{CERTIFICATE_NOTICE, certificate};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::{Alone, eventually};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn now() -> SystemTime {
    SystemTime::now()
}

/// A certificate that ends then, and its key.
fn pem(end: SystemTime) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.not_after = end.into();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

struct File {
    path: PathBuf,
    _folder: TempDir,
}

impl File {
    fn with(content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Self {
            path: folder.path().join("tls.crt"),
            _folder: folder,
        };
        file.write(content);
        file
    }

    fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(&self.path, content).unwrap();
    }

    async fn check(&self) -> Alone {
        Alone::run(certificate("certificate", &self.path, CERTIFICATE_NOTICE)).await
    }
}

#[tokio::test]
async fn it_passes_until_the_notice_begins_and_warns_from_then_on() {
    let file = File::with(pem(now() + CERTIFICATE_NOTICE + DAY).0);
    let alone = file.check().await;
    assert_eq!(alone.status(), "pass");

    let end = now() + CERTIFICATE_NOTICE - DAY / 2;
    file.write(pem(end).0);
    eventually("warned", || alone.told().contains(" expires at ")).await;
    let told = alone.told();
    let date = humantime::format_rfc3339_seconds(end);
    assert!(
        told.contains(&format!(" expires at {date}, in 13days 11h 59m ")),
        "{told}"
    );
    assert!(told.ends_with("; renew it"), "{told}");
    assert_eq!(alone.status(), "warn");

    file.write(pem(now() + 2 * CERTIFICATE_NOTICE).0);
    eventually("renewed", || alone.status() == "pass").await;
}

#[tokio::test]
async fn one_that_has_expired_says_so() {
    let end = now() - DAY;
    let alone = File::with(pem(end).0).check().await;
    let date = humantime::format_rfc3339_seconds(end);
    let told = alone.told();
    assert!(
        told.ends_with(&format!(" has expired at {date}; renew it now")),
        "{told}"
    );
    assert_eq!(alone.status(), "warn");
}

#[tokio::test]
async fn of_a_chain_the_first_end_counts_and_keys_are_passed_over() {
    let (leaf, key) = pem(now() + 100 * DAY);
    let (intermediate, _) = pem(now() + DAY);
    let whole = format!("{key}\nthe chain\n{leaf}\n\n{intermediate}\n");
    let alone = File::with(whole).check().await;
    assert!(alone.told().contains(" expires at "), "{}", alone.told());

    let alone = File::with(format!("{key}{leaf}# all\n")).check().await;
    assert_eq!(alone.told(), "");
}

#[tokio::test]
async fn a_file_without_a_certificate_says_what_should_be_there() {
    let (certificate, key) = pem(now() + 100 * DAY);
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let files = [
        File::with(""),
        File::with(key),
        File::with(no_certificate),
        File::with(certificate.replace("END CERT", "END")),
        File::with([0xff; 64]),
    ];
    for file in files {
        let alone = file.check().await;
        let told = alone.told();
        assert!(
            told.ends_with("; it should hold PEM certificates"),
            "{told}"
        );
        assert_eq!(alone.status(), "warn");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_says_where_it_should_be() {
    let file = File::with("");
    fs::remove_file(&file.path).unwrap();
    let told = file.check().await.told();
    assert!(told.starts_with(&file.path.display().to_string()), "{told}");
    assert!(told.ends_with("; mount it, or correct the path"), "{told}");
}

#[tokio::test]
async fn a_file_without_end_is_read_to_a_bound() {
    let check = certificate("certificate", "/dev/zero", CERTIFICATE_NOTICE);
    let told = Alone::run(check).await.told();
    assert!(
        told.ends_with("; it should hold PEM certificates"),
        "{told}"
    );
}
