//! Bearer tokens: each request shows one that nobody has seen, or all show the same.
//!
//! Every subject checks signature, issuer, audience and times, and puts what the token
//! says where a handler finds it.

mod axum_jwt_auth;
mod floor;
mod jwt_authorizer;
mod ours;
mod tower_oauth2;

use anyhow::{Result, ensure};
use axum::Router;
use http::{HeaderValue, StatusCode};

pub use self::{floor::known, ours::layer, tower_oauth2::layer as tower_oauth2_layer};
use super::bare;
use crate::{
    caller::{Caller, Requests, SAMPLED},
    catalogue::{Entry, Kind},
    subject::Subject,
    tokens::{self, Algorithm, EDDSA, ES256, HS256, IN_TURN, Issuer, RS256},
};

pub const UNSEEN_RS256: &[Entry] = &unseen::<RS256>();
pub const UNSEEN_ES256: &[Entry] = &unseen::<ES256>();
pub const UNSEEN_EDDSA: &[Entry] = &unseen::<EDDSA>();
pub const UNSEEN_HS256: &[Entry] = &unseen::<HS256>();
pub const REPEATED_ES256: &[Entry] = &repeated::<ES256>();
pub const REPEATED_HS256: &[Entry] = &repeated::<HS256>();

const fn unseen<const ALGORITHM: usize>() -> [Entry; 6] {
    [
        bare_with::<ALGORITHM, true>(),
        floor::check::<ALGORITHM>(),
        jwt_authorizer::entry::<ALGORITHM, true>(),
        tower_oauth2::entry::<ALGORITHM, true>(),
        axum_jwt_auth::entry::<ALGORITHM, true>(),
        ours::entry::<ALGORITHM, true>(),
    ]
}

const fn repeated<const ALGORITHM: usize>() -> [Entry; 6] {
    [
        bare_with::<ALGORITHM, false>(),
        floor::repeated::<ALGORITHM>(),
        jwt_authorizer::entry::<ALGORITHM, false>(),
        tower_oauth2::entry::<ALGORITHM, false>(),
        axum_jwt_auth::entry::<ALGORITHM, false>(),
        ours::entry::<ALGORITHM, false>(),
    ]
}

/// The bare router, asked by clients that show a token to nobody.
pub const fn bare_with<const ALGORITHM: usize, const UNSEEN: bool>() -> Entry {
    Entry {
        name: "bare",
        kind: Kind::Base,
        packages: &["axum"],
        about: "",
        prepare: || {
            let shown = Shown::new::<ALGORITHM, UNSEEN>()?;
            Ok(Subject::router(&bare::router(), shown.requests()))
        },
    }
}

/// What clients show, and who has signed it.
pub struct Shown {
    pub issuer: Issuer,
    pub tokens: Vec<String>,
}

impl Shown {
    pub fn new<const ALGORITHM: usize, const UNSEEN: bool>() -> Result<Self> {
        let issuer = Issuer::new(Algorithm::at(ALGORITHM))?;
        let tokens = issuer.tokens(if UNSEEN { IN_TURN } else { 1 })?;
        Ok(Self { issuer, tokens })
    }

    pub fn requests(&self) -> Requests {
        Requests::item(SAMPLED).authorized(&tokens::fields(&self.tokens))
    }

    /// A router that is called with them, and is proved to refuse all others.
    pub fn subject(&self, router: &Router) -> Subject {
        let router = router.clone();
        let forged = forged(&self.tokens[0]);
        Subject::router(&router, self.requests()).prove(move |_| prove_refused(&router, &forged))
    }
}

/// Peers are built by futures, which wait for nothing where the keys are at hand.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(future))
}

/// Checks that a request passes neither without a token nor with a forged one.
pub fn prove_refused(router: &Router, forged: &str) -> Result<()> {
    let forged = HeaderValue::try_from(format!("Bearer {forged}"))?;
    let item = || Requests::item(SAMPLED);
    for requests in [item(), item().authorized(&[forged])] {
        let status = Caller::new(router.clone(), requests, 0).status();
        ensure!(
            status == StatusCode::UNAUTHORIZED,
            "{status} without a good token"
        );
    }
    Ok(())
}

/// The token with another signature, in the middle of which one letter is changed.
pub fn forged(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap_or_default();
    let (before, after) = signature.split_at(signature.len() / 2);
    let other = if after.starts_with('A') { 'B' } else { 'A' };
    format!("{message}.{before}{other}{}", &after[1..])
}
