//! Medians and percentiles.

/// 99.9 % of 1,000 is a little more than 999 in floating point.
const ROUNDING: f64 = 1e-9;

/// The middle one; of an even number, the lower of the two. Not a number when there are none.
pub(crate) fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50.0)
}

/// The smallest sample that so many percent do not exceed. Not a number when there are none.
pub(crate) fn percentile(samples: &[f64], percent: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the number of samples")]
    let rank = (percent / 100.0 * sorted.len() as f64 - ROUNDING).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{median, percentile};

    #[test]
    fn ranks() {
        let samples: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        assert_eq!(percentile(&samples, 99.0), 990.0);
        assert_eq!(percentile(&samples, 99.9), 999.0);
        assert_eq!(percentile(&samples, 100.0), 1000.0);
        assert_eq!(median(&samples), 500.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[]).is_nan());
    }
}
