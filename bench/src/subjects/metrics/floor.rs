use anyhow::{Result, ensure};

use crate::{
    caller::{Requests, SAMPLED},
    catalogue::{Entry, Kind},
    floor::metrics::{Metrics, Watch},
    subject::Subject,
    subjects::bare,
};

pub const FLOOR: Entry = Entry {
    name: "floor",
    kind: Kind::Floor,
    packages: &[],
    about: "by hand: requests in flight and a duration histogram with the conventions' \
            boundaries, in atomics, from a table of routes and statuses that is known \
            beforehand; recorded at the body's end",
    prepare,
};

fn prepare() -> Result<Subject> {
    let metrics = Metrics::default();
    let router = bare::router().layer(Watch(metrics.clone()));
    Ok(
        Subject::router(&router, Requests::item(SAMPLED)).prove(move |requests| {
            let counted = metrics.items();
            ensure!(
                counted == Some(requests),
                "{counted:?} of {requests} are counted"
            );
            Ok(())
        }),
    )
}
