//! What the service can be told, typed and checked before anything starts.
//!
//! Four sources, each over the one before: the defaults below, the profile's
//! own (`development.toml`), the TOML file that `APP_CONFIG_FILE` names, and the
//! environment (`APP_HTTP__ADDRESS` is `http.address`). Keys that do not exist
//! are refused, and all faults are reported at once.
//!
//! ```
//! use service::config::{Config, Environment};
//!
//! let environment = Environment::from_iter([("APP_PROFILE", "development")]);
//! let loaded = Config::load(&environment).unwrap();
//! assert_eq!(loaded.config.http.request_timeout.as_secs(), 10);
//! ```

mod audit;
mod auth;
mod change;
mod client;
mod clients;
mod environment;
mod faults;
mod flags;
mod http;
mod http2;
mod idempotency;
mod issuer;
mod load;
mod log;
mod operations;
mod otlp;
mod reload;
mod report;
mod runtime;
mod secret;
mod shutdown;
#[cfg(test)]
mod tests;
mod tls;
mod traces;

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use axum::http::Uri;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, IntoDeserializer, value::StringDeserializer},
};

pub(crate) use self::log::log_filter;
pub use self::{
    audit::Audit,
    auth::Auth,
    change::Change,
    client::{Client, Webhook},
    clients::{Clients, ForwardedBy},
    environment::Environment,
    faults::Faults,
    flags::Flags,
    http::Http,
    http2::Http2,
    idempotency::Idempotency,
    issuer::{Issuer, KeySource, KeysError},
    load::Loaded,
    log::{FilterError, Format, Log},
    operations::Operations,
    otlp::{HeadSampler, Otlp},
    reload::Reload,
    runtime::Runtime,
    secret::Secret,
    shutdown::Shutdown,
    tls::{ClientCertificates, Tls},
    traces::{RouteRatio, Traces},
};
use crate::store;

/// The whole configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `production`, or `development` with its own defaults, a token mint and
    /// the API's documentation.
    #[serde(deserialize_with = "choice")]
    pub profile: Profile,
    /// The public listener and its limits.
    pub http: Http,
    /// What one HTTP/2 connection may do.
    pub http2: Http2,
    /// The public listener's certificate, if it speaks TLS itself.
    pub tls: Tls,
    /// How clients are told apart, and how much one may ask.
    pub clients: Clients,
    /// The private listener: probes and metrics.
    pub operations: Operations,
    /// Which tokens are accepted.
    pub auth: Auth,
    /// Where the data lives.
    pub store: store::Config,
    /// For how long answers are kept for requests that are sent again.
    pub idempotency: Idempotency,
    /// The bounds of calls to other services.
    pub client: Client,
    /// Who is told of new items.
    pub webhook: Webhook,
    /// What can be switched while the service runs.
    pub flags: Flags,
    /// When this configuration is read again.
    pub reload: Reload,
    /// The threads that requests run on.
    pub runtime: Runtime,
    /// The deadlines of the way down.
    pub shutdown: Shutdown,
    /// What is logged, and how.
    pub log: Log,
    /// Where it is written who has changed what.
    pub audit: Audit,
    /// Which traces are sampled.
    pub traces: Traces,
    /// Where telemetry is sent, by the standard `OTEL_*` variables alone.
    #[serde(skip)]
    pub otlp: Otlp,
}

/// What the service is run for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Nothing is convenient that is not also safe.
    #[default]
    Production,
    /// On a developer's machine.
    Development,
}

impl Config {
    /// Reads all sources and checks the whole.
    ///
    /// # Errors
    ///
    /// All faults at once, each with its key, its source and the remedy.
    pub fn load(environment: &Environment) -> Result<Loaded, Faults> {
        load::load(environment)
    }

    /// Where the private listener of a running service is, whatever else is wrong by now with
    /// the sources: it goes on with the last good ones.
    pub fn operations_address(environment: &Environment) -> SocketAddr {
        let (config, _) = load::read(environment, &mut Faults::default());
        config.operations.address
    }

    fn validate(&self, faults: &mut Faults) {
        self.http.validate(faults);
        self.http2.validate(faults);
        self.tls.validate(faults);
        self.clients.validate(faults);
        self.operations.validate(faults);
        self.auth.validate(self.profile, faults);
        self.store.validate(faults);
        self.idempotency.validate(faults);
        self.client.validate(faults);
        self.webhook.validate(faults);
        self.shutdown.validate(&self.http, faults);
        self.log.validate(faults);
        self.traces.validate(faults);
    }
}

/// A time-out of nothing would let nothing pass.
pub(crate) fn some_time(field: &str, timeout: Duration, faults: &mut Faults) {
    if timeout.is_zero() {
        faults.add(field, "0s", "must be longer than nothing, such as 5s");
    }
}

/// Where another service is, by HTTP. There may be a secret in it: it is not shown.
pub(crate) fn web_address(field: &str, url: Option<&Secret>, faults: &mut Faults) {
    let Some(url) = url else { return };
    let parsed = url::Url::parse(url.expose()).ok();
    let leads = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // A request takes it to the letter: it mends no blanks, as a browser does.
    let leads = leads.filter(|_| url.expose().parse::<Uri>().is_ok());
    match leads {
        None => {
            let reason = "is no address of the web, such as https://example.com/hooks/items";
            faults.add_hidden(field, reason);
        }
        // RFC 9110 section 4.2.4.
        Some(url) if !url.username().is_empty() || url.password().is_some() => {
            let reason = "names a user, which is not sent: leave out all before the @, and have \
                          the path or the query tell who asks";
            faults.add_hidden(field, reason);
        }
        Some(_) => {}
    }
}

/// One of the values of an enum; if it is none, the fault names them all.
fn choice<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let value: StringDeserializer<de::value::Error> = text.into_deserializer();
    T::deserialize(value).map_err(de::Error::custom)
}

/// A list as TOML has it, or as the environment must: separated by commas.
fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    struct List;

    impl<'de> de::Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            let items = text.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            Ok(items.map(str::to_owned).collect())
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                list.push(item);
            }
            Ok(list)
        }
    }

    let items = deserializer.deserialize_any(List)?;
    let items = items.iter().map(|item| item.parse());
    items.collect::<Result<_, _>>().map_err(de::Error::custom)
}
