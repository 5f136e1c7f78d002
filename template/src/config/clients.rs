use std::num::NonZeroU32;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{choice, list};

/// How clients are told apart, and how much one of them may ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clients {
    /// Networks of proxies that are believed when they name their clients, such as
    /// `10.0.0.0/8`; in the environment separated by commas. None by default.
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they do. The other one is ignored: a client may have sent it.
    #[serde(deserialize_with = "choice")]
    pub forwarded_by: ForwardedBy,
    /// Requests that a client may send in the long run; above it 429. Without a bound
    /// if it is not set.
    pub requests_per_second: Option<NonZeroU32>,
    /// How many of them may come at once.
    pub request_burst: NonZeroU32,
}

/// A header in which a proxy names its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// A list of addresses, each proxy's at the end.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            forwarded_by: ForwardedBy::default(),
            requests_per_second: None,
            request_burst: NonZeroU32::MIN.saturating_add(99),
        }
    }
}
