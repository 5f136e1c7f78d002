use std::{fs, io, path::Path};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::{crypto::aws_lc_rs, pki_types::PrivateKeyDer};

use super::{Identity, TlsError, files::Parsed};
use crate::config::ClientCertificates;

/// The names of a developer's own machine.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Browsers want no certificate that is valid for long.
const LIFETIME: Duration = Duration::days(30);

/// A certificate for this machine alone, made at the start and gone at the end, with
/// an authority of its own that can vouch for nothing else.
pub struct Development {
    /// What the listener shows.
    pub identity: Identity,
    authority: Certificate,
}

impl Development {
    /// Makes both.
    ///
    /// # Errors
    ///
    /// If they cannot be made: if the system gives no random numbers.
    pub fn make() -> Result<Self, TlsError> {
        let (authority, leaf, key) = certificates().map_err(|error| {
            TlsError::new("--dev-tls", format!("makes no certificate: {error}"))
        })?;
        let parsed = Parsed {
            chain: vec![leaf.der().clone()],
            key: PrivateKeyDer::from(key),
            client_roots: None,
        };
        let identity = Identity::build(parsed, ClientCertificates::Required)?;
        Ok(Self {
            identity,
            authority,
        })
    }

    /// The authority's SHA-256 fingerprint, as browsers and `openssl x509` write it.
    pub fn fingerprint(&self) -> String {
        let sha256 = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256
            .tls13()
            .map(|suite| suite.common.hash_provider.hash(self.authority.der()));
        let bytes = sha256.iter().flat_map(|hash| hash.as_ref());
        let pairs: Vec<_> = bytes.map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    /// Writes the authority's certificate, in PEM, to where clients can be told to
    /// trust it: `curl --cacert FILE`.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write_authority(&self, file: &Path) -> io::Result<()> {
        fs::write(file, self.authority.pem())
    }
}

fn certificates() -> Result<(Certificate, Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate()?;
    let params = authority()?;
    let certificate = params.self_signed(&key)?;
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let mut params = valid_for(LIFETIME, CertificateParams::new(NAMES.map(str::to_owned))?);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&key, &issuer)?;
    Ok((certificate, leaf, key))
}

/// Whoever trusts it trusts it for this machine only. Its key is never written.
fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = valid_for(LIFETIME, CertificateParams::new(Vec::new())?);
    params
        .distinguished_name
        .push(DnType::CommonName, "development, this machine only");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 1], 32)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
                std::net::Ipv6Addr::LOCALHOST.octets(),
                128,
            )),
        ],
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

fn valid_for(lifetime: Duration, mut params: CertificateParams) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + lifetime;
    params
}
