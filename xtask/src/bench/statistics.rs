//! Medians, and how far figures spread.

/// The median; the mean of the middle two of an even number.
///
/// # Panics
/// If there are none.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// The least and the largest.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let outside = (f64::INFINITY, f64::NEG_INFINITY);
    values
        .into_iter()
        .fold(outside, |(least, most), value| (least.min(value), most.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_median() {
        assert_eq!(median([9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn a_range_holds_all() {
        assert_eq!(range([2.0, 1.0, 3.0]), (1.0, 3.0));
    }
}
