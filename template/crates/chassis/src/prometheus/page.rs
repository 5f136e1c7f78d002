use opentelemetry::{SpanId, TraceId};

use super::{Format, exemplar::ExemplarSlot, family::About, labels, milliseconds::Milliseconds};

/// What the lines of one series have in common.
pub(super) struct Sample<'a> {
    /// Of the family, without a suffix.
    pub(super) name: &'a str,
    /// `name="value",name="value"`, or nothing.
    pub(super) labels: &'a str,
    /// The line of when the series was born, if that is told.
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
            self.push(["# HELP ", name, suffix, " "]);
            labels::escape(&about.help, is_open_metrics, &mut self.text);
            self.push(["\n"]);
        }
        self.push(["# TYPE ", name, suffix, " ", kind, "\n"]);
        // A name that is the unit has none as its suffix: of a page that says so, Prometheus
        // would take nothing at all.
        let is_told = |unit: &&str| is_open_metrics && *unit != name;
        if let Some(unit) = about.unit.as_deref().filter(is_told) {
            self.push(["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    /// What is known of the process: section "Resource Attributes" of the
    /// specification.
    pub(super) fn target_info(&mut self, labels: &str) {
        let (name, kind) = match self.format {
            Format::OpenMetrics => ("target", "info"),
            Format::Text => ("target_info", "gauge"),
        };
        self.push([
            "# HELP ",
            name,
            " Target metadata\n# TYPE ",
            name,
            " ",
            kind,
        ]);
        self.push(["\ntarget_info{", labels, "} 1\n"]);
    }

    /// Name and labels of a line; its value comes next.
    pub(super) fn start(&mut self, sample: &Sample<'_>, suffix: &str) {
        self.push([sample.name, suffix]);
        if sample.labels.is_empty() {
            self.push([" "]);
        } else {
            self.push(["{", sample.labels, "} "]);
        }
    }

    pub(super) fn start_bucket(&mut self, sample: &Sample<'_>, end: &str) {
        let comma = if sample.labels.is_empty() { "" } else { "," };
        self.push([
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
            self.ids(exemplar.trace_id, exemplar.span_id);
            self.number(exemplar.value);
            self.text.push(' ');
            self.time(exemplar.time);
        }
        self.end();
    }

    /// When the series was born, for who can tell that from a value.
    pub(super) fn created(&mut self, sample: &Sample<'_>) {
        if self.format == Format::OpenMetrics
            && let Some(created) = sample.created
        {
            self.text.push_str(created);
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
        const EXACT: u64 = 1 << 53;
        let whole = value as i64;
        if whole as f64 == value && whole.unsigned_abs() < EXACT {
            self.signed(whole);
        } else if value.is_finite() {
            self.text.push_str(zmij::Buffer::new().format_finite(value));
        } else if value.is_nan() {
            self.push(["NaN"]);
        } else {
            self.push([if value > 0.0 { "+Inf" } else { "-Inf" }]);
        }
    }

    /// The labels of an exemplar: both ids are made text in one go.
    fn ids(&mut self, trace_id: TraceId, span_id: SpanId) {
        // As long as a register of the widest instructions.
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&trace_id.to_bytes());
        bytes[16..24].copy_from_slice(&span_id.to_bytes());
        let mut text = const_hex::Buffer::<32>::new();
        let (trace_id, rest) = text.format(&bytes).split_at(32);
        let span_id = &rest[..16];
        self.push([
            " # {trace_id=\"",
            trace_id,
            "\",span_id=\"",
            span_id,
            "\"} ",
        ]);
    }

    /// In seconds.
    fn time(&mut self, Milliseconds(time): Milliseconds) {
        let text = self.number.format(time);
        let (seconds, thousandths) = text.split_at(text.len() - 3);
        for part in [seconds, ".", thousandths] {
            self.text.push_str(part);
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.push(["# EOF\n"]);
        }
        self.text
    }

    /// Inlined, so that a part whose length is known is copied without a call.
    #[inline(always)]
    fn push<const N: usize>(&mut self, parts: [&str; N]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

/// The line that says that the series is born now.
pub(super) fn created(name: &str, labels: &str) -> String {
    let mut page = Page::new(Format::OpenMetrics, 0);
    let sample = Sample {
        name,
        labels,
        created: None,
    };
    page.start(&sample, "_created");
    page.time(Milliseconds::now());
    page.end();
    page.text
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
