use std::time::{SystemTime, UNIX_EPOCH};

use super::{Format, exemplar::ExemplarSlot, family::About, labels};

/// What the lines of one series have in common.
pub(super) struct Sample<'a> {
    /// Of the family, without a suffix.
    pub(super) name: &'a str,
    /// `name="value",name="value"`, or nothing.
    pub(super) labels: &'a str,
    /// When the series was born, if that is told.
    pub(super) created: Option<&'a str>,
}

/// An exposition that is being written.
pub(super) struct Page {
    format: Format,
    text: String,
    number: itoa::Buffer,
}

impl Page {
    pub(super) fn new(format: Format, capacity: usize) -> Self {
        Self {
            format,
            text: String::with_capacity(capacity),
            number: itoa::Buffer::new(),
        }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// What is said of a family before its series.
    pub(super) fn family(&mut self, about: &About) {
        let is_open_metrics = self.format == Format::OpenMetrics;
        let (name, kind) = (about.name.as_str(), about.kind.as_str());
        // OpenMetrics names the family, the text format what it consists of.
        let suffix = if about.kind.is_counter() && !is_open_metrics {
            "_total"
        } else {
            ""
        };
        if !about.help.is_empty() {
            self.push(&["# HELP ", name, suffix, " "]);
            labels::escape(&about.help, is_open_metrics, &mut self.text);
            self.push(&["\n"]);
        }
        self.push(&["# TYPE ", name, suffix, " ", kind, "\n"]);
        if let Some(unit) = about.unit.as_deref().filter(|_| is_open_metrics) {
            self.push(&["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    /// What is known of the process: section "Resource Attributes" of the
    /// specification.
    pub(super) fn target_info(&mut self, labels: &str) {
        let (name, kind) = match self.format {
            Format::OpenMetrics => ("target", "info"),
            Format::Text => ("target_info", "gauge"),
        };
        self.push(&[
            "# HELP ",
            name,
            " Target metadata\n# TYPE ",
            name,
            " ",
            kind,
        ]);
        self.push(&["\ntarget_info{", labels, "} 1\n"]);
    }

    /// Name and labels of a line; its value comes next.
    pub(super) fn start(&mut self, sample: &Sample<'_>, suffix: &str) {
        self.push(&[sample.name, suffix]);
        if sample.labels.is_empty() {
            self.push(&[" "]);
        } else {
            self.push(&["{", sample.labels, "} "]);
        }
    }

    pub(super) fn start_bucket(&mut self, sample: &Sample<'_>, end: &str) {
        let comma = if sample.labels.is_empty() { "" } else { "," };
        self.push(&[
            sample.name,
            "_bucket{",
            sample.labels,
            comma,
            "le=\"",
            end,
            "\"} ",
        ]);
    }

    pub(super) fn end(&mut self) {
        self.text.push('\n');
    }

    /// Ends a line that may have an exemplar.
    pub(super) fn end_with(&mut self, slot: &ExemplarSlot) {
        if self.format == Format::OpenMetrics
            && let Some(exemplar) = slot.show()
        {
            self.push(&[" # {trace_id=\""]);
            self.hexadecimal(&exemplar.trace_id.to_bytes());
            self.push(&["\",span_id=\""]);
            self.hexadecimal(&exemplar.span_id.to_bytes());
            self.push(&["\"} "]);
            self.number(exemplar.value);
            self.text.push(' ');
            self.timestamp(exemplar.time);
        }
        self.end();
    }

    /// When the series was born, for who can tell that from a value.
    pub(super) fn created(&mut self, sample: &Sample<'_>) {
        if self.format == Format::OpenMetrics
            && let Some(created) = sample.created
        {
            self.start(sample, "_created");
            self.push(&[created, "\n"]);
        }
    }

    pub(super) fn unsigned(&mut self, value: u64) {
        self.text.push_str(self.number.format(value));
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.text.push_str(self.number.format(value));
    }

    /// The shortest text that is read as this value.
    pub(super) fn number(&mut self, value: f64) {
        /// All integers below are floats.
        const EXACT: f64 = (1_u64 << 53) as f64;
        if value.abs() < EXACT && value.fract() == 0.0 {
            self.signed(value as i64);
        } else if value.is_finite() {
            self.text.push_str(zmij::Buffer::new().format_finite(value));
        } else if value.is_nan() {
            self.push(&["NaN"]);
        } else {
            self.push(&[if value > 0.0 { "+Inf" } else { "-Inf" }]);
        }
    }

    fn hexadecimal<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.text
            .push_str(const_hex::Buffer::<N>::new().format(bytes));
    }

    /// Seconds since 1970, to the millisecond.
    fn timestamp(&mut self, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.unsigned(since.as_secs());
        // The first of four digits gives way to the point, and the others keep their zeros.
        let thousandths = self.number.format(1000 + since.subsec_millis());
        self.text.push('.');
        self.text.push_str(&thousandths[1..]);
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.push(&["# EOF\n"]);
        }
        self.text
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

/// Seconds since 1970, to the millisecond.
pub(super) fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}", since.as_secs(), since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: f64) -> String {
        let mut page = Page::new(Format::Text, 0);
        page.number(value);
        page.finish()
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1e-9, "1e-9"),
            (1e300, "1e+300"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(value), text);
        }
    }
}
