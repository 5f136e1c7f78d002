//! Reading the page of metrics.

/// The sum of the series that begin so and have this label.
pub fn sum(page: &str, beginning: &str, label: &str) -> f64 {
    let lines = page.lines();
    let lines = lines.filter(|line| line.starts_with(beginning) && line.contains(label));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_that_begin_alike_are_added_up() {
        let page = "# TYPE a_total counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3.5\nb 4\n";
        assert_eq!(sum(page, "a_total{", ""), 5.5);
        assert_eq!(sum(page, "a_total{", "x=\"2\""), 3.5);
        assert_eq!(sum(page, "c", ""), 0.0);
    }
}
