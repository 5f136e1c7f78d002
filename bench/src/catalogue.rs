//! Every subject there is, in the order of the table.

use anyhow::{Context, Result};

use crate::{subject::Subject, subjects::*};

/// Subjects that are compared with each other.
pub struct Group {
    pub name: &'static str,
    pub title: &'static str,
    /// How often the work is done in a round.
    pub times: u64,
    /// How often it is done before the first, so that every route is known.
    pub warm_times: u64,
    pub entries: &'static [Entry],
}

/// A subject before it is set up.
pub struct Entry {
    pub name: &'static str,
    pub kind: Kind,
    /// What it is made of; where there are two versions, with the beginning of one.
    pub packages: &'static [&'static str],
    pub about: &'static str,
    pub prepare: fn() -> Result<Subject>,
}

/// What a subject is to the others of its group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Is subtracted from all that follow, until the next.
    Base,
    /// The least that the work can cost: no library, no choice, no care.
    Floor,
    Peer,
    Ours,
}

impl Entry {
    /// Its name among all.
    pub fn path(&self, group: &Group) -> String {
        format!("{}/{}", group.name, self.name)
    }
}

/// The subject of this path.
pub fn find(path: &str) -> Result<&'static Entry> {
    let entries = GROUPS
        .iter()
        .flat_map(|group| group.entries.iter().map(move |entry| (group, entry)));
    let mut found = entries.filter(|(group, entry)| entry.path(group) == path);
    let (_, entry) = found.next().with_context(|| format!("no subject {path}"))?;
    Ok(entry)
}

const REQUESTS: u64 = 500;
const WARM_REQUESTS: u64 = 2_000;
/// Signatures take longer.
const TOKENS: u64 = 100;
const WARM_TOKENS: u64 = 300;

const BARE: Entry = Entry {
    name: "bare",
    kind: Kind::Base,
    packages: &["axum"],
    about: "a `Router` with the one route `/items/{id}`, and no layer",
    prepare: bare::bare,
};

/// All groups.
pub const GROUPS: &[Group] = &[
    Group {
        name: "layer",
        title: "A layer as such",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: &[
            BARE,
            Entry {
                name: "nothing",
                kind: Kind::Floor,
                packages: &["axum"],
                about: "a layer that passes everything on: the box that `Router::layer` puts \
                        around any layer, and so a part of all that follows",
                prepare: bare::nothing,
            },
        ],
    },
    Group {
        name: "metrics",
        title: "Metrics",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: &[
            BARE,
            metrics::FLOOR,
            metrics::PROMETHEUS,
            metrics::OTEL,
            metrics::OURS,
            metrics::PUSHED,
        ],
    },
    Group {
        name: "sampled",
        title: "Trace, sampled and exported",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: &[
            BARE,
            trace::sampled::FLOOR,
            trace::sampled::OTEL,
            trace::sampled::OURS,
        ],
    },
    Group {
        name: "unsampled",
        title: "Trace, not sampled",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: &[
            BARE,
            trace::unsampled::FLOOR,
            trace::unsampled::OTEL,
            trace::unsampled::OURS,
        ],
    },
    Group {
        name: "logged",
        title: "Trace, sampled and exported, with a JSON log line a request",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: &[
            BARE,
            trace::logged::TOWER_HTTP,
            trace::logged::OTEL,
            trace::logged::OURS,
        ],
    },
    Group {
        name: "unseen-rs256",
        title: "A token that was not seen before, RS256",
        times: TOKENS,
        warm_times: WARM_TOKENS,
        entries: jwt::UNSEEN_RS256,
    },
    Group {
        name: "unseen-es256",
        title: "A token that was not seen before, ES256",
        times: TOKENS,
        warm_times: WARM_TOKENS,
        entries: jwt::UNSEEN_ES256,
    },
    Group {
        name: "unseen-eddsa",
        title: "A token that was not seen before, EdDSA",
        times: TOKENS,
        warm_times: WARM_TOKENS,
        entries: jwt::UNSEEN_EDDSA,
    },
    Group {
        name: "unseen-hs256",
        title: "A token that was not seen before, HS256",
        times: TOKENS,
        warm_times: WARM_TOKENS,
        entries: jwt::UNSEEN_HS256,
    },
    Group {
        name: "repeated-es256",
        title: "A token that all requests show, ES256",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: jwt::REPEATED_ES256,
    },
    Group {
        name: "repeated-hs256",
        title: "A token that all requests show, HS256",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: jwt::REPEATED_HS256,
    },
    Group {
        name: "health",
        title: "Health, in front",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: &[BARE, health::FLOOR, health::OURS],
    },
    Group {
        name: "all-es256",
        title: "All four layers, sampled and exported, with a token that all requests show, ES256",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: all::WITH_ES256,
    },
    Group {
        name: "all-hs256",
        title: "All four layers, sampled and exported, with a token that all requests show, HS256",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: all::WITH_HS256,
    },
    Group {
        name: "page",
        title: "`/metrics` with 10,000 counter series of three labels",
        times: 1,
        warm_times: 2,
        entries: page::OF_10_000,
    },
    Group {
        name: "one-of",
        title: "One of 1, 100, 10,000 routes is asked",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: growth::ONE_OF,
    },
    Group {
        name: "in-turn",
        title: "All of 1, 100, 10,000 routes are asked in turn: as many series",
        times: REQUESTS,
        warm_times: WARM_REQUESTS,
        entries: growth::IN_TURN,
    },
];
