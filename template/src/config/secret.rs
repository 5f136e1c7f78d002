use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A value that is never shown: neither in `Debug` nor when it is written out.
///
/// ```
/// use service::config::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert_eq!(serde_json::to_string(&secret).unwrap(), r#""***""#);
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, Debug, Deserialize)]
pub struct Secret(SecretString);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.into())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}
