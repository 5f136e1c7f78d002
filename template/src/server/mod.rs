//! The life of the process: up in order, down without losing a request.
//!
//! Up: the private listener answers probes → the store is connected and
//! migrated → the public listener accepts → ready.
//!
//! Down, at SIGTERM or SIGINT: not ready → lame duck, still serving, while load
//! balancers take notice → the public listener closes → requests in flight
//! finish → the store closes → the private listener closes. Each step has its
//! deadline in [`Shutdown`].

mod listener;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum_chassis::health::{Check, Health};
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use self::listener::{Listener, Running};
use crate::{
    audit::AuditLog,
    config::{AuthError, Config, Shutdown},
    exit::Exit,
    idempotency::{Idempotency, spawn_clean_up},
    metrics::Metrics,
    router,
    signal::Signals,
    state::AppState,
    store::{Store, StoreError},
    telemetry::Telemetry,
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
    #[error("the keys of auth cannot be read")]
    Keys(#[from] AuthError),
    /// Nobody can be told of new items.
    #[error("the webhook cannot be set up")]
    Webhook(#[from] WebhookError),
    /// Something of the system's failed.
    #[error("the server failed")]
    Io(#[from] io::Error),
}

/// Serves until a signal, then goes down in order.
///
/// # Errors
///
/// If an address is taken, the store cannot be opened, or the system fails.
pub async fn run(config: &Config, telemetry: &Telemetry) -> Result<Ending, ServeError> {
    let mut signals = Signals::listen()?;
    let operations = Listener::bind(
        "operations",
        "operations.address",
        config.operations.address,
    )?;
    let public = Listener::bind("public", "http.address", config.http.address)?;
    let meter = telemetry.meter();
    let audit = AuditLog::open(&config.audit, &meter).map_err(ServeError::Audit)?;

    let store = Arc::new(OnceLock::new());
    let health = health(Arc::clone(&store));
    let probes = router::operations(health.clone(), telemetry.registry());
    let operations = operations.serve(probes, &config.http)?;

    let opened = tokio::select! {
        opened = Store::open(&config.store) => opened?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before the store was open");
            return Ok(Ending::default());
        }
    };
    let store = store.get_or_init(|| opened).clone();
    let _checks = health.spawn();
    store.observe(&meter);
    telemetry.observe_runtime(&Handle::current());
    let _clean_up = spawn_clean_up(store.clone(), config.idempotency.clean_up_interval, &meter);
    let webhook = Webhook::new(config, telemetry)?;
    let state = AppState {
        store: store.clone(),
        audit,
        idempotency: Idempotency::new(config.idempotency.retention, &meter),
        metrics: Metrics::new(&meter),
        webhook: webhook.clone(),
    };
    let verifier = config.auth.verifier()?;
    let api = router::public(config, state, verifier, telemetry, health.clone());
    let mut public = public.serve(api, &config.http)?;
    health.mark_started();

    let signal = signals.next().await;
    tracing::info!(signal, "draining");
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

/// The one check that readiness hangs on.
fn health(store: Arc<OnceLock<Store>>) -> Health {
    let check = Check::new("store", move || {
        let store = store.get().cloned();
        async move {
            match store {
                Some(store) => store.ping().await.map_err(Into::into),
                None => Err("not open yet".into()),
            }
        }
    });
    let check = check.interval(STORE_CHECK_INTERVAL);
    Health::builder().check(check).build()
}

async fn drain(deadlines: &Shutdown, health: &Health, public: &mut Running) -> Ending {
    health.mark_draining();
    sleep(deadlines.drain_delay).await;
    match timeout(deadlines.drain_timeout, public.drain()).await {
        Ok(Ok(())) => Ending::default(),
        Ok(Err(error)) => {
            tracing::error!(%error, "the public listener failed");
            Ending::default()
        }
        Err(_) => {
            tracing::error!(connections = public.connections(), "connections are cut");
            Ending::default().missed("shutdown.drain_timeout")
        }
    }
}

impl From<&ServeError> for Exit {
    fn from(error: &ServeError) -> Self {
        match error {
            ServeError::Listen { .. } | ServeError::Store(_) => Self::Unavailable,
            ServeError::Audit(_) | ServeError::Keys(_) | ServeError::Webhook(_) => Self::Config,
            ServeError::Io(_) => Self::Failure,
        }
    }
}
