use std::time::Duration;

use super::{MAX_RETRY, MIN_RETRY};

/// The pause after so many failures in a row: doubled each time, and shortened by up to
/// half, so that many replicas do not come back at once.
pub(super) fn after_failures(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let pause = (MIN_RETRY * (1 << doublings)).min(MAX_RETRY);
    pause.mul_f64(between(0.5, 1.0))
}

/// When to fetch keys again that are fresh for so long: while there is time to fail.
pub(super) fn ahead_of(lifetime: Duration) -> Duration {
    lifetime.mul_f64(between(0.75, 0.9))
}

fn between(low: f64, high: f64) -> f64 {
    low + (high - low) * fastrand::f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_differ() {
        for (failures, longest) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (u32::MAX, 60)] {
            let longest = Duration::from_secs(longest);
            for _ in 0..100 {
                let pause = after_failures(failures);
                assert!(
                    (longest / 2..=longest).contains(&pause),
                    "{failures}: {pause:?}"
                );
            }
        }
        let pauses: std::collections::HashSet<_> = (0..100).map(|_| after_failures(7)).collect();
        assert!(pauses.len() > 10);
    }
}
