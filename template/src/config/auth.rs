use std::{collections::BTreeMap, time::Duration};

use axum_chassis::jwt::{DEFAULT_CACHED_BYTES, DEFAULT_CACHED_TOKENS, MAX_LEEWAY, VerifierError};
use humantime_serde::re::humantime::format_duration;
use serde::{Deserialize, Serialize};

use super::{Faults, Issuer, Profile};

/// Which tokens are accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Whose tokens are good, each by a name of yours: `auth.issuers.main.audience`.
    pub issuers: BTreeMap<String, Issuer>,
    /// By how much the clocks of issuer and service may differ; 5 minutes at most.
    #[serde(with = "humantime_serde")]
    pub leeway: Duration,
    /// Good tokens that are remembered, so that the next request with one need not
    /// have its signature checked; 0 remembers none.
    pub cached_tokens: usize,
    /// Memory that they may take, in bytes, the tokens themselves included; beyond it those
    /// that come seldom are forgotten.
    pub cache_limit_bytes: usize,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            issuers: BTreeMap::new(),
            leeway: Duration::from_secs(30),
            cached_tokens: DEFAULT_CACHED_TOKENS,
            cache_limit_bytes: DEFAULT_CACHED_BYTES,
        }
    }
}

impl Auth {
    pub(super) fn validate(&self, profile: Profile, faults: &mut Faults) {
        if self.issuers.is_empty() {
            let reason = "must name one at least, such as auth.issuers.main: which tokens are accepted is never guessed";
            faults.add_hidden("auth.issuers", reason);
        }
        if self.leeway > MAX_LEEWAY {
            let given = format_duration(self.leeway);
            faults.add("auth.leeway", given, VerifierError::LeewayTooLong);
        }
        for (name, issuer) in &self.issuers {
            issuer.validate(&format!("auth.issuers.{name}"), profile, faults);
        }
        self.validate_names(faults);
    }

    /// A token says who has issued it, and not by which of two names here.
    fn validate_names(&self, faults: &mut Faults) {
        let mut known = BTreeMap::new();
        for (name, Issuer { issuer, .. }) in &self.issuers {
            if let Some(first) = known.insert(issuer, name).filter(|_| !issuer.is_empty()) {
                let reason = format!("is that of auth.issuers.{first}, too: leave one of them");
                faults.add(&format!("auth.issuers.{name}.issuer"), issuer, reason);
            }
        }
    }
}
