use std::time::Duration;

use opentelemetry::metrics::Meter;
use reqwest::{Certificate, Client, Url, redirect::Policy};
use tokio::time::timeout;

use super::{
    FETCH_TIMEOUT, KEY_COOLDOWN, KeySourceError, KeysTask, backoff,
    discovery::{self, key_url},
    freshness,
    http_get::{Got, get},
    origin::{Document, Fetched, Origin, Validator},
    task::{self, Settings},
};
use crate::jwt::{KeySet, Keys, VerifierError};

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Keys that an issuer publishes, over https.
///
/// A fetch follows no redirect, and is bounded in time and size. An HMAC secret of the
/// set is not used, for everyone has read it. Another key that is weak or malformed is
/// passed over, with a warning; a set in which two have the same `kid` is refused.
///
/// ```no_run
/// use axum_chassis::jwt::{Issuer, Verifier, source::KeyEndpoint};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let meter = opentelemetry::global::meter("my-service");
/// let (keys, _task) = KeyEndpoint::discovery("https://issuer.example")?
///     .meter(&meter)
///     .spawn()?;
/// let issuer = Issuer::new("https://issuer.example", "https://api.example", keys);
/// let verifier = Verifier::builder().issuer(issuer).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is fetched before `spawn`"]
pub struct KeyEndpoint {
    place: Place,
    roots: Vec<Certificate>,
    client: Option<Client>,
    timeout: Duration,
    cooldown: Duration,
    meter: Option<Meter>,
}

#[derive(Clone, Debug)]
enum Place {
    Jwks(Url),
    /// Of the document that names the place.
    Discovery {
        issuer: String,
        url: Url,
    },
}

impl KeyEndpoint {
    /// A JWK Set at this URL.
    ///
    /// # Errors
    ///
    /// If it is not `https`; `http` is for loopback addresses.
    pub fn jwks(url: &str) -> Result<Self, KeySourceError> {
        Ok(Self::new(Place::Jwks(key_url(url)?)))
    }

    /// The JWK Set that the issuer names at `/.well-known/openid-configuration` (OpenID
    /// Connect Discovery 1.0 section 4). For one that has its document elsewhere, as
    /// RFC 8414 section 3 allows, give the URL of the [set](Self::jwks).
    ///
    /// `issuer` is compared with the document's to the letter.
    ///
    /// # Errors
    ///
    /// If it is not `https`; `http` is for loopback addresses.
    pub fn discovery(issuer: &str) -> Result<Self, KeySourceError> {
        let url = discovery::document_url(issuer)?;
        let issuer = issuer.to_owned();
        Ok(Self::new(Place::Discovery { issuer, url }))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            roots: Vec::new(),
            client: None,
            timeout: FETCH_TIMEOUT,
            cooldown: KEY_COOLDOWN,
            meter: None,
        }
    }

    /// Trusts these root certificates (PEM), beside those of the system.
    ///
    /// # Errors
    ///
    /// If it is not PEM, or has no certificate.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, KeySourceError> {
        let client = |error: reqwest::Error| KeySourceError::Client(error.into());
        let roots = Certificate::from_pem_bundle(pem).map_err(client)?;
        if roots.is_empty() {
            return Err(KeySourceError::Client("there is no certificate".into()));
        }
        self.roots.extend(roots);
        Ok(self)
    }

    /// Uses this client, with its proxy, certificates and headers; root certificates that
    /// were given here are not added to it. It should follow no redirects: what it finds
    /// behind one is not used.
    pub fn client(self, client: Client) -> Self {
        Self {
            client: Some(client),
            ..self
        }
    }

    /// How long a whole fetch may take; [`FETCH_TIMEOUT`] unless told.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The pause between two fetches for the sake of unknown keys; [`KEY_COOLDOWN`] unless
    /// told.
    pub fn cooldown(self, cooldown: Duration) -> Self {
        Self { cooldown, ..self }
    }

    /// Records the metrics of this [module](super).
    pub fn meter(self, meter: &Meter) -> Self {
        Self {
            meter: Some(meter.clone()),
            ..self
        }
    }

    /// Fetches the keys in the background, at once and again and again, until the task is
    /// dropped. It waits for nothing: [`Keys`] are empty until they come.
    ///
    /// # Errors
    ///
    /// If there is no HTTP client, for want of root certificates.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with timers and I/O.
    pub fn spawn(self) -> Result<(Keys, KeysTask), KeySourceError> {
        let client = match self.client {
            Some(client) => client,
            None => client(self.roots)?,
        };
        let settings = Settings {
            source: match &self.place {
                Place::Jwks(url) => discovery::shown(url),
                Place::Discovery { issuer, .. } => issuer.clone(),
            },
            cooldown: self.cooldown,
            meter: self.meter,
        };
        let fetcher = Fetcher {
            place: self.place,
            client,
            timeout: self.timeout,
        };
        Ok(task::start(fetcher, settings))
    }
}

fn client(roots: Vec<Certificate>) -> Result<Client, KeySourceError> {
    let client = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .tls_certs_merge(roots)
        .build();
    client.map_err(|error| KeySourceError::Client(error.into()))
}

struct Fetcher {
    place: Place,
    client: Client,
    timeout: Duration,
}

impl Fetcher {
    async fn jwks_url(&self) -> Result<Url, KeySourceError> {
        match &self.place {
            Place::Jwks(url) => Ok(url.clone()),
            Place::Discovery { issuer, url } => {
                let got = get(&self.client, url, None).await?;
                discovery::jwks_url(&got.body.unwrap_or_default(), issuer)
            }
        }
    }

    async fn fetch_all(&self, known: Option<&Validator>) -> Result<Fetched, KeySourceError> {
        let url = self.jwks_url().await?;
        let known = known.filter(|known| known.url == url.as_str());
        let got = get(&self.client, &url, known.map(|known| &known.etag)).await?;
        let pause = backoff::ahead_of(freshness::lifetime(&got.head));
        let validator = validator(&url, &got);
        let document = got.body.map(|bytes| Document { bytes, validator });
        Ok(Fetched { document, pause })
    }
}

fn validator(url: &Url, got: &Got) -> Option<Validator> {
    Some(Validator {
        url: url.to_string(),
        etag: got.etag()?.clone(),
    })
}

impl Origin for Fetcher {
    async fn fetch(&self, known: Option<&Validator>) -> Result<Fetched, KeySourceError> {
        timeout(self.timeout, self.fetch_all(known))
            .await
            .unwrap_or(Err(KeySourceError::Timeout(self.timeout)))
    }

    fn read(&self, document: &[u8]) -> Result<(KeySet, Vec<VerifierError>), KeySourceError> {
        str::from_utf8(document)
            .map_err(|_| VerifierError::NotAKeySet("no UTF-8".to_owned()))
            .and_then(KeySet::from_published_json)
            .map_err(KeySourceError::Keys)
    }

    fn pause_after(&self, failures: u32) -> Duration {
        backoff::after_failures(failures)
    }
}
