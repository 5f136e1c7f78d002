use std::{fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    Faults, list,
    otlp::{NO_RATIO, is_ratio},
};

/// Which traces that begin here are sampled, beyond what `OTEL_TRACES_SAMPLER` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// The ratio of all routes that have none of their own, from 0 to 1. If it is not
    /// set, what `OTEL_TRACES_SAMPLER` says.
    pub ratio: Option<f64>,
    /// Ratios of single routes, such as `GET /api/v1/items=0.01`; in the
    /// environment separated by commas.
    #[serde(deserialize_with = "list")]
    pub route_ratios: Vec<RouteRatio>,
    /// The most that are sampled a second; without a limit if it is not set.
    pub limit_per_second: Option<NonZeroU32>,
}

impl Traces {
    pub(super) fn validate(&self, faults: &mut Faults) {
        if let Some(ratio) = self.ratio.filter(|ratio| !is_ratio(ratio)) {
            faults.add("traces.ratio", ratio, NO_RATIO);
        }
    }
}

/// How many of a route's traces are sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteRatio {
    /// Method and template, which is the span's name: `GET /api/v1/items/{id}`.
    pub route: String,
    /// From 0 (never) to 1 (always).
    pub ratio: f64,
}

impl FromStr for RouteRatio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=').filter(|(route, _)| is_route(route));
        let Some((route, ratio)) = parts else {
            return Err(format!(
                "`{text}` must be a method, a route and a ratio, such as `GET /api/v1/items=0.01`"
            ));
        };
        match ratio.parse().ok().filter(is_ratio) {
            Some(ratio) => Ok(Self {
                route: route.to_owned(),
                ratio,
            }),
            None => Err(format!("`{ratio}` {NO_RATIO}")),
        }
    }
}

fn is_route(text: &str) -> bool {
    let parts = text.split_once(' ');
    parts.is_some_and(|(method, path)| {
        path.starts_with('/') && method.bytes().all(|byte| byte.is_ascii_uppercase())
    })
}

impl fmt::Display for RouteRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.route, self.ratio)
    }
}

impl Serialize for RouteRatio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
