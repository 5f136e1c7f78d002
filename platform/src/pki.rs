//! An authority, a gateway's certificate, and a token that both sides know.

use std::{fs, path::Path};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// As `COLLECTOR_GATEWAY_NAME` says by default.
pub const NAME: &str = "otel-gateway";
pub const TOKEN: &str = "a-token-that-both-sides-know";

/// Files in a folder, and the settings that lead to them.
pub struct Pki {
    pub authority: String,
    pub server: Vec<(&'static str, String)>,
    pub client: Vec<(&'static str, String)>,
}

impl Pki {
    pub fn new(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![NAME.to_owned()])?;
        let certificate = certificate.signed_by(&key, &issuer)?.pem();
        let file = |name: &str, text: &str| -> Result<String> {
            let file = folder.join(name);
            fs::write(&file, text)?;
            Ok(file.display().to_string())
        };
        Ok(Self {
            server: vec![
                ("COLLECTOR_CERT_FILE", file("tls.crt", &certificate)?),
                ("COLLECTOR_KEY_FILE", file("tls.key", &key.serialize_pem())?),
                ("COLLECTOR_TOKENS_FILE", file("tokens", TOKEN)?),
            ],
            client: vec![
                ("COLLECTOR_CA_FILE", file("ca.crt", &authority)?),
                ("COLLECTOR_TOKEN_FILE", file("token", TOKEN)?),
            ],
            authority,
        })
    }
}
