use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter, UpDownCounter},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::telemetry::names::server as names;

/// Why the service ended a connection. One name for each, so that there are few series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The head of a request did not come in time.
    HeaderReadTimeout,
    /// No further request came in time.
    KeepAliveTimeout,
    /// The client took nothing of what was sent.
    WriteTimeout,
    /// It did not answer a PING.
    PingTimeout,
    /// The head of a request is too large.
    HeaderTooLarge,
    /// HTTP/2: too many resets, or another flood.
    Flood,
    /// What came is no HTTP.
    Malformed,
    /// It had nothing in flight when the listener closed.
    Drained,
    /// Its time was over at the end of the drain.
    Shutdown,
    /// TLS: no handshake in time.
    HandshakeTimeout,
    /// TLS: no certificate of the client's, or none that is accepted.
    HandshakeCertificate,
    /// TLS: anything else.
    HandshakeFailed,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::HeaderReadTimeout => "header_read_timeout",
            Self::KeepAliveTimeout => "keep_alive_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::PingTimeout => "ping_timeout",
            Self::HeaderTooLarge => "header_too_large",
            Self::Flood => "flood",
            Self::Malformed => "malformed",
            Self::Drained => "drained",
            Self::Shutdown => "shutdown",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HandshakeCertificate => "handshake_certificate",
            Self::HandshakeFailed => "handshake_failed",
        }
    }
}

/// How many connections each listener has open. Cheap to clone.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<BTreeMap<&'static str, Arc<AtomicUsize>>>>);

impl Connections {
    /// The count of this listener.
    pub(super) fn of(&self, listener: &'static str) -> Arc<AtomicUsize> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counts.entry(listener).or_default())
    }

    /// By the listener's name, as they are now.
    pub fn open(&self) -> BTreeMap<&'static str, usize> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = counts.iter();
        open.map(|(listener, count)| (*listener, count.load(Ordering::Relaxed)))
            .collect()
    }
}

/// What one listener counts. Cheap to clone.
#[derive(Clone)]
pub(super) struct Metrics(Arc<Instruments>);

struct Instruments {
    listener: KeyValue,
    open: UpDownCounter<i64>,
    open_now: Arc<AtomicUsize>,
    limit_reached: Counter<u64>,
    cut: Counter<u64>,
    accept_failures: Counter<u64>,
}

impl Metrics {
    pub(super) fn new(
        meter: &Meter,
        listener: &'static str,
        limit: usize,
        open_now: Arc<AtomicUsize>,
    ) -> Self {
        let listener = KeyValue::new(names::LISTENER, listener);
        let counter = |name, description, unit| {
            let counter = meter.u64_counter(name).with_description(description);
            counter.with_unit(unit).build()
        };
        meter
            .u64_gauge(names::CONNECTION_LIMIT)
            .with_description("The most connections that may be open at one time.")
            .with_unit("{connection}")
            .build()
            .record(limit as u64, std::slice::from_ref(&listener));
        let limit_reached = counter(
            names::LIMIT_REACHED,
            "How often the last place for a connection was taken.",
            "{time}",
        );
        // The series is there before the first time, so that an alert sees that one too.
        limit_reached.add(0, std::slice::from_ref(&listener));
        Self(Arc::new(Instruments {
            listener,
            open_now,
            open: meter
                .i64_up_down_counter(names::OPEN_CONNECTIONS)
                .with_description("Connections that are open.")
                .with_unit("{connection}")
                .build(),
            limit_reached,
            cut: counter(
                names::CUT,
                "Connections that the service ended, by why.",
                "{connection}",
            ),
            accept_failures: counter(
                names::ACCEPT_FAILURES,
                "Connections that could not be accepted, by why.",
                "{failure}",
            ),
        }))
    }

    /// A connection is open from here on.
    pub(super) fn opened(&self, permit: OwnedSemaphorePermit) -> Open {
        self.0.open.add(1, std::slice::from_ref(&self.0.listener));
        self.0.open_now.fetch_add(1, Ordering::Relaxed);
        Open {
            metrics: self.clone(),
            _permit: permit,
        }
    }

    pub(super) fn limit_reached(&self) {
        self.0
            .limit_reached
            .add(1, std::slice::from_ref(&self.0.listener));
    }

    pub(super) fn cut(&self, reason: Reason) {
        self.0.cut.add(1, &self.with(reason.name()));
    }

    pub(super) fn accept_failed(&self, reason: &'static str) {
        self.0.accept_failures.add(1, &self.with(reason));
    }

    fn with(&self, reason: &'static str) -> [KeyValue; 2] {
        [
            self.0.listener.clone(),
            KeyValue::new(names::REASON, reason),
        ]
    }
}

/// An open connection, and its place among those that may be open.
pub(super) struct Open {
    metrics: Metrics,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Open {
    fn drop(&mut self) {
        let Instruments {
            open,
            open_now,
            listener,
            ..
        } = &*self.metrics.0;
        open.add(-1, std::slice::from_ref(listener));
        open_now.fetch_sub(1, Ordering::Relaxed);
    }
}
