//! The life of the process: up in order, down without losing a request.
//!
//! Up: the private listener answers probes → the store is connected and
//! migrated → the public listener accepts → ready.
//!
//! Down, at SIGTERM or SIGINT: not ready → lame duck, still serving, while load
//! balancers take notice → the public listener closes → requests in flight
//! finish → the store closes, and publishes no more → the private listener
//! closes. Each step has its deadline in [`Shutdown`].

mod accept;
mod activity;
mod connection;
mod descriptors;
mod exchange;
mod front;
mod handshake;
mod listener;
mod metrics;
mod protocol;
mod redirect;
mod socket;
mod systemd;
#[cfg(test)]
mod tests;
mod upload;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::Router;
use axum_chassis::health::{Check, Health, HealthBuilder};
use opentelemetry::metrics::Meter;
use time::OffsetDateTime;
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use self::front::{Bound, Front, Public};
pub use self::metrics::Connections;
use crate::{
    audit::AuditLog,
    config::{self, Loaded, Shutdown},
    exit::Exit,
    idempotency::{Idempotency, spawn_clean_up},
    metrics::Metrics,
    operations::{self, Operations},
    reload::Live,
    router,
    signal::Signals,
    state::AppState,
    store::{Store, StoreError},
    telemetry::Telemetry,
    tls::{Certificates, Identity, TlsError},
    trust::{Trust, TrustError},
    webhook::{Webhook, WebhookError},
};

/// How soon it is seen that the store is gone, or is back.
const STORE_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// How serving ended: which deadlines were missed on the way down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending(Vec<&'static str>);

impl Ending {
    /// Whether every request that was accepted was answered, and all in time.
    pub fn is_clean(&self) -> bool {
        self.0.is_empty()
    }

    /// The same ending, with one more deadline missed.
    #[must_use]
    pub fn missed(mut self, deadline: &'static str) -> Self {
        self.0.push(deadline);
        self
    }
}

/// The deadlines that were missed.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Why serving did not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {name} requests: is it in use? set {field}")]
    Listen {
        /// Which listener.
        name: &'static str,
        /// The setting that names the address.
        field: &'static str,
        /// The address that was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The store cannot be reached or migrated.
    #[error("the store cannot be opened")]
    Store(#[from] StoreError),
    /// The audit log cannot be appended to.
    #[error("audit.file cannot be opened")]
    Audit(#[source] io::Error),
    /// The keys were there when the configuration was checked, and are no more.
    #[error("the keys of auth cannot be used")]
    Trust(#[from] TrustError),
    /// Nobody can be told of new items.
    #[error("the webhook cannot be set up")]
    Webhook(#[from] WebhookError),
    /// So was the certificate.
    #[error("the certificate cannot be shown: {0}")]
    Certificate(String),
    /// Something of the system's failed.
    #[error("the server failed")]
    Io(#[from] io::Error),
}

/// Serves these routes until a signal, then goes down in order. With an identity given,
/// the public listener shows that one, whatever the configuration says.
///
/// # Errors
///
/// If an address is taken, the store cannot be opened, or the system fails.
pub async fn run(
    loaded: &Loaded,
    telemetry: &Telemetry,
    routes: Router<AppState>,
    identity: Option<Identity>,
) -> Result<Ending, ServeError> {
    let config = &loaded.config;
    let mut signals = Signals::listen()?;
    let bound = Bound::all(config)?;
    let meter = telemetry.meter();
    let certificates = certificates(&config.tls, identity, &meter)?;
    let front = Front::new(config, certificates, &meter);
    let audit = AuditLog::open(&config.audit, &meter).map_err(ServeError::Audit)?;
    let trust = Trust::start(&config.auth, &meter)?;

    let live = Live::follow(loaded.clone(), &meter);
    telemetry.follow(live.clone());

    let store = Arc::new(OnceLock::new());
    let health = health(Arc::clone(&store), &trust, telemetry);
    health.observe(&meter);
    let private = Operations {
        registry: telemetry.registry(),
        live: live.clone(),
        log_level: telemetry.log_level(),
        connections: front.connections(),
        started_at: OffsetDateTime::now_utc(),
    };
    let private = operations::router(health.clone(), private);
    let operations = front.operations(bound.operations, private)?;

    let opened = tokio::select! {
        opened = Store::open(&config.store) => opened?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before the store was open");
            return Ok(Ending::default());
        }
    };
    let store = store.get_or_init(|| opened).clone();
    let _checks = health.spawn();
    store.start(config, telemetry)?;
    telemetry.observe_runtime(&Handle::current());
    let _clean_up = spawn_clean_up(store.clone(), config.idempotency.clean_up_interval, &meter);
    let webhook = Webhook::new(config, telemetry)?;
    let state = AppState {
        store: store.clone(),
        audit,
        idempotency: Idempotency::new(config.idempotency.retention, &meter),
        live,
        metrics: Metrics::new(&meter),
        webhook: webhook.clone(),
    };
    let verifier = trust.verifier();
    let api = router::public(config, routes, state, verifier, telemetry, health.clone());
    let mut public = front.public(bound.public, bound.redirect, api)?;
    health.mark_started();
    systemd::ready();

    let signal = signals.next().await;
    tracing::info!(signal, "draining");
    systemd::stopping();
    let mut ending = tokio::select! {
        ending = drain(&config.shutdown, &health, &mut public) => ending,
        _ = signals.next() => Ending::default().missed("the drain, by a second signal"),
    };
    public.cut();
    let close = async { tokio::join!(webhook.finish(), store.close()) };
    let closed = timeout(config.shutdown.close_timeout, close).await;
    if closed.is_err() {
        ending = ending.missed("shutdown.close_timeout");
    }
    operations.cut();
    Ok(ending)
}

/// What the public listener shows, if it speaks TLS.
fn certificates(
    tls: &config::Tls,
    identity: Option<Identity>,
    meter: &Meter,
) -> Result<Option<Certificates>, ServeError> {
    match identity {
        Some(identity) => Ok(Some(Certificates::fixed(identity, meter))),
        None if tls.certificate_file.is_some() => Ok(Some(Certificates::follow(tls, meter)?)),
        None => Ok(None),
    }
}

/// Readiness hangs on the store, and on each issuer's first keys. That telemetry does not
/// arrive is told, and keeps nobody from being served.
fn health(store: Arc<OnceLock<Store>>, trust: &Trust, telemetry: &Telemetry) -> Health {
    let check = Check::new("store", move || {
        let store = store.get().cloned();
        async move {
            match store {
                Some(store) => store.ping().await.map_err(Into::into),
                None => Err("not open yet".into()),
            }
        }
    });
    let checks = Health::builder().check(check.interval(STORE_CHECK_INTERVAL));
    let others = trust.checks().chain(telemetry.checks());
    others.fold(checks, HealthBuilder::check).build()
}

async fn drain(deadlines: &Shutdown, health: &Health, public: &mut Public) -> Ending {
    health.mark_draining();
    sleep(deadlines.drain_delay).await;
    if timeout(deadlines.drain_timeout, public.drain())
        .await
        .is_ok()
    {
        return Ending::default();
    }
    tracing::error!(connections = public.connections(), "connections are cut");
    Ending::default().missed("shutdown.drain_timeout")
}

impl From<Vec<TlsError>> for ServeError {
    fn from(errors: Vec<TlsError>) -> Self {
        let reasons = errors
            .iter()
            .map(|error| format!("{} {error}", error.field()));
        Self::Certificate(reasons.collect::<Vec<_>>().join("; "))
    }
}

impl From<&ServeError> for Exit {
    fn from(error: &ServeError) -> Self {
        match error {
            ServeError::Listen { .. } | ServeError::Store(_) => Self::Unavailable,
            ServeError::Audit(_)
            | ServeError::Certificate(_)
            | ServeError::Trust(_)
            | ServeError::Webhook(_) => Self::Config,
            ServeError::Io(_) => Self::Failure,
        }
    }
}
