use std::{net::IpAddr, num::NonZeroU32, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Faults, choice, list};

/// How clients are told apart, and how much one of them may ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clients {
    /// Networks of proxies that are believed when they name their clients, such as
    /// `10.0.0.0/8`; in the environment separated by commas. None by default.
    #[serde(deserialize_with = "networks")]
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

/// A client's share of a second is counted in whole nanoseconds.
const MOST_REQUESTS_PER_SECOND: u32 = 1_000_000_000;

impl Clients {
    pub(super) fn validate(&self, faults: &mut Faults) {
        let given = self.requests_per_second.map_or(0, NonZeroU32::get);
        if given > MOST_REQUESTS_PER_SECOND {
            let reason = format!(
                "must be at most {MOST_REQUESTS_PER_SECOND}; without a bound if it is not set"
            );
            faults.add("clients.requests_per_second", given, reason);
        }
    }
}

/// A network, or a single address.
struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no network: give one such as 10.0.0.0/8"))
    }
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let networks: Vec<Network> = list(deserializer)?;
    Ok(networks.into_iter().map(|Network(net)| net).collect())
}
