use std::cmp::{Ordering, Reverse};

/// How an exposition is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The Prometheus text format 0.0.4: the one that everything reads.
    Text,
    /// OpenMetrics 1.0.0: with exemplars and units, and on request the time of birth of a series.
    OpenMetrics,
}

impl Format {
    /// Chooses by the `Accept` header of a request, as RFC 9110, section 12.5.1
    /// says; several such headers are joined by commas.
    ///
    /// OpenMetrics is for those who ask for it by name. Who accepts anything,
    /// says nothing, or accepts neither gets the text format.
    ///
    /// ```
    /// use axum_chassis::prometheus::Format;
    ///
    /// let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    ///     application/openmetrics-text;version=0.0.1;q=0.5,\
    ///     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    /// assert_eq!(Format::negotiate(Some(prometheus_3)), Format::OpenMetrics);
    /// assert_eq!(Format::negotiate(Some("*/*")), Format::Text);
    /// assert_eq!(Format::negotiate(None), Format::Text);
    /// ```
    pub fn negotiate(accept: Option<&str>) -> Self {
        let ranges: Vec<_> = elements(accept.unwrap_or_default(), ',')
            .filter_map(Range::parse)
            .collect();
        let open_metrics = Self::OpenMetrics.weight(&ranges);
        let text = Self::Text.weight(&ranges);
        let is_preferred = match open_metrics.thousandths.cmp(&text.thousandths) {
            Ordering::Greater => true,
            Ordering::Equal => open_metrics.thousandths > 0 && open_metrics.is_by_name,
            Ordering::Less => false,
        };
        if is_preferred {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// The value of the header `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    fn media_type(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Text => ("text", "plain", "0.0.4"),
            Self::OpenMetrics => ("application", "openmetrics-text", "1.0.0"),
        }
    }

    /// What the most specific range says that matches.
    fn weight(self, ranges: &[Range<'_>]) -> Weight {
        let matching = ranges.iter().filter_map(|range| {
            let specificity = range.matches(self)?;
            Some((specificity, range.thousandths))
        });
        // The first of equals counts.
        let (specificity, thousandths) = matching
            .min_by_key(|(specificity, _)| Reverse(*specificity))
            .unwrap_or_default();
        Weight {
            thousandths,
            is_by_name: specificity >= BY_NAME,
        }
    }
}

struct Weight {
    thousandths: u16,
    is_by_name: bool,
}

/// How specific a range is that names the whole type, without a version.
const BY_NAME: u8 = 2;

/// One media range of an `Accept` header, and its weight.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    charset: Option<&'a str>,
    /// `q` is between 0 and 1, with three digits: RFC 9110, section 12.4.2.
    thousandths: u16,
}

impl<'a> Range<'a> {
    /// `None` if it is malformed: such a range asks for nothing.
    fn parse(range: &'a str) -> Option<Self> {
        let mut parts = elements(range, ';');
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range = Self {
            kind,
            subtype,
            version: None,
            charset: None,
            thousandths: 1_000,
        };
        for parameter in parts {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim_matches('"');
            match name {
                _ if name.eq_ignore_ascii_case("version") => range.version = Some(value),
                _ if name.eq_ignore_ascii_case("charset") => range.charset = Some(value),
                _ if name.eq_ignore_ascii_case("q") => range.thousandths = thousandths(value)?,
                // Such as `escaping`: our names need none.
                _ => {}
            }
        }
        Some(range)
    }

    /// How specific it is, if it matches the format.
    fn matches(&self, format: Format) -> Option<u8> {
        let (kind, subtype, version) = format.media_type();
        let is_in = |range: &str, own: &str| range.eq_ignore_ascii_case(own);
        if !self.charset.is_none_or(|charset| is_in(charset, "utf-8")) {
            return None;
        }
        match (self.kind, self.subtype, self.version) {
            ("*", "*", None) => Some(0),
            (range, "*", None) if is_in(range, kind) => Some(1),
            (range, sub, asked) if is_in(range, kind) && is_in(sub, subtype) => match asked {
                None => Some(BY_NAME),
                Some(asked) if asked == version => Some(3),
                Some(_) => None,
            },
            _ => None,
        }
    }
}

fn thousandths(quality: &str) -> Option<u16> {
    let quality: f32 = quality.parse().ok()?;
    let is_valid = (0.0..=1.0).contains(&quality);
    is_valid.then_some((quality * 1_000.0).round() as u16)
}

fn elements(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let elements = list.split(separator).map(str::trim);
    elements.filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Format::{self, OpenMetrics, Text};

    fn chosen(accept: &str) -> Format {
        Format::negotiate(Some(accept))
    }

    #[test]
    fn prometheus_2_gets_open_metrics() {
        // Prometheus 2.48: scrape/scrape.go.
        assert_eq!(
            chosen(
                "application/openmetrics-text;version=1.0.0;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
            ),
            OpenMetrics
        );
        // Prometheus 2.30, with a version that is not ours first.
        assert_eq!(
            chosen(
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ),
            Text
        );
    }

    #[test]
    fn prometheus_that_prefers_the_binary_format_gets_the_next_best() {
        let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
            application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(chosen(accept), OpenMetrics);
    }

    #[test]
    fn a_browser_and_curl_get_text() {
        assert_eq!(Format::negotiate(None), Text);
        for accept in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ] {
            assert_eq!(chosen(accept), Text);
        }
    }

    #[test]
    fn the_higher_weight_wins() {
        assert_eq!(
            chosen("application/openmetrics-text;q=0.3, text/plain;q=0.4"),
            Text
        );
        assert_eq!(
            chosen("application/openmetrics-text;q=0.41, text/plain;q=0.4"),
            OpenMetrics
        );
        assert_eq!(
            chosen("application/openmetrics-text, text/plain"),
            OpenMetrics
        );
        assert_eq!(chosen("application/*"), OpenMetrics);
        assert_eq!(chosen("application/*;q=0.5, text/*;q=0.5"), Text);
    }

    #[test]
    fn the_most_specific_range_counts() {
        assert_eq!(chosen("*/*, application/openmetrics-text;q=0"), Text);
        assert_eq!(chosen("text/*;q=0.1, */*;q=0.5"), OpenMetrics);
        assert_eq!(
            chosen(
                "application/openmetrics-text;q=0, application/openmetrics-text;version=1.0.0;q=0.5"
            ),
            OpenMetrics
        );
    }

    #[test]
    fn who_accepts_neither_gets_text() {
        for accept in [
            "application/json",
            "text/plain;version=1.0.0",
            "*/*;q=0",
            "image/*",
        ] {
            assert_eq!(chosen(accept), Text);
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_values_with_quotes() {
        assert_eq!(
            chosen("Application/OpenMetrics-Text; Version=\"1.0.0\"; Charset=UTF-8; Q=1.000"),
            OpenMetrics
        );
    }

    #[test]
    fn what_is_malformed_asks_for_nothing() {
        for accept in [
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;q=NaN",
            "application/openmetrics-text;q",
            "application/openmetrics-text;charset=latin1",
            "openmetrics-text",
            ";;,,;=,/",
        ] {
            assert_eq!(chosen(accept), Text, "{accept}");
        }
    }
}
