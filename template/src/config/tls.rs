use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Faults, choice, some_time};
use crate::tls::Identity;

/// The certificate of the public listener. Without one it speaks plain HTTP, for
/// a proxy that ends TLS before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificate and what leads from it to a root, in PEM, in this order.
    pub certificate_file: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    pub key_file: Option<PathBuf>,
    /// How often it is looked whether a file has other contents.
    #[serde(with = "humantime_serde")]
    pub reload_interval: Duration,
    /// Time for the handshake; then the connection is cut.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// Whose signature a client's certificate must carry: certificates in PEM.
    /// Without it no client is asked for one.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client that is asked for a certificate must have one.
    #[serde(deserialize_with = "choice")]
    pub client_certificates: ClientCertificates,
    /// Where plain HTTP is answered with a redirect to HTTPS.
    pub redirect_address: Option<SocketAddr>,
    /// The port to which it is redirected, as clients see it.
    pub redirect_port: u16,
    /// For how long a browser shall not try plain HTTP any more
    /// (RFC 6797); if it is not set, nothing is said of that.
    #[serde(with = "humantime_serde")]
    pub hsts_max_age: Option<Duration>,
}

/// Whether a client must have a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// A client without one gets no connection.
    #[default]
    Required,
    /// A client without one is served; one with a bad one gets no connection.
    Optional,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate_file: None,
            key_file: None,
            reload_interval: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            client_ca_file: None,
            client_certificates: ClientCertificates::Required,
            redirect_address: None,
            redirect_port: 443,
            hsts_max_age: None,
        }
    }
}

impl Tls {
    pub(super) fn validate(&self, faults: &mut Faults) {
        some_time("tls.reload_interval", self.reload_interval, faults);
        some_time("tls.handshake_timeout", self.handshake_timeout, faults);
        match (&self.certificate_file, &self.key_file) {
            (None, None) => self.validate_without(faults),
            (Some(_), None) => {
                faults.add_hidden("tls.key_file", "must be set, as tls.certificate_file is")
            }
            (None, Some(_)) => {
                faults.add_hidden("tls.certificate_file", "must be set, as tls.key_file is");
            }
            (Some(_), Some(_)) => {
                for error in Identity::load(self).err().into_iter().flatten() {
                    faults.add_hidden(error.field(), error);
                }
            }
        }
    }

    /// What means nothing without a certificate is more likely a mistake than a wish.
    fn validate_without(&self, faults: &mut Faults) {
        for (field, is_set) in [
            ("tls.client_ca_file", self.client_ca_file.is_some()),
            ("tls.redirect_address", self.redirect_address.is_some()),
            ("tls.hsts_max_age", self.hsts_max_age.is_some()),
        ] {
            if is_set {
                let reason = "needs TLS: set tls.certificate_file and tls.key_file";
                faults.add_hidden(field, reason);
            }
        }
    }
}
