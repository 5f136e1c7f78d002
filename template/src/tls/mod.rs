//! TLS of the public listener: the certificate it shows, when that is replaced,
//! and whose certificates it accepts of clients.
//!
//! ```no_run
//! use service::{config::Tls, tls::Certificates};
//! # async fn example(meter: &opentelemetry::metrics::Meter) -> Result<(), Vec<service::tls::TlsError>> {
//! let tls = Tls {
//!     certificate_file: Some("tls.crt".into()),
//!     key_file: Some("tls.key".into()),
//!     ..Tls::default()
//! };
//! let certificates = Certificates::follow(&tls, meter)?;
//! assert!(certificates.current().is_for("api.example.com"));
//! # Ok(())
//! # }
//! ```

mod client;
mod development;
mod files;
mod identity;
mod reload;

use std::fmt;

pub use self::{
    client::ClientCertificate, development::Development, identity::Identity, reload::Certificates,
};

/// Why a certificate cannot be shown, and the setting to blame.
#[derive(Debug)]
pub struct TlsError {
    field: &'static str,
    reason: String,
}

impl TlsError {
    fn new(field: &'static str, reason: impl fmt::Display) -> Self {
        Self {
            field,
            reason: reason.to_string(),
        }
    }

    /// The setting whose file does not do, such as `tls.key_file`.
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl std::error::Error for TlsError {}

/// What is wrong, and what to do: it follows the name of the setting.
impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
