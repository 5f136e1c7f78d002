use std::sync::Arc;

use tokio_rustls::rustls::{
    self, ServerConfig,
    client::verify_server_name,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
    server::{ParsedCertificate, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use x509_parser::{
    certificate::Validity,
    prelude::{FromDer, X509Certificate},
    time::ASN1Time,
};

use super::{
    TlsError,
    files::{Files, Parsed},
};
use crate::config::{ClientCertificates, Tls};

const CERTIFICATE: &str = "tls.certificate_file";

/// What a listener shows of itself and asks of clients: TLS 1.2 and 1.3, HTTP/2 and
/// HTTP/1.1 by ALPN.
pub struct Identity {
    server: Arc<ServerConfig>,
    leaf: CertificateDer<'static>,
    expiry: i64,
}

impl Identity {
    /// The identity that these settings describe. Reads the files that they name.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files: unreadable, of other contents, not of one
    /// pair, not valid at this time.
    pub fn load(tls: &Tls) -> Result<Self, Vec<TlsError>> {
        Self::of(Files::read(tls)?.parse()?, tls.client_certificates)
    }

    pub(super) fn of(parsed: Parsed, clients: ClientCertificates) -> Result<Self, Vec<TlsError>> {
        Self::build(parsed, clients).map_err(|error| vec![error])
    }

    pub(super) fn build(parsed: Parsed, clients: ClientCertificates) -> Result<Self, TlsError> {
        let Parsed {
            chain,
            key,
            client_roots,
        } = parsed;
        let leaf = chain[0].clone();
        let expiry = valid_until(&leaf)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = client_roots
            .map(|roots| {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
                let verifier = match clients {
                    ClientCertificates::Required => verifier,
                    ClientCertificates::Optional => verifier.allow_unauthenticated(),
                };
                verifier
                    .build()
                    .map_err(|error| TlsError::new("tls.client_ca_file", error))
            })
            .unwrap_or_else(|| Ok(WebPkiClientVerifier::no_client_auth()))?;
        let mut server = builder(provider, verifier)
            .and_then(|server| server.with_single_cert(chain, key))
            .map_err(unfit)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            server: Arc::new(server),
            leaf,
            expiry,
        })
    }

    /// Whether the certificate is for this host, a name or an address.
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(name) = ServerName::try_from(host) else {
            return false;
        };
        ParsedCertificate::try_from(&self.leaf)
            .is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
    }

    /// Until when the certificate is valid, in seconds since 1970.
    pub fn expiry_timestamp(&self) -> i64 {
        self.expiry
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }
}

type Builder = rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>;

fn builder(
    provider: Arc<rustls::crypto::CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
) -> Result<Builder, rustls::Error> {
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
    Ok(builder.with_client_cert_verifier(verifier))
}

fn unfit(error: rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError::new(
            "tls.key_file",
            "is not the key of tls.certificate_file: give the two of one pair",
        ),
        other => TlsError::new("tls.key_file", format!("is not usable: {other}")),
    }
}

/// A certificate that no client would accept is not shown.
fn valid_until(leaf: &CertificateDer<'_>) -> Result<i64, TlsError> {
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|error| TlsError::new(CERTIFICATE, format!("is no certificate: {error}")))?;
    let Validity {
        not_before,
        not_after,
    } = leaf.validity();
    let now = ASN1Time::now();
    if now > *not_after {
        let reason = format!("expired at {not_after}: give one that is valid");
        return Err(TlsError::new(CERTIFICATE, reason));
    }
    if now < *not_before {
        let reason = format!("is valid from {not_before} only: is the clock right?");
        return Err(TlsError::new(CERTIFICATE, reason));
    }
    Ok(not_after.timestamp())
}
