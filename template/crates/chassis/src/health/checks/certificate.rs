use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use humantime::{format_duration, format_rfc3339_seconds};
use x509_cert::{Certificate, der::Decode};

use crate::health::{BoxError, Check};

/// Fourteen days: what renews at a third of ninety days is two weeks late by then.
pub const CERTIFICATE_NOTICE: Duration = Duration::from_secs(14 * 24 * 3600);

/// So much of a file is read. A chain of ten certificates has 20 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Warns from `notice` before the first certificate of a PEM file ends, of a chain with
/// its intermediates, and when the file cannot be read. The file is read at each run, so
/// that a renewed one is seen; a key in it is passed over.
///
/// ```
/// use axum_chassis::health::{Health, checks};
///
/// let path = "/etc/tls/tls.crt";
/// let certificate = checks::certificate("certificate", path, checks::CERTIFICATE_NOTICE);
/// let health = Health::builder().check(certificate).build();
/// ```
pub fn certificate(name: impl Into<Arc<str>>, path: impl Into<PathBuf>, notice: Duration) -> Check {
    let path = path.into();
    Check::blocking(name, move || look(&path, notice))
        .degraded()
        .interval(Duration::from_secs(60))
}

fn look(path: &Path, notice: Duration) -> Result<(), BoxError> {
    let shown = path.display();
    let pem =
        read(path).map_err(|error| format!("{shown}: {error}; mount it, or correct the path"))?;
    let end = first_end(&pem)
        .map_err(|error| format!("{shown}: {error}; it should hold PEM certificates"))?;
    let ends_at = format_rfc3339_seconds(end);
    match end.duration_since(SystemTime::now()) {
        Err(_) => Err(format!("{shown} has expired at {ends_at}; renew it now").into()),
        Ok(left) if left < notice => {
            let left = format_duration(Duration::from_secs(left.as_secs()));
            Err(format!("{shown} expires at {ends_at}, in {left}; renew it").into())
        }
        Ok(_) => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut start = File::open(path)?.take(MAX_FILE_BYTES);
    start.read_to_end(&mut content)?;
    Ok(content)
}

/// When the first of them ends (RFC 5280 section 4.1.2.5).
fn first_end(pem: &[u8]) -> Result<SystemTime, BoxError> {
    let mut first = None;
    for part in pem::parse_many(pem)? {
        if part.tag() == "CERTIFICATE" {
            let certificate = Certificate::from_der(part.contents())?;
            let end = certificate.tbs_certificate().validity().not_after;
            let end = end.to_system_time();
            first = Some(first.map_or(end, |first: SystemTime| first.min(end)));
        }
    }
    first.ok_or_else(|| "no certificate".into())
}
