use std::{sync::Mutex, time::Duration};

/// How long requests took.
#[derive(Debug, Default)]
pub struct Times(Mutex<Vec<Duration>>);

impl Times {
    pub fn took(&self, time: Duration) {
        self.locked(|times| times.push(time));
    }

    /// Those so far; it begins anew.
    pub fn take(&self) -> Self {
        Self(Mutex::new(self.locked(std::mem::take)))
    }

    pub fn add(&self, others: Self) {
        let mut others = others.take_all();
        self.locked(|times| times.append(&mut others));
    }

    /// Seconds that 99 of 100 took at most; of none it is no number.
    pub fn p99(&self) -> f64 {
        self.locked(|times| {
            times.sort_unstable();
            let place = times.len() * 99 / 100;
            times.get(place).map_or(f64::NAN, Duration::as_secs_f64)
        })
    }

    /// What the longest of them took.
    pub fn longest(&self) -> Duration {
        self.locked(|times| times.iter().max().copied().unwrap_or_default())
    }

    fn take_all(self) -> Vec<Duration> {
        self.locked(std::mem::take)
    }

    fn locked<T>(&self, with: impl FnOnce(&mut Vec<Duration>) -> T) -> T {
        with(&mut self.0.lock().expect("nobody panics with it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_may_take_longer() {
        let times = Times::default();
        for milliseconds in (1..=200).rev() {
            times.took(Duration::from_millis(milliseconds));
        }
        assert_eq!(times.p99(), 0.199);
        assert_eq!(times.longest(), Duration::from_millis(200));
        assert_eq!(times.take().p99(), 0.199);
        assert!(times.p99().is_nan());
    }
}
