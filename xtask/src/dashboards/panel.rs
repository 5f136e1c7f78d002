//! A panel: what it shows, in which unit, and what somebody who sees it for the first time
//! has to know.

use serde_json::{Value, json};

use super::{look, of_what_is_chosen};

/// What its numbers are, as Grafana calls it. There is no panel without one.
pub mod unit {
    pub const BYTES: &str = "bytes";
    pub const BYTES_PER_SECOND: &str = "Bps";
    pub const CONNECTIONS_PER_SECOND: &str = "cps";
    pub const COUNT: &str = "short";
    pub const DATE: &str = "dateTimeAsIso";
    pub const EVENTS_PER_SECOND: &str = "cps";
    pub const LINES: &str = "none";
    pub const PROCESSORS: &str = "none";
    pub const RATIO: &str = "percentunit";
    pub const REQUESTS_PER_SECOND: &str = "reqps";
    pub const ROWS_PER_SECOND: &str = "rowsps";
    pub const SECONDS: &str = "s";
    pub const TIMES: &str = "none";
}

/// How it draws.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    Heatmap,
    Logs,
    Stat,
    Table,
    TimeSeries,
}

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Loki,
    Prometheus,
}

/// A question to a data source, and how its answers are called.
pub struct Query {
    pub expression: String,
    legend: &'static str,
    unit: Option<&'static str>,
}

/// A value from which on it has a colour.
pub type Step = (Option<f64>, &'static str);

pub struct Panel {
    pub kind: Kind,
    pub title: &'static str,
    pub width: u64,
    pub queries: Vec<Query>,
    pub(super) about: &'static str,
    pub(super) unit: &'static str,
    pub(super) source: Source,
    pub(super) steps: Vec<Step>,
    pub(super) max: Option<f64>,
    pub(super) is_stacked: bool,
    pub(super) is_signed: bool,
    exemplars: bool,
}

impl Panel {
    /// Lines over time.
    pub fn lines(title: &'static str, unit: &'static str, about: &'static str) -> Self {
        Self::new(Kind::TimeSeries, title, unit, about, 12)
    }

    /// One number each.
    pub fn stat(title: &'static str, unit: &'static str, about: &'static str) -> Self {
        Self::new(Kind::Stat, title, unit, about, 4)
    }

    /// A part of what there may be.
    pub fn gauge(title: &'static str, unit: &'static str, about: &'static str) -> Self {
        Self::new(Kind::Gauge, title, unit, about, 6)
    }

    /// How many of which value, over time: of a histogram's buckets.
    pub fn heatmap(title: &'static str, unit: &'static str, about: &'static str) -> Self {
        Self::new(Kind::Heatmap, title, unit, about, 12)
    }

    /// A row for each set of labels, a column for each of them and for each query.
    pub fn table(title: &'static str, about: &'static str) -> Self {
        Self::new(Kind::Table, title, unit::COUNT, about, 24)
    }

    /// Lines of the log.
    pub fn log(title: &'static str, about: &'static str) -> Self {
        Self::new(Kind::Logs, title, unit::LINES, about, 24)
    }

    fn new(
        kind: Kind,
        title: &'static str,
        unit: &'static str,
        about: &'static str,
        width: u64,
    ) -> Self {
        Self {
            kind,
            title,
            width,
            queries: Vec::new(),
            about,
            unit,
            source: Source::Prometheus,
            steps: Vec::new(),
            max: None,
            is_stacked: false,
            is_signed: false,
            exemplars: false,
        }
    }

    /// Asks this too; its answers are called so.
    pub fn ask(mut self, expression: impl AsRef<str>, legend: &'static str) -> Self {
        self.queries.push(Query {
            expression: of_what_is_chosen(expression.as_ref()),
            legend,
            unit: None,
        });
        self
    }

    /// A column of a table: its head, its unit.
    pub fn column(
        mut self,
        head: &'static str,
        unit: &'static str,
        expression: impl AsRef<str>,
    ) -> Self {
        self.queries.push(Query {
            expression: of_what_is_chosen(expression.as_ref()),
            legend: head,
            unit: Some(unit),
        });
        self
    }

    /// Its queries are LogQL.
    pub fn of_logs(mut self) -> Self {
        self.source = Source::Loki;
        self
    }

    /// With single requests, from which one comes to their traces.
    pub fn with_exemplars(mut self) -> Self {
        self.exemplars = true;
        self
    }

    /// On top of each other: their sum means something.
    pub fn stacked(mut self) -> Self {
        self.is_stacked = true;
        self
    }

    /// It may be below zero.
    pub fn signed(mut self) -> Self {
        self.is_signed = true;
        self
    }

    /// So many of 24 columns.
    pub fn wide(mut self, width: u64) -> Self {
        self.width = width;
        self
    }

    /// What a gauge shows when it is full.
    pub fn full_at(mut self, max: f64) -> Self {
        self.max = Some(max);
        self
    }

    /// Colours from these values on; the first has none.
    pub fn steps(mut self, steps: &[Step]) -> Self {
        self.steps = steps.to_vec();
        self
    }

    pub fn height(&self) -> u64 {
        match self.kind {
            Kind::Stat => 4,
            Kind::Gauge => 6,
            Kind::Heatmap | Kind::Table | Kind::TimeSeries => 8,
            Kind::Logs => 14,
        }
    }

    /// As Grafana reads it, with its number and its place.
    pub fn render(&self, id: u64, (x, y): (u64, u64)) -> Value {
        let mut panel = json!({
            "id": id,
            "type": self.kind.name(),
            "title": self.title,
            "description": self.about,
            "datasource": self.source.reference(),
            "gridPos": { "x": x, "y": y, "w": self.width, "h": self.height() },
            "fieldConfig": look::fields(self),
            "options": look::options(self.kind),
            "targets": self.targets(),
        });
        if self.kind == Kind::Table {
            panel["transformations"] = look::columns(self.heads());
        }
        panel
    }

    /// The head of each column, and its unit, in the order of the queries.
    pub(super) fn heads(&self) -> impl Iterator<Item = (char, &'static str, &'static str)> {
        let letters = 'A'..='Z';
        letters.zip(&self.queries).map(|(letter, query)| {
            let unit = query.unit.unwrap_or(self.unit);
            (letter, query.legend, unit)
        })
    }

    fn targets(&self) -> Vec<Value> {
        let letters = 'A'..='Z';
        let targets = letters.zip(&self.queries);
        targets
            .map(|(letter, query)| match self.source {
                Source::Prometheus => self.prometheus(letter, query),
                Source::Loki => self.loki(letter, query),
            })
            .collect()
    }

    fn prometheus(&self, letter: char, query: &Query) -> Value {
        // A table, a number: how it is now; all else: how it was.
        let is_instant = self.kind == Kind::Table;
        let format = match self.kind {
            Kind::Table => "table",
            Kind::Heatmap => "heatmap",
            _ => "time_series",
        };
        json!({
            "refId": letter,
            "datasource": self.source.reference(),
            "editorMode": "code",
            "expr": query.expression,
            "legendFormat": query.legend,
            "format": format,
            "instant": is_instant,
            "range": !is_instant,
            "exemplar": self.exemplars,
        })
    }

    fn loki(&self, letter: char, query: &Query) -> Value {
        let is_instant = self.kind == Kind::Table;
        json!({
            "refId": letter,
            "datasource": self.source.reference(),
            "editorMode": "code",
            "expr": query.expression,
            "legendFormat": query.legend,
            "queryType": if is_instant { "instant" } else { "range" },
        })
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Heatmap => "heatmap",
            Self::Logs => "logs",
            Self::Stat => "stat",
            Self::Table => "table",
            Self::TimeSeries => "timeseries",
        }
    }
}

impl Source {
    /// By a variable: nobody's data source is named here.
    pub fn reference(self) -> Value {
        match self {
            Self::Loki => json!({ "type": "loki", "uid": "${logs}" }),
            Self::Prometheus => json!({ "type": "prometheus", "uid": "${datasource}" }),
        }
    }
}
