//! How panels look: the same everywhere, in Grafana's words.

use serde_json::{Value, json};

use super::panel::{Kind, Panel};

/// Unit and colours of a panel's values.
pub fn fields(panel: &Panel) -> Value {
    let mut defaults = json!({ "unit": panel.unit });
    if !panel.is_signed && panel.kind != Kind::Table {
        defaults["min"] = json!(0);
    }
    if let Some(max) = panel.max {
        defaults["max"] = json!(max);
    }
    if !panel.steps.is_empty() {
        defaults["color"] = json!({ "mode": colour(panel.kind) });
        defaults["thresholds"] = thresholds(panel);
    }
    match panel.kind {
        Kind::TimeSeries => defaults["custom"] = custom(panel),
        Kind::Table => {
            defaults["custom"] = json!({
                "align": "auto",
                "cellOptions": { "type": "auto" },
                "filterable": true,
                "inspect": false,
            });
        }
        _ => {}
    }
    json!({ "defaults": defaults, "overrides": overrides(panel) })
}

/// In lines a colour says which one; elsewhere, how good it is.
fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::TimeSeries => "palette-classic",
        _ => "thresholds",
    }
}

fn thresholds(panel: &Panel) -> Value {
    let steps = panel.steps.iter();
    let steps: Vec<_> = steps
        .map(|(value, color)| json!({ "value": value, "color": color }))
        .collect();
    json!({ "mode": "absolute", "steps": steps })
}

fn custom(panel: &Panel) -> Value {
    let (fill, stacking) = match panel.is_stacked {
        true => (40, "normal"),
        false => (10, "none"),
    };
    let thresholds = match panel.steps.is_empty() {
        true => "off",
        false => "dashed",
    };
    json!({
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": fill,
        "showPoints": "never",
        // What is scraped no more is not drawn on.
        "spanNulls": false,
        "stacking": { "mode": stacking, "group": "A" },
        "thresholdsStyle": { "mode": thresholds },
    })
}

/// A table's columns have units of their own.
fn overrides(panel: &Panel) -> Value {
    if panel.kind != Kind::Table {
        return json!([]);
    }
    let heads = panel.heads().map(|(_, head, unit)| {
        json!({
            "matcher": { "id": "byName", "options": head },
            "properties": [{ "id": "unit", "value": unit }],
        })
    });
    heads.collect()
}

/// One row for each set of labels; columns by their heads.
pub fn columns<'a>(heads: impl Iterator<Item = (char, &'a str, &'a str)>) -> Value {
    let names = heads.map(|(letter, head, _)| (format!("Value #{letter}"), Value::from(head)));
    let mut names: serde_json::Map<_, _> = names.collect();
    // With one query the column has no letter.
    if names.len() == 1
        && let Some(head) = names.values().next().cloned()
    {
        names.insert("Value".to_owned(), head);
    }
    json!([
        { "id": "merge", "options": {} },
        {
            "id": "organize",
            "options": {
                "excludeByName": { "Time": true, "__name__": true },
                "indexByName": {},
                "renameByName": names,
            },
        },
    ])
}

/// What a kind of panel is told beside its values.
pub fn options(kind: Kind) -> Value {
    match kind {
        Kind::Gauge => gauge(),
        Kind::Heatmap => heatmap(),
        Kind::Logs => logs(),
        Kind::Stat => stat(),
        Kind::Table => json!({ "cellHeight": "sm", "frameIndex": 0, "showHeader": true }),
        Kind::TimeSeries => json!({
            "legend": {
                "calcs": ["lastNotNull", "max"],
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": true,
            },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
    }
}

fn last() -> Value {
    json!({ "calcs": ["lastNotNull"], "fields": "", "values": false })
}

fn stat() -> Value {
    json!({
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": last(),
        "showPercentChange": false,
        "textMode": "auto",
        "wideLayout": true,
    })
}

fn gauge() -> Value {
    json!({
        "barShape": "flat",
        "barWidthFactor": 0.4,
        "effects": {},
        "minVizHeight": 75,
        "minVizWidth": 75,
        "orientation": "auto",
        "reduceOptions": last(),
        "segmentCount": 1,
        "segmentSpacing": 0.3,
        "shape": "gauge",
        "showThresholdLabels": false,
        "showThresholdMarkers": true,
        "sizing": "auto",
        "sparkline": false,
    })
}

fn heatmap() -> Value {
    json!({
        // Prometheus has counted already.
        "calculate": false,
        "cellGap": 1,
        "cellValues": { "unit": "short" },
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": false,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "exemplars": { "color": "rgba(255,0,255,0.7)" },
        "filterValues": { "le": 1e-9 },
        "legend": { "show": true },
        "rowsFrame": { "layout": "auto" },
        "showValue": "never",
        "tooltip": { "mode": "single", "showColorScale": true, "yHistogram": false },
        "yAxis": { "axisPlacement": "left", "reverse": false, "unit": "s" },
    })
}

fn logs() -> Value {
    json!({
        "dedupStrategy": "none",
        "enableLogDetails": true,
        "prettifyLogMessage": false,
        "showCommonLabels": false,
        "showLabels": false,
        "showLogContextToggle": true,
        "showTime": true,
        "sortOrder": "Descending",
        "wrapLogMessage": true,
    })
}
