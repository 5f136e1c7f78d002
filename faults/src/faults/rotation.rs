//! Certificates change under load, as Kubernetes changes them; a bad pair changes nothing.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use hyper::Version;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use crate::{
    fault::Outcome,
    load::connecting::Connecting,
    service::Service,
    setup::Setup,
    shared::{
        client::Transport,
        pki::{Authority, Pair},
    },
};

pub const GOAL: &str = "0 failed handshakes; a bad pair is refused and the old one kept";

const RELOADED: &str = r#"tls_certificate_reloads_total{outcome="reloaded"}"#;
const REFUSED: &str = r#"tls_certificate_reloads_total{outcome="refused"}"#;
const LIFETIME: time::Duration = time::Duration::days(10);
const CLIENTS: [(Version, usize); 2] = [(Version::HTTP_11, 12), (Version::HTTP_2, 4)];

pub async fn run(setup: Setup) -> Result<Outcome> {
    let rotations = setup.of(100, 5);
    let authority = Authority::new();
    let folder = tempfile::tempdir()?;
    let mounted = Mounted::new(folder.path())?;
    mounted.swap(0, &authority.server(LIFETIME))?;
    let (certificate, key) = (mounted.path("tls.crt"), mounted.path("tls.key"));
    let settings = [
        ("APP_TLS__CERTIFICATE_FILE", &*certificate),
        ("APP_TLS__KEY_FILE", &*key),
        ("APP_TLS__RELOAD_INTERVAL", "50ms"),
    ];
    let service = Service::start(&setup, &settings).await?;
    let transport = Transport::tls(&authority);
    let load = Connecting::begin(&transport, &service, &CLIENTS);

    let mut slowest = Duration::ZERO;
    let mut shown = Vec::new();
    for rotation in 1..=rotations {
        let pair = authority.server(LIFETIME);
        let swapped = Instant::now();
        mounted.swap(rotation, &pair)?;
        service
            .until_sum(RELOADED, |n| n >= f64::from(rotation))
            .await?;
        slowest = slowest.max(swapped.elapsed());
        shown = pair.certificate.der().to_vec();
        ensure!(
            presented(&transport, &service).await? == shown,
            "the new certificate is not shown"
        );
    }
    let mut refused = 0;
    for (number, bad) in bad_pairs(&authority).into_iter().enumerate() {
        let number = u32::try_from(number)? + 1;
        mounted.swap_files(rotations + number, &bad)?;
        service
            .until_sum(REFUSED, |n| n >= f64::from(number))
            .await?;
        refused += 1;
        if presented(&transport, &service).await? != shown {
            bail!("a bad pair has replaced a good one");
        }
    }
    let tally = load.end().await;
    Ok(Outcome::of(format!(
        "{rotations} rotations and {refused} bad pairs; 16 clients that connect anew for each request"
    ))
    .lost(tally.told())
    .recovery(format!(
        "the new one is shown after {} ms at most",
        slowest.as_millis()
    ))
    .goal(tally.failed() == 0, tally.told()))
}

/// Not of one pair, half written, expired, nothing at all.
fn bad_pairs(authority: &Authority) -> Vec<[String; 2]> {
    let [one, other, expired] =
        [LIFETIME, LIFETIME, time::Duration::hours(1)].map(|lifetime| authority.server(lifetime));
    let pem = |pair: &Pair| [pair.certificate.pem(), pair.key.serialize_pem()];
    let [certificate, key] = pem(&one);
    vec![
        [certificate.clone(), other.key.serialize_pem()],
        [certificate[..certificate.len() / 2].to_owned(), key],
        pem(&expired),
        [String::new(), String::new()],
    ]
}

/// A folder as Kubernetes mounts a secret: the files are links through `..data`, which
/// is a link to a folder, and that link is replaced.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(folder: &'a Path) -> Result<Self> {
        for file in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(file), folder.join(file))?;
        }
        Ok(Self(folder))
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_string_lossy().into_owned()
    }

    fn swap(&self, version: u32, pair: &Pair) -> Result<()> {
        self.swap_files(version, &[pair.certificate.pem(), pair.key.serialize_pem()])
    }

    fn swap_files(&self, version: u32, [certificate, key]: &[String; 2]) -> Result<()> {
        let new = format!("..{version}");
        fs::create_dir(self.0.join(&new))?;
        fs::write(self.0.join(&new).join("tls.crt"), certificate)?;
        fs::write(self.0.join(&new).join("tls.key"), key)?;
        symlink(&new, self.0.join("..data_tmp"))?;
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data"))?;
        Ok(())
    }
}

/// The certificate that a new connection is shown.
async fn presented(transport: &Transport, service: &Service) -> Result<Vec<u8>> {
    let Transport::Tls(config) = transport else {
        bail!("no TLS");
    };
    let stream = TcpStream::connect(service.public).await?;
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector
        .connect(ServerName::try_from("localhost")?, stream)
        .await?;
    let shown = stream.get_ref().1.peer_certificates();
    let shown = shown.and_then(|chain| chain.first().map(|leaf| leaf.to_vec()));
    shown.context("no certificate")
}
