use std::{error::Error, fmt, io, path::PathBuf, time::Duration};

use http::StatusCode;

use super::MAX_DOCUMENT_BYTES;
use crate::jwt::VerifierError;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why keys cannot be had from where they come from. Each says what to do about it, and
/// none shows a document.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeySourceError {
    /// Keys must not come from this URL.
    Url {
        /// The URL, or as much of it as can be shown.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no HTTP client: a root certificate is malformed, or the system has none.
    Client(BoxError),
    /// The issuer cannot be reached, or broke off.
    Connection(BoxError),
    /// It took longer than this.
    Timeout(Duration),
    /// It leads elsewhere.
    Redirect,
    /// The answer is another than 200.
    Status(StatusCode),
    /// The document is larger than [`MAX_DOCUMENT_BYTES`].
    TooLarge,
    /// The discovery document is not sound.
    Discovery(&'static str),
    /// The file cannot be read.
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The keys are malformed, or can be taken for each other.
    Keys(VerifierError),
    /// No key is of use.
    NoKeys,
}

impl KeySourceError {
    /// As a label.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Url { .. } | Self::Discovery(_) => "discovery",
            Self::Client(_) | Self::Connection(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Redirect => "redirect",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::File { .. } => "file",
            Self::Keys(_) | Self::NoKeys => "keys",
        }
    }
}

impl fmt::Display for KeySourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, reason } => write!(f, "no keys are taken from {url:?}: {reason}"),
            Self::Client(_) => {
                f.write_str("there is no HTTP client: check the root certificates, or bring one")
            }
            Self::Connection(_) => {
                f.write_str("the issuer cannot be reached: check URL, network and certificate")
            }
            Self::Timeout(limit) => write!(
                f,
                "the keys were not there within {limit:?}: check the issuer, and the way to it"
            ),
            Self::Redirect => {
                f.write_str("the answer is a redirect: give the URL that it leads to")
            }
            Self::Status(status) => write!(f, "the answer is {status}: check URL and issuer"),
            Self::TooLarge => write!(
                f,
                "the document is larger than {MAX_DOCUMENT_BYTES} bytes: check what is there"
            ),
            Self::Discovery(reason) => {
                write!(f, "the discovery document is not sound: {reason}")
            }
            Self::File { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::Keys(_) => f.write_str("the keys are not sound"),
            Self::NoKeys => f.write_str(
                "there is no key of use: publish an asymmetric one to verify signatures with",
            ),
        }
    }
}

impl Error for KeySourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Client(error) | Self::Connection(error) => Some(&**error),
            Self::File { error, .. } => Some(error),
            Self::Keys(error) => Some(error),
            _ => None,
        }
    }
}
