use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use opentelemetry::metrics::Meter;

use super::{
    FILE_INTERVAL, KEY_COOLDOWN, KeySourceError, KeysTask, MAX_DOCUMENT_BYTES, MAX_LIFETIME,
    origin::{Document, Fetched, Origin, Validator},
    task::{self, Settings},
};
use crate::jwt::{Algorithm, Key, KeySet, Keys, VerifierError};

/// Keys from a file, which is read again and again.
///
/// Its content is compared, not watched: that sees every kind of change on every file
/// system, such as the `..data` symlink that Kubernetes swaps in a mounted Secret. A new
/// file that is not sound is not used: the keys stay as they were.
///
/// ```no_run
/// use axum_chassis::jwt::{Issuer, Verifier, source::KeyFile};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (keys, _task) = KeyFile::jwks("/etc/keys/jwks.json").spawn()?;
/// let issuer = Issuer::new("https://issuer.example", "https://api.example", keys);
/// let verifier = Verifier::builder().issuer(issuer).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `spawn`"]
pub struct KeyFile {
    path: PathBuf,
    form: Form,
    interval: Duration,
    cooldown: Duration,
    meter: Option<Meter>,
}

#[derive(Clone, Debug)]
enum Form {
    Jwks,
    Pem {
        algorithm: Algorithm,
        kid: Option<String>,
    },
}

impl KeyFile {
    /// The shortest interval; what is below is raised to it.
    pub const MIN_INTERVAL: Duration = Duration::from_millis(1);

    /// A JWK Set, as [`KeySet::from_jwks_json`] reads it: each key has to be sound.
    pub fn jwks(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Form::Jwks)
    }

    /// A public key, as [`Key::pem`] reads it.
    pub fn pem(algorithm: Algorithm, path: impl Into<PathBuf>) -> Self {
        let kid = None;
        Self::new(path.into(), Form::Pem { algorithm, kid })
    }

    fn new(path: PathBuf, form: Form) -> Self {
        Self {
            path,
            form,
            interval: FILE_INTERVAL,
            cooldown: KEY_COOLDOWN,
            meter: None,
        }
    }

    /// The name of a PEM file's key, as [`Key::kid`] gives it. The keys of a JWK Set have
    /// theirs.
    pub fn kid(mut self, name: impl Into<String>) -> Self {
        if let Form::Pem { kid, .. } = &mut self.form {
            *kid = Some(name.into());
        }
        self
    }

    /// The pause between two looks at the file; [`FILE_INTERVAL`] unless told,
    /// [`MIN_INTERVAL`](Self::MIN_INTERVAL) at least and [`MAX_LIFETIME`] at most.
    pub fn interval(self, interval: Duration) -> Self {
        Self {
            interval: interval.clamp(Self::MIN_INTERVAL, MAX_LIFETIME),
            ..self
        }
    }

    /// The pause between two looks for the sake of unknown keys; [`KEY_COOLDOWN`] unless
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

    /// Reads the file, and from then on does so in the background, until the task is
    /// dropped.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not sound.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with timers.
    pub fn spawn(self) -> Result<(Keys, KeysTask), KeySourceError> {
        let settings = Settings {
            source: self.path.display().to_string(),
            cooldown: self.cooldown,
            meter: self.meter.clone(),
        };
        let first = read(&self.path)?;
        task::start_with(self, settings, first)
    }
}

impl Origin for KeyFile {
    async fn fetch(&self, _: Option<&Validator>) -> Result<Fetched, KeySourceError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read(&path));
        let read = read.await.unwrap_or_else(|error| {
            Err(KeySourceError::File {
                path: self.path.clone(),
                error: io::Error::other(error),
            })
        });
        Ok(Fetched {
            document: Some(read?),
            pause: self.interval,
        })
    }

    fn read(&self, document: &[u8]) -> Result<(KeySet, Vec<VerifierError>), KeySourceError> {
        let keys = match &self.form {
            Form::Jwks => str::from_utf8(document)
                .map_err(|_| VerifierError::NotAKeySet("no UTF-8".to_owned()))
                .and_then(KeySet::from_jwks_json),
            Form::Pem { algorithm, kid } => Key::pem(*algorithm, document).map(|key| match kid {
                Some(kid) => key.kid(kid).into(),
                None => key.into(),
            }),
        };
        Ok((keys.map_err(KeySourceError::Keys)?, Vec::new()))
    }

    fn pause_after(&self, _: u32) -> Duration {
        self.interval
    }
}

fn read(path: &Path) -> Result<Document, KeySourceError> {
    let unreadable = |error| KeySourceError::File {
        path: path.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    let one_too_many = MAX_DOCUMENT_BYTES as u64 + 1;
    let file = File::open(path).map_err(unreadable)?;
    file.take(one_too_many)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(KeySourceError::TooLarge);
    }
    Ok(Document {
        bytes,
        validator: None,
    })
}
