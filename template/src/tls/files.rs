use std::{fs, path::Path};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::TlsError;
use crate::config::Tls;

const CERTIFICATE: &str = "tls.certificate_file";
const KEY: &str = "tls.key_file";
const CLIENT_CA: &str = "tls.client_ca_file";

/// What the files hold that the settings name. Kubernetes swaps a folder's link,
/// certbot writes file by file: only the contents say whether something is new.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// The same, understood, but not yet whether one fits the other.
pub(super) struct Parsed {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) client_roots: Option<RootCertStore>,
}

impl Files {
    /// Reads all files, or tells of each that cannot be read.
    pub(super) fn read(tls: &Tls) -> Result<Self, Vec<TlsError>> {
        let certificate = read(CERTIFICATE, tls.certificate_file.as_deref());
        let key = read(KEY, tls.key_file.as_deref());
        let client_ca = tls.client_ca_file.as_deref();
        let client_ca = client_ca.map(|file| read(CLIENT_CA, Some(file)));
        match (certificate, key, client_ca.transpose()) {
            (Ok(certificate), Ok(key), Ok(client_ca)) => Ok(Self {
                certificate,
                key,
                client_ca,
            }),
            (certificate, key, client_ca) => {
                Err(errors([certificate.err(), key.err(), client_ca.err()]))
            }
        }
    }

    /// Understands all files, or tells of each that holds something else.
    pub(super) fn parse(&self) -> Result<Parsed, Vec<TlsError>> {
        let chain = certificates(CERTIFICATE, &self.certificate);
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| {
            let reason = format!("holds no key in PEM, unencrypted, to its end: {error}");
            TlsError::new(KEY, reason)
        });
        let client_roots = self.client_ca.as_deref().map(roots).transpose();
        match (chain, key, client_roots) {
            (Ok(chain), Ok(key), Ok(client_roots)) => Ok(Parsed {
                chain,
                key,
                client_roots,
            }),
            (chain, key, roots) => Err(errors([chain.err(), key.err(), roots.err()])),
        }
    }
}

fn read(field: &'static str, file: Option<&Path>) -> Result<Vec<u8>, TlsError> {
    let file = file.ok_or_else(|| TlsError::new(field, "must be set"))?;
    fs::read(file)
        .map_err(|error| TlsError::new(field, format!("cannot read {}: {error}", file.display())))
}

fn certificates(field: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(TlsError::new(field, "holds no certificate in PEM")),
        Err(error) => {
            let reason = format!("holds no certificates in PEM to its end: {error}");
            Err(TlsError::new(field, reason))
        }
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(CLIENT_CA, pem)? {
        roots
            .add(root)
            .map_err(|error| TlsError::new(CLIENT_CA, format!("holds no usable root: {error}")))?;
    }
    Ok(roots)
}

fn errors(errors: [Option<TlsError>; 3]) -> Vec<TlsError> {
    errors.into_iter().flatten().collect()
}
