use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// Who the client is, by a certificate that was verified: in the extensions of each
/// request of its connection.
///
/// ```
/// use axum::Extension;
/// use service::tls::ClientCertificate;
///
/// async fn handler(client: Option<Extension<ClientCertificate>>) -> String {
///     match client {
///         Some(Extension(client)) => format!("Hello, {}", client.subject()),
///         None => "Hello, whoever you are".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate(Arc<Names>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    subject: String,
    dns: Vec<String>,
    uris: Vec<String>,
    emails: Vec<String>,
}

impl ClientCertificate {
    /// Reads what the certificate says; `None` if it is none. Whether it is to be
    /// believed was decided in the handshake.
    pub(crate) fn read(verified: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(verified).ok()?;
        let mut names = Names {
            subject: certificate.subject().to_string(),
            ..Names::default()
        };
        let alternative = certificate.subject_alternative_name().ok().flatten();
        for name in alternative
            .iter()
            .flat_map(|names| &names.value.general_names)
        {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
                GeneralName::RFC822Name(email) => names.emails.push((*email).to_owned()),
                _ => {}
            }
        }
        Some(Self(Arc::new(names)))
    }

    /// The subject's distinguished name, such as `O=Acme, CN=billing`.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Its alternative names that are host names.
    pub fn dns_names(&self) -> &[String] {
        &self.0.dns
    }

    /// Its alternative names that are URIs, such as `spiffe://acme/billing`.
    pub fn uris(&self) -> &[String] {
        &self.0.uris
    }

    /// Its alternative names that are mail addresses.
    pub fn emails(&self) -> &[String] {
        &self.0.emails
    }
}
