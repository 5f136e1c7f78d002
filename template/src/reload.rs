//! New settings without a restart: at SIGHUP, and when the file has changed.
//!
//! Whoever looks at a setting more than once holds a [`Live`]. What may change is in
//! [`Loaded::changed_by`]; of every other key the log says that it waits for a restart.
//! A configuration with a fault is refused whole, and the last good one goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    config::{Change, Config, Faults, Loaded},
    telemetry::names::config as names,
};

/// The configuration that is in effect. Cheap to clone, and to read for each request.
#[derive(Clone, Debug)]
pub struct Live(watch::Receiver<Arc<Loaded>>);

impl Live {
    /// Reads the configuration again at SIGHUP, and whenever its file has changed, for
    /// as long as the runtime lives.
    pub fn follow(loaded: Loaded, meter: &Meter) -> Self {
        let (effective, current) = watch::channel(Arc::new(loaded));
        let reloader = Reloader::new(effective, meter);
        tokio::spawn(reloader.run());
        Self(current)
    }

    /// The whole of it, with the sources of its values.
    pub fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.borrow())
    }

    /// Looks at a setting. While it looks no other configuration can be taken: copy what
    /// must last.
    pub fn read<T>(&self, look: impl FnOnce(&Config) -> T) -> T {
        look(&self.0.borrow().config)
    }

    /// Waits for the next configuration; `None` if there will be no other.
    pub async fn changed(&mut self) -> Option<Arc<Loaded>> {
        self.0.changed().await.ok()?;
        Some(Arc::clone(&self.0.borrow_and_update()))
    }
}

struct Reloader {
    effective: watch::Sender<Arc<Loaded>>,
    /// What the file held when it was taken or refused, and at the last look.
    judged: Option<Vec<u8>>,
    seen: Option<Vec<u8>>,
    /// Why that was refused, if it was.
    refused: Option<String>,
    reloads: Counter<u64>,
    last_success: Arc<AtomicU64>,
}

impl Reloader {
    fn new(effective: watch::Sender<Arc<Loaded>>, meter: &Meter) -> Self {
        // Not what it holds now: it may have changed since.
        let contents = effective.borrow().contents().map(<[u8]>::to_vec);
        let last_success = Arc::new(AtomicU64::new(seconds_since_1970()));
        observe(meter, effective.subscribe(), Arc::clone(&last_success));
        let reloads = meter
            .u64_counter(names::RELOADS)
            .with_description("Readings of a new configuration, by what became of it.")
            .with_unit("{reload}")
            .build();
        // The series are there before the first one, so that an alert sees that one too.
        for outcome in ["applied", "unchanged", "refused"] {
            reloads.add(0, &[KeyValue::new(names::OUTCOME, outcome)]);
        }
        Self {
            effective,
            judged: contents.clone(),
            seen: contents,
            refused: None,
            reloads,
            last_success,
        }
    }

    async fn run(mut self) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut ticks = ticks(&self.effective.borrow().config);
        loop {
            let asked = tokio::select! {
                () = next_tick(&mut ticks) => false,
                () = next_signal(&mut hangup) => true,
            };
            // Files may hang; the other tasks of this thread must not.
            let looked = tokio::task::spawn_blocking(move || {
                self.look(asked);
                self
            });
            match looked.await {
                Ok(reloader) => self = reloader,
                Err(error) => {
                    tracing::error!(%error, "the configuration is not read again any more");
                    return;
                }
            }
        }
    }

    /// Contents count, not times or links: Kubernetes swaps a folder's link, editors
    /// replace the file. Who writes in place is not done at the first look. What was refused
    /// is tried again: a file that it names, such as one with keys, may come later.
    fn look(&mut self, asked: bool) {
        let contents = self.effective.borrow().contents_now();
        let is_new = contents != self.judged;
        let is_still = contents == self.seen;
        self.seen.clone_from(&contents);
        if asked || (is_still && (is_new || self.refused.is_some())) {
            self.judged = contents;
            let before = Arc::clone(&self.effective.borrow());
            match before.read_again() {
                Ok(new) => self.take(&before, before.changed_by(new)),
                Err(faults) => self.refuse(&faults, asked || is_new),
            }
        }
    }

    /// Told while nobody can read either: by the log's old filter, and whoever has read
    /// the line finds the new values.
    fn take(&mut self, before: &Loaded, change: Change) {
        self.refused = None;
        let Change { loaded, applied } = change;
        let is_new = !applied.is_empty();
        self.count(if is_new { "applied" } else { "unchanged" });
        self.last_success
            .store(seconds_since_1970(), Ordering::Relaxed);
        self.effective.send_modify(|effective| {
            tell(before, &loaded, &applied);
            *effective = Arc::new(loaded);
        });
    }

    /// What is refused once more for the same reason is not told again.
    fn refuse(&mut self, faults: &Faults, is_news: bool) {
        let reason = faults.to_string();
        if is_news || self.refused.as_ref() != Some(&reason) {
            self.count("refused");
            tracing::error!(
                cause = reason,
                "the new configuration is refused, the old one goes on"
            );
        }
        self.refused = Some(reason);
    }

    fn count(&self, outcome: &'static str) {
        self.reloads
            .add(1, &[KeyValue::new(names::OUTCOME, outcome)]);
    }
}

fn tell(before: &Loaded, loaded: &Loaded, applied: &[String]) {
    if applied.is_empty() {
        tracing::info!("the configuration in effect is as it was");
    } else {
        let changed = applied.join(", ");
        tracing::info!(changed, "the configuration has changed");
    }
    if !loaded.waiting().eq(before.waiting()) && loaded.waiting().next().is_some() {
        let keys = loaded.waiting().collect::<Vec<_>>().join(", ");
        tracing::warn!(keys, "new values wait for a restart");
    }
}

/// When to look at the file, if there is one to look at.
fn ticks(config: &Config) -> Option<Interval> {
    let every = Some(config.reload.interval).filter(|every| !every.is_zero())?;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(ticks)
}

async fn next_tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}

async fn next_signal(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn observe(meter: &Meter, current: watch::Receiver<Arc<Loaded>>, last_success: Arc<AtomicU64>) {
    meter
        .u64_observable_gauge(names::LAST_SUCCESS)
        .with_description("When a configuration without a fault was last read.")
        .with_unit("s")
        .with_callback(move |observer| observer.observe(last_success.load(Ordering::Relaxed), &[]))
        .build();
    let waiting = current.clone();
    meter
        .u64_observable_gauge(names::WAITING)
        .with_description("Keys whose new values wait for a restart.")
        .with_unit("{key}")
        .with_callback(move |observer| {
            let count = waiting.borrow().waiting().count();
            observer.observe(count as u64, &[]);
        })
        .build();
    meter
        .u64_observable_gauge(names::HASH)
        .with_description("Differs between instances of one build that are configured differently.")
        .with_callback(move |observer| observer.observe(current.borrow().hash(), &[]))
        .build();
}

fn seconds_since_1970() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;

    use super::*;
    use crate::config::Environment;

    #[tokio::test]
    async fn what_changes_before_it_is_looked_at_is_noticed_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("service.toml");
        fs::write(&file, "").unwrap();
        let environment = Environment::from_iter([
            ("APP_PROFILE", "development"),
            ("APP_CONFIG_FILE", file.to_str().unwrap()),
            ("APP_RELOAD__INTERVAL", "10ms"),
        ]);
        let loaded = Config::load(&environment).unwrap();
        fs::write(&file, "flags.read_only = true").unwrap();
        let mut live = Live::follow(loaded, &opentelemetry::global::meter("test"));
        let changed = timeout(Duration::from_secs(20), live.changed()).await;
        let loaded = changed.expect("it is noticed").unwrap();
        assert!(loaded.config.flags.read_only);
    }
}
