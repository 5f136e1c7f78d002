/// The kind of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
}

impl Kind {
    /// As both formats name it: what may go down is a gauge.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter | Self::ObservableCounter => "counter",
            Self::Histogram => "histogram",
            Self::Gauge
            | Self::ObservableGauge
            | Self::ObservableUpDownCounter
            | Self::UpDownCounter => "gauge",
        }
    }

    /// As who programs it knows it.
    pub(super) fn instrument(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::ObservableCounter => "observable counter",
            Self::ObservableGauge => "observable gauge",
            Self::ObservableUpDownCounter => "observable up-down counter",
            Self::UpDownCounter => "up-down counter",
        }
    }

    pub(super) fn is_counter(self) -> bool {
        matches!(self, Self::Counter | Self::ObservableCounter)
    }

    /// Whether the values of several series make one by their sum.
    pub(super) fn adds_up(self) -> bool {
        !matches!(self, Self::Gauge | Self::ObservableGauge)
    }

    /// What its series are called, after the name of the family: no other family
    /// may be called so.
    pub(super) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::ObservableCounter => &["", "_total", "_created"],
            Self::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
            _ => &[""],
        }
    }
}
