use std::sync::Arc;

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{Identity, TlsError, files::Files};
use crate::{config::Tls, telemetry::names::tls as names};

/// The identity that is shown to the next client. Cheap to clone.
#[derive(Clone)]
pub struct Certificates(watch::Receiver<Arc<Identity>>);

impl Certificates {
    /// One that never changes.
    pub fn fixed(identity: Identity, meter: &Meter) -> Self {
        let (_, current) = watch::channel(Arc::new(identity));
        observe_expiry(meter, current.clone());
        Self(current)
    }

    /// The one that the files hold. As long as somebody holds the result, they are
    /// looked at every `reload_interval`, and at SIGHUP. What cannot be shown is
    /// refused, and the last good one goes on.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files now.
    pub fn follow(tls: &Tls, meter: &Meter) -> Result<Self, Vec<TlsError>> {
        let files = Files::read(tls)?;
        let identity = Identity::of(files.parse()?, tls.client_certificates)?;
        let (shown, current) = watch::channel(Arc::new(identity));
        observe_expiry(meter, current.clone());
        let reloads = meter
            .u64_counter(names::RELOADS)
            .with_description("New contents of the certificate's files, by what became of them.")
            .with_unit("{reload}")
            .build();
        let follower = Follower {
            tls: tls.clone(),
            files,
            refused: None,
            shown,
            reloads,
        };
        tokio::spawn(follower.run());
        Ok(Self(current))
    }

    /// The identity for the next client.
    pub fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.0.borrow())
    }
}

struct Follower {
    tls: Tls,
    /// What is shown.
    files: Files,
    /// Why the newest contents are not: each reason is told once.
    refused: Option<String>,
    shown: watch::Sender<Arc<Identity>>,
    reloads: Counter<u64>,
}

impl Follower {
    async fn run(mut self) {
        let mut ticks = interval(self.tls.reload_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = next(&mut hangup) => {}
                () = self.shown.closed() => return,
            }
            // Files may hang; the other tasks of this thread must not.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(follower) => self = follower,
                Err(error) => {
                    tracing::error!(%error, "the certificate is not looked at any more");
                    return;
                }
            }
        }
    }

    fn look(&mut self) {
        match Files::read(&self.tls) {
            Ok(files) if files == self.files => self.refused = None,
            Ok(files) => match files
                .parse()
                .and_then(|parsed| Identity::of(parsed, self.tls.client_certificates))
            {
                Ok(identity) => self.show(files, identity),
                Err(errors) => self.refuse(&errors),
            },
            Err(errors) => self.refuse(&errors),
        }
    }

    fn show(&mut self, files: Files, identity: Identity) {
        self.files = files;
        self.refused = None;
        let expiry = identity.expiry_timestamp();
        self.shown.send_replace(Arc::new(identity));
        self.count("reloaded");
        tracing::info!(expiry, "the certificate was replaced");
    }

    fn refuse(&mut self, errors: &[TlsError]) {
        let reasons = errors.iter().map(|e| format!("{} {e}", e.field()));
        let reason = reasons.collect::<Vec<_>>().join("; ");
        if self.refused.as_ref() == Some(&reason) {
            return;
        }
        self.count("refused");
        tracing::error!(cause = %reason, "the new certificate is refused, the old one goes on");
        self.refused = Some(reason);
    }

    fn count(&self, outcome: &'static str) {
        self.reloads
            .add(1, &[KeyValue::new(names::OUTCOME, outcome)]);
    }
}

async fn next(hangup: &mut Option<Signal>) {
    match hangup {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn observe_expiry(meter: &Meter, current: watch::Receiver<Arc<Identity>>) {
    meter
        .i64_observable_gauge(names::CERTIFICATE_EXPIRY)
        .with_description("Until when the certificate that is shown is valid.")
        .with_unit("s")
        .with_callback(move |observer| {
            observer.observe(current.borrow().expiry_timestamp(), &[]);
        })
        .build();
}
