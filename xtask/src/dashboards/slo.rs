//! What services promise, whether they hold it, and how fast they spend what they may break.

use super::{
    board::{Board, Row, Variable},
    panel::{Panel, Source, Step, unit},
};

/// What wakes somebody up, what becomes a ticket, and what is spent just in time.
const BURN: [Step; 4] = [
    (None, "green"),
    (Some(1.0), "yellow"),
    (Some(6.0), "orange"),
    (Some(14.4), "red"),
];
const BUDGET: [Step; 3] = [(None, "red"), (Some(0.0), "orange"), (Some(0.25), "green")];

pub fn board() -> Board {
    Board {
        title: "Promises",
        about: "The objectives of services (SLO): whether they hold, how much of the budget of failures is left, and how fast it is spent.",
        variables: vec![
            Variable::source(Source::Prometheus),
            Variable::label(
                "namespace",
                "Namespace",
                "label_values(slo:objective:ratio, namespace)",
            ),
            Variable::label(
                "service",
                "Service",
                "label_values(slo:objective:ratio{namespace=~\"$namespace\"}, job)",
            ),
            Variable::label(
                "slo",
                "Promise",
                "label_values(slo:objective:ratio{namespace=~\"$namespace\", job=~\"$service\"}, slo)",
            ),
        ],
        rows: vec![
            Row::open("All services", all()),
            Row::open("Budget", budget()),
            Row::open("Requests", requests()),
        ],
    }
}

fn all() -> Vec<Panel> {
    vec![
        Panel::table("Promises", "Each promise of each service: what is promised, what share broke it, and what is left of 30 days' budget. Below 0 the promise is broken.")
            .column("Promised", unit::RATIO, "sum by (namespace, job, slo) (slo:objective:ratio{SLO})")
            .column("Failed, 1 h", unit::RATIO, "sum by (namespace, job, slo) (slo:failure_ratio:rate1h{SLO})")
            .column("Failed, 30 d", unit::RATIO, "sum by (namespace, job, slo) (slo:failure_ratio:rate30d{SLO})")
            .column("Burn rate, 1 h", unit::TIMES, "sum by (namespace, job, slo) (slo:burn_rate:rate1h{SLO})")
            .column("Budget left", unit::RATIO, "sum by (namespace, job, slo) (slo:budget_left:ratio30d{SLO})"),
    ]
}

fn budget() -> Vec<Panel> {
    vec![
        Panel::gauge("Budget left", unit::RATIO, "Of the failures that 30 days may have; of the promise that has least. Below 0 it is broken.")
            .ask("min by (job, slo) (slo:budget_left:ratio30d{SLO})", "{{job}} {{slo}}")
            .full_at(1.0)
            .steps(&BUDGET),
        Panel::lines("Budget left, over time", unit::RATIO, "Where a line falls, something broke; where it rises, an old failure is more than 30 days ago.")
            .ask("slo:budget_left:ratio30d{SLO}", "{{job}} {{slo}}")
            .signed()
            .wide(18),
        Panel::lines("Burn rate, an hour", unit::TIMES, "How fast the budget is spent: 1 is all of it in just 30 days, 14.4 in two. Both the long and the short window above 14.4 wake somebody up.")
            .ask("slo:burn_rate:rate1h{SLO}", "{{job}} {{slo}} 1 h")
            .ask("slo:burn_rate:rate5m{SLO}", "{{job}} {{slo}} 5 min")
            .steps(&BURN),
        Panel::lines("Burn rate, days", unit::TIMES, "What burns slowly is seen in long windows alone; above 1 for three days it becomes a ticket.")
            .ask("slo:burn_rate:rate6h{SLO}", "{{job}} {{slo}} 6 h")
            .ask("slo:burn_rate:rate30m{SLO}", "{{job}} {{slo}} 30 min")
            .ask("slo:burn_rate:rate1d{SLO}", "{{job}} {{slo}} 1 d")
            .ask("slo:burn_rate:rate2h{SLO}", "{{job}} {{slo}} 2 h")
            .ask("slo:burn_rate:rate3d{SLO}", "{{job}} {{slo}} 3 d")
            .steps(&BURN),
    ]
}

fn requests() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Requests that count",
            unit::REQUESTS_PER_SECOND,
            "Requests a second of which something is promised.",
        )
        .ask("slo:requests:rate5m{SLO}", "{{job}} {{slo}}"),
        Panel::lines(
            "Requests that broke it",
            unit::REQUESTS_PER_SECOND,
            "Those that were answered with 5xx, or too late.",
        )
        .ask("slo:failures:rate5m{SLO}", "{{job}} {{slo}}"),
        Panel::lines(
            "Share that broke it",
            unit::RATIO,
            "The second by the first.",
        )
        .ask("slo:failure_ratio:rate5m{SLO}", "{{job}} {{slo}}"),
    ]
}
