//! A dashboard: its variables, and rows of panels that are laid out here.

use serde_json::{Value, json};

use super::panel::{Panel, Source};

/// By it dashboards find each other.
const TAG: &str = "axum-chassis";
/// Grafana's grid.
const COLUMNS: u64 = 24;
/// Of the classic dashboards; what is older Grafana brings up to date when it reads it.
const SCHEMA: u64 = 41;

pub struct Board {
    pub title: &'static str,
    pub about: &'static str,
    pub variables: Vec<Variable>,
    pub rows: Vec<Row>,
}

/// Something that whoever looks may choose.
pub struct Variable(Value);

pub struct Row {
    pub title: &'static str,
    /// Whether its panels are hidden, and ask nothing, until somebody opens it.
    pub is_closed: bool,
    pub panels: Vec<Panel>,
}

impl Board {
    /// As Grafana reads it. It has no uid: whoever provisions it gives one, so that two may
    /// own a copy.
    pub fn render(&self) -> Value {
        let variables: Vec<_> = self.variables.iter().map(|one| &one.0).collect();
        json!({
            "title": self.title,
            "description": self.about,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "editable": true,
            // The same moment in all panels.
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": { "from": "now-1h", "to": "now" },
            "links": [to_the_others()],
            "templating": { "list": variables },
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let (mut panels, mut id, mut y) = (Vec::new(), 0, 0);
        for row in &self.rows {
            id += 1;
            let mut head = json!({
                "id": id,
                "type": "row",
                "title": row.title,
                "collapsed": row.is_closed,
                "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
                "panels": [],
            });
            y += 1;
            let (drawn, below) = row.laid_out(&mut id, y);
            y = below;
            if row.is_closed {
                head["panels"] = Value::Array(drawn);
                panels.push(head);
            } else {
                panels.push(head);
                panels.extend(drawn);
            }
        }
        panels
    }
}

fn to_the_others() -> Value {
    json!({
        "type": "dashboards",
        "title": "Dashboards",
        "tooltip": "",
        "tags": [TAG],
        "asDropdown": true,
        "icon": "external link",
        "includeVars": true,
        "keepTime": true,
        "targetBlank": false,
    })
}

impl Row {
    pub fn open(title: &'static str, panels: Vec<Panel>) -> Self {
        Self {
            title,
            is_closed: false,
            panels,
        }
    }

    pub fn closed(title: &'static str, panels: Vec<Panel>) -> Self {
        Self {
            title,
            is_closed: true,
            panels,
        }
    }

    /// From left to right, then below. Gives the first line that is free.
    fn laid_out(&self, id: &mut u64, from: u64) -> (Vec<Value>, u64) {
        let (mut x, mut y, mut tallest) = (0, from, 0);
        let mut drawn = Vec::new();
        for panel in &self.panels {
            if x + panel.width > COLUMNS {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            *id += 1;
            drawn.push(panel.render(*id, (x, y)));
            x += panel.width;
            tallest = tallest.max(panel.height());
        }
        (drawn, y + tallest)
    }
}

impl Variable {
    /// Which data source is asked.
    pub fn source(source: Source) -> Self {
        let (name, label, kind) = match source {
            Source::Prometheus => ("datasource", "Metrics", "prometheus"),
            Source::Loki => ("logs", "Logs", "loki"),
        };
        Self(json!({
            "name": name,
            "label": label,
            "type": "datasource",
            "query": kind,
            "refresh": 1,
            "includeAll": false,
            "multi": false,
        }))
    }

    /// A label's values; all of them where that is chosen, and where there are none: a
    /// Prometheus outside of Kubernetes knows no namespace.
    pub fn label(name: &'static str, label: &'static str, query: &str) -> Self {
        Self(json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": Source::Prometheus.reference(),
            "query": { "query": query, "refId": name, "qryType": 1 },
            "refresh": 2,
            "sort": 1,
            "includeAll": true,
            "allValue": ".*",
            "multi": true,
        }))
    }

    /// The same of the logs' labels. At least one of a selector's must not take what is
    /// empty.
    pub fn log_label(
        name: &'static str,
        label: &'static str,
        query: &str,
        all: &str,
        only: &str,
    ) -> Self {
        Self(json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": Source::Loki.reference(),
            "query": query,
            "regex": only,
            "refresh": 2,
            "sort": 1,
            "includeAll": true,
            "allValue": all,
            "multi": true,
        }))
    }

    /// What somebody types.
    pub fn text(name: &'static str, label: &'static str) -> Self {
        Self(json!({ "name": name, "label": label, "type": "textbox", "query": "" }))
    }
}
