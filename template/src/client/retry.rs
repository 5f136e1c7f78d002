use std::time::{Duration, Instant, SystemTime};

use axum::http::{HeaderMap, Request, StatusCode, header::RETRY_AFTER};
use tower::{
    retry::budget::{Budget, TpsBudget},
    util::rng::{HasherRng, Rng},
};

use super::{CallError, Outcome};
use crate::{config, idempotency::IDEMPOTENCY_KEY};

/// For how long a call lets others be repeated.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// When a call is repeated, and how often all calls may be.
pub(super) struct Retries {
    budget: TpsBudget,
    max: u32,
    backoff: Duration,
    max_backoff: Duration,
}

impl Retries {
    pub(super) fn new(bounds: &config::Client) -> Self {
        let share = bounds.retry_budget_percent as f32 / 100.0;
        let reserve = bounds.retry_reserve_per_second;
        Self {
            budget: TpsBudget::new(BUDGET_WINDOW, reserve, share),
            max: bounds.max_retries,
            backoff: bounds.backoff,
            max_backoff: bounds.max_backoff,
        }
    }

    /// A call adds its share to the budget.
    pub(super) fn deposit(&self) {
        self.budget.deposit();
    }

    /// Whether the budget has enough for one repetition, which it then pays for.
    pub(super) fn withdraw(&self) -> bool {
        self.budget.withdraw()
    }

    /// How long to wait before the request is repeated, if it may be.
    pub(super) fn wait<B>(
        &self,
        request: &Request<B>,
        outcome: &Outcome,
        resends: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        if resends >= self.max || !is_repeatable(request) || !is_passing(outcome) {
            return None;
        }
        let asked = outcome.as_ref().ok();
        let asked = asked.and_then(|answer| retry_after(answer.headers(), SystemTime::now()));
        let wait = match asked {
            // To come back earlier would help neither side.
            Some(asked) if asked > self.max_backoff => return None,
            Some(asked) => asked,
            None => self.jitter(resends),
        };
        (Instant::now() + wait < deadline).then_some(wait)
    }

    /// Anything from nothing to the bound: clients that failed together do not come
    /// back together.
    fn jitter(&self, resends: u32) -> Duration {
        let bound = self.backoff.saturating_mul(2_u32.saturating_pow(resends));
        let bound = bound.min(self.max_backoff);
        bound.mul_f64(HasherRng::default().next_f64().clamp(0.0, 1.0))
    }
}

/// Whether to do it twice is to do it once.
fn is_repeatable<B>(request: &Request<B>) -> bool {
    request.method().is_idempotent() || request.headers().contains_key(IDEMPOTENCY_KEY)
}

/// Whether the same may well succeed a moment later.
fn is_passing(outcome: &Outcome) -> bool {
    match outcome {
        Ok(answer) => matches!(
            answer.status(),
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
        Err(CallError::Failed(_)) => true,
        Err(CallError::CircuitOpen | CallError::TimedOut | CallError::TooLong) => false,
    }
}

/// Whether the other service works, as far as the circuit is concerned.
pub(super) fn is_healthy(outcome: &Outcome) -> bool {
    outcome
        .as_ref()
        .is_ok_and(|answer| !answer.status().is_server_error())
}

/// RFC 9110 section 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use axum::{body::Bytes, http::Response};
    use proptest::prelude::*;

    use super::*;

    fn retries() -> Retries {
        Retries::new(&config::Client::default())
    }

    fn answered(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut answer = Response::builder().status(status);
        if let Some(value) = retry_after {
            answer = answer.header(RETRY_AFTER, value);
        }
        Ok(answer.body(Bytes::new()).unwrap())
    }

    fn wait(request: &Request<()>, outcome: &Outcome) -> Option<Duration> {
        let deadline = Instant::now() + Duration::from_secs(60);
        retries().wait(request, outcome, 0, deadline)
    }

    #[test]
    fn a_post_is_repeated_only_with_a_key() {
        let failed = answered(503, None);
        let post = Request::post("/").body(()).unwrap();
        assert_eq!(wait(&post, &failed), None);
        let keyed = Request::post("/").header(IDEMPOTENCY_KEY, "\"k\"").body(());
        assert!(wait(&keyed.unwrap(), &failed).is_some());
        assert!(wait(&Request::put("/").body(()).unwrap(), &failed).is_some());
    }

    #[test]
    fn only_what_may_pass_is_repeated() {
        let get = Request::get("/").body(()).unwrap();
        for (status, repeated) in [(429, true), (502, true), (503, true), (504, true)]
            .into_iter()
            .chain([200, 304, 400, 404, 500, 501].map(|status| (status, false)))
        {
            let wait = wait(&get, &answered(status, None));
            assert_eq!(wait.is_some(), repeated, "{status}");
        }
    }

    #[test]
    fn the_server_says_when_up_to_a_bound() {
        let get = Request::get("/").body(()).unwrap();
        let asked = |value| wait(&get, &answered(503, Some(value)));
        assert_eq!(asked("1"), Some(Duration::from_secs(1)));
        assert_eq!(asked("0"), Some(Duration::ZERO));
        assert_eq!(asked("3600"), None);
        // Long ago: at once.
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("Fri, 31 Dec 9999 23:59:59 GMT"), None);
        assert!(asked("soon").unwrap() <= config::Client::default().backoff);
    }

    #[test]
    fn no_wait_goes_beyond_the_deadline() {
        let get = Request::get("/").body(()).unwrap();
        let outcome = answered(503, Some("1"));
        let deadline = Instant::now() + Duration::from_millis(500);
        assert_eq!(retries().wait(&get, &outcome, 0, deadline), None);
    }

    proptest! {
        #[test]
        fn the_wait_is_random_below_a_bound_that_doubles(resends in 0_u32..64) {
            let Retries { backoff, max_backoff, .. } = retries();
            let bound = backoff.saturating_mul(2_u32.saturating_pow(resends)).min(max_backoff);
            let waits: Vec<_> = (0..32).map(|_| retries().jitter(resends)).collect();
            prop_assert!(waits.iter().all(|wait| *wait <= bound));
            prop_assert!(waits.iter().any(|wait| *wait < bound / 2));
            prop_assert!(waits.iter().any(|wait| *wait > bound / 2));
        }
    }
}
