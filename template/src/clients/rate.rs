use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use axum_chassis::trace::ClientAddress;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::{
    config::Clients,
    limits::Limit,
    reload::Live,
    step::{Rest, Step},
};

/// draft-ietf-httpapi-ratelimit-headers-10 sections 3 and 4.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many clients are remembered. Beyond that those who ask seldom are forgotten,
/// and begin anew: memory has a bound, whoever asks.
const MAX_CLIENTS: usize = 100_000;

/// The rate limit that is configured at present.
#[derive(Clone)]
pub(crate) struct RateLimits(watch::Receiver<Option<RateLimit>>);

impl RateLimits {
    /// Takes over new settings while the service runs. Then every client begins anew.
    pub(crate) fn follow(mut live: Live) -> Self {
        let (limit, current) = watch::channel(live.read(|config| RateLimit::new(&config.clients)));
        tokio::spawn(async move {
            while let Some(loaded) = live.changed().await {
                let new = RateLimit::new(&loaded.config.clients);
                limit.send_if_modified(|limit| {
                    let is_new = quota(limit) != quota(&new);
                    if is_new {
                        *limit = new;
                    }
                    is_new
                });
            }
        });
        Self(current)
    }

    fn current(&self) -> Option<RateLimit> {
        self.0.borrow().clone()
    }
}

fn quota(limit: &Option<RateLimit>) -> Option<Quota> {
    limit.as_ref().map(|limit| limit.quota)
}

/// How much each client may ask: so many requests a second in the long run, and a
/// burst at once.
#[derive(Clone)]
struct RateLimit {
    quota: Quota,
    policy: HeaderValue,
    clients: Arc<Cache<IpAddr, Arc<Bucket>>>,
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

impl RateLimit {
    /// None if clients may ask as much as they like.
    fn new(clients: &Clients) -> Option<Self> {
        let per_second = clients.requests_per_second?;
        let quota = Quota::per_second(per_second).allow_burst(clients.request_burst);
        let window = refill_seconds(quota, clients.request_burst.get());
        let policy = format!("\"client\";q={};w={window}", clients.request_burst);
        Some(Self {
            quota,
            policy: HeaderValue::try_from(policy).ok()?,
            clients: Arc::new(Cache::new(MAX_CLIENTS)),
        })
    }

    /// How many requests the client may still send now, or how long it has to wait.
    fn check(&self, client: IpAddr) -> Result<u32, Duration> {
        let bucket = || Ok::<_, Duration>(Arc::new(self.bucket()));
        let bucket = self.clients.get_or_insert_with(&network(client), bucket)?;
        match bucket.check() {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(DefaultClock::default().now())),
        }
    }

    fn bucket(&self) -> Bucket {
        RateLimiter::direct(self.quota).with_middleware()
    }

    fn tell(&self, response: &mut Response, remaining: u32) {
        let burst = self.quota.burst_size().get();
        let reset = refill_seconds(self.quota, burst.saturating_sub(remaining));
        let state = format!("\"client\";r={remaining};t={reset}");
        let headers = response.headers_mut();
        headers.insert(RATELIMIT_POLICY, self.policy.clone());
        headers.extend(
            HeaderValue::try_from(state)
                .ok()
                .map(|state| (RATELIMIT, state)),
        );
    }
}

/// Whole seconds until so many requests are allowed again.
fn refill_seconds(quota: Quota, requests: u32) -> u64 {
    let time = quota.replenish_interval() * requests;
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Whoever has an IPv6 address has the 2⁶⁴ of its network (RFC 6177).
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & (u128::MAX << 64);
            Ipv6Addr::from(prefix).into()
        }
    }
}

/// Lets a request pass, and tells its client how many more may follow; or answers 429.
impl Step for RateLimits {
    type Rest = Option<Remaining>;

    fn before(&self, request: &Request) -> Result<Option<Remaining>, Response> {
        let client = request.extensions().get();
        let (Some(&ClientAddress(client)), Some(limit)) = (client, self.current()) else {
            return Ok(None);
        };
        match limit.check(client) {
            Ok(requests) => Ok(Some(Remaining { limit, requests })),
            Err(wait) => {
                let mut response = Limit::Rate.refuse(StatusCode::TOO_MANY_REQUESTS, wait);
                limit.tell(&mut response, 0);
                Err(response)
            }
        }
    }
}

/// How many requests of its client may follow.
pub(crate) struct Remaining {
    limit: RateLimit,
    requests: u32,
}

impl Rest for Remaining {
    fn after(self, response: &mut Response) {
        self.limit.tell(response, self.requests);
    }
}
