//! All proofs, in their order.

use crate::{
    proof::Proof,
    proofs::{
        alerts, balance, bound, development, equivalence, flood, host, http, jaeger, load, muted,
        outage, panels, privacy, security, service, shard, tail,
    },
};

pub const PROOFS: &[Proof] = &[
    Proof {
        name: "equivalence",
        title: "The same spans come out of agent, gateway and hybrid",
        run: |setup| Box::pin(equivalence::run(setup)),
    },
    Proof {
        name: "service",
        title: "A request's span, its line in the log and the exemplar of its duration are of one trace",
        run: |setup| Box::pin(service::run(setup)),
    },
    Proof {
        name: "panels",
        title: "Every panel of a dashboard shows data, and every rule asks for what is there",
        run: |setup| Box::pin(panels::run(setup)),
    },
    Proof {
        name: "development",
        title: "On one's own machine all that comes is shown, and the Collector can be looked into",
        run: |setup| Box::pin(development::run(setup)),
    },
    Proof {
        name: "http",
        title: "OTLP by HTTP arrives as well; from a browser, for pages that are named",
        run: |setup| Box::pin(http::run(setup)),
    },
    Proof {
        name: "jaeger",
        title: "What clients of Jaeger send arrives as well",
        run: |setup| Box::pin(jaeger::run(setup)),
    },
    Proof {
        name: "host",
        title: "Logs from files arrive once, also over a kill -9; so do the host's metrics",
        run: |setup| Box::pin(host::run(setup)),
    },
    Proof {
        name: "privacy",
        title: "Secrets are deleted, persons hashed, what looks like either masked",
        run: |setup| Box::pin(privacy::run(setup)),
    },
    Proof {
        name: "security",
        title: "A gateway takes nothing without its TLS and a token",
        run: |setup| Box::pin(security::run(setup)),
    },
    Proof {
        name: "tail",
        title: "Whole traces are kept: all that failed, all that were slow, a part of the rest; all are counted before",
        run: |setup| Box::pin(tail::run(setup)),
    },
    Proof {
        name: "balance",
        title: "By a ring of hashes, too, a trace has one gateway, and none is lost while one is away",
        run: |setup| Box::pin(balance::run(setup)),
    },
    Proof {
        name: "outage",
        title: "A back end that is away loses nothing, also over a kill -9 of the Collector",
        run: |setup| Box::pin(outage::run(setup)),
    },
    Proof {
        name: "bound",
        title: "A queue that is full refuses for now, and loses nothing that it took",
        run: |setup| Box::pin(bound::run(setup)),
    },
    Proof {
        name: "shard",
        title: "A gateway that is away finds its traces waiting, and holds up no other's",
        run: |setup| Box::pin(shard::run(setup)),
    },
    Proof {
        name: "muted",
        title: "What is graver mutes what it explains, and nothing else",
        run: |setup| Box::pin(muted::run(setup)),
    },
    Proof {
        name: "alerts",
        title: "A service that fails is told to people, with what to do; its exemplars lead to traces",
        run: |setup| Box::pin(alerts::run(setup)),
    },
    Proof {
        name: "flood",
        title: "A flood is refused for now, within the limit of memory",
        run: |setup| Box::pin(flood::run(setup)),
    },
    Proof {
        name: "load",
        title: "What a span costs",
        run: |setup| Box::pin(load::run(setup)),
    },
];
