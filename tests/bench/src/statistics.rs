//! Medians, and how far the rest lies from them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at =
            |share: f64| values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99) }
    }
}

/// The median of a few rounds, with the least and the most of them.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Rounds {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Rounds {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) && middle > 0 { (at(middle - 1) + at(middle)) / 2.0 } else { at(middle) };
        Self { median, least: at(0), most: at(values.len().saturating_sub(1)) }
    }

    /// The median, with half the way from the least to the most as its part.
    pub(crate) fn cell(&self, digits: usize) -> String {
        let spread = (self.most - self.least) / 2.0 / self.median * 100.0;
        if spread.is_finite() && spread >= 0.5 {
            format!("{:.digits$} ±{spread:.0} %", self.median)
        } else {
            format!("{:.digits$}", self.median)
        }
    }
}

/// Ratios round by round, because both sides of a round met the same moment of the machine.
pub(crate) fn ratios(of: &[f64], to: &[f64]) -> Rounds {
    Rounds::of(of.iter().zip(to).map(|(a, b)| a / b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_rounds_is_in_their_middle() {
        assert_eq!(Rounds::of([3.0, 1.0, 2.0]).median, 2.0);
        assert_eq!(Rounds::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(ratios(&[2.0, 4.0], &[1.0, 2.0]).cell(1), "2.0");
        assert_eq!(Spread::of((1..=100).map(f64::from).collect()).p99, 100.0);
    }
}
