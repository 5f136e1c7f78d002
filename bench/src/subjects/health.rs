//! The health layer in front: what it costs those that are no probes.

use anyhow::{Result, ensure};
use axum::Router;
use axum_chassis::health::{Health, HealthLayer};
use http::{StatusCode, Uri};

use super::bare;
use crate::{
    caller::{Caller, Requests, SAMPLED},
    catalogue::{Entry, Kind},
    floor::probe::Probe,
    subject::Subject,
};

pub const FLOOR: Entry = Entry {
    name: "floor",
    kind: Kind::Floor,
    packages: &[],
    about: "by hand: the path is compared with one other",
    prepare: || Ok(subject(bare::router().layer(Probe))),
};

pub const OURS: Entry = Entry {
    name: "ours",
    kind: Kind::Ours,
    packages: &["axum-chassis"],
    about: "`HealthLayer` with its three probes",
    prepare: || {
        let health = Health::builder().build();
        let layer = HealthLayer::new(health);
        Ok(subject(bare::router().layer(layer)))
    },
};

fn subject(router: Router) -> Subject {
    Subject::router(&router, Requests::item(SAMPLED)).prove(move |_| prove(&router))
}

/// Checks that the probe is answered, of which the router knows nothing.
fn prove(router: &Router) -> Result<()> {
    let probe = Requests::to([Uri::from_static("/livez")].into(), SAMPLED);
    let status = Caller::new(router.clone(), probe, 0).status();
    ensure!(status == StatusCode::OK, "the probe is {status}");
    Ok(())
}
