//! A page of counters whose names and labels are text already.

/// The lines of one family.
pub struct Page {
    series: Vec<(String, u64)>,
    bytes: usize,
}

impl Page {
    /// Each series by all that its line holds before the value.
    pub fn new(series: Vec<(String, u64)>) -> Self {
        let mut page = Self { series, bytes: 0 };
        page.bytes = page.render().len();
        page
    }

    pub fn render(&self) -> String {
        let mut text = String::with_capacity(self.bytes);
        text.push_str("# TYPE sold_total counter\n");
        let mut digits = itoa::Buffer::new();
        for (prefix, value) in &self.series {
            text.push_str(prefix);
            text.push_str(digits.format(*value));
            text.push('\n');
        }
        text
    }
}
