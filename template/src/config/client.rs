use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Faults, Secret, web_address};

/// The bounds of calls to other services.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// Time for a connection, TLS included.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Time from one piece of an answer to the next.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// Time for a call as a whole: all attempts, and the body of the answer.
    #[serde(with = "humantime_serde")]
    pub call_timeout: Duration,
    /// The largest body of an answer, in bytes.
    pub response_limit_bytes: usize,
    /// How often one call is repeated at most.
    pub max_retries: u32,
    /// How many of 100 calls may be repeated.
    pub retry_budget_percent: u32,
    /// Repetitions a second that there may be beside that, when calls are few.
    pub retry_reserve_per_second: u32,
    /// The longest wait before the first repetition; it doubles with each.
    #[serde(with = "humantime_serde")]
    pub backoff: Duration,
    /// The longest wait, also where `Retry-After` asks for one: beyond it a call is
    /// not repeated.
    #[serde(with = "humantime_serde")]
    pub max_backoff: Duration,
    /// Failures in a row after which no call is made for a while.
    pub circuit_failures: u32,
    /// How long that is; then one call is tried.
    #[serde(with = "humantime_serde")]
    pub circuit_open: Duration,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(2),
            call_timeout: Duration::from_secs(5),
            response_limit_bytes: 1024 * 1024,
            max_retries: 2,
            retry_budget_percent: 10,
            retry_reserve_per_second: 1,
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            circuit_failures: 5,
            circuit_open: Duration::from_secs(5),
        }
    }
}

impl Client {
    pub(super) fn validate(&self, faults: &mut Faults) {
        for (field, time) in [
            ("client.connect_timeout", self.connect_timeout),
            ("client.read_timeout", self.read_timeout),
            ("client.call_timeout", self.call_timeout),
            ("client.circuit_open", self.circuit_open),
        ] {
            if time.is_zero() {
                faults.add(field, "0s", "must be longer than nothing, such as 2s");
            }
        }
        for (field, given, most) in [
            ("client.max_retries", self.max_retries, 10),
            (
                "client.retry_budget_percent",
                self.retry_budget_percent,
                100,
            ),
            (
                "client.retry_reserve_per_second",
                self.retry_reserve_per_second,
                1000,
            ),
        ] {
            if given > most {
                faults.add(field, given, format!("must be at most {most}"));
            }
        }
        if self.circuit_failures == 0 {
            faults.add("client.circuit_failures", 0, "must be 1 or more");
        }
    }
}

/// Who is told of new items.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// Where to, such as `https://example.com/hooks/items`; nobody if it is not set.
    pub url: Option<Secret>,
}

impl Webhook {
    pub(super) fn validate(&self, faults: &mut Faults) {
        web_address("webhook.url", self.url.as_ref(), faults);
    }
}
