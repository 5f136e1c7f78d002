//! The middle of many measurements, and how far they lie apart.

/// Median and quartiles: half of all measurements lie between `low` and `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// Of what each measurement is more than its base in the same round. One that
    /// is not a number was not taken.
    pub fn over(values: &[f64], base: Option<&[f64]>) -> Self {
        let mut over: Vec<f64> = match base {
            Some(base) => values.iter().zip(base).map(|(v, base)| v - base).collect(),
            None => values.to_vec(),
        };
        over.retain(|value| !value.is_nan());
        over.sort_by(f64::total_cmp);
        let at = |quantile: f64| {
            let index = quantile * over.len().saturating_sub(1) as f64;
            over.get(index.round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Self {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_all_lies_between_the_quartiles() {
        let spread = Spread::over(&[5.0, 1.0, 4.0, 2.0, 3.0], None);
        let expected = Spread {
            low: 2.0,
            median: 3.0,
            high: 4.0,
        };
        assert_eq!(spread, expected);
    }

    #[test]
    fn what_was_not_taken_does_not_count() {
        let spread = Spread::over(&[2.0, f64::NAN, 5.0], Some(&[1.0, 1.0, f64::NAN]));
        assert_eq!(spread.median, 1.0);
        assert_eq!(spread.high, 1.0);
    }

    #[test]
    fn what_hurts_a_round_hurts_its_base_too() {
        let quiet_and_noisy = Spread::over(&[30.0, 130.0], Some(&[10.0, 110.0]));
        assert_eq!(quiet_and_noisy.low, 20.0);
        assert_eq!(quiet_and_noisy.high, 20.0);
    }
}
