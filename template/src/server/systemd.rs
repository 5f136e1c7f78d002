//! What systemd hands over, and what it is told; elsewhere all of it does nothing.
//!
//! - Socket activation, [`sd_listen_fds(3)`]: a socket whose `FileDescriptorName=` is
//!   `public`, `operations` or `redirect` is that listener's; the first with any other
//!   name is the public one's.
//! - [`sd_notify(3)`]: `READY=1` when the API is served, `STATUS=` and `STOPPING=1` at the
//!   signal, and `WATCHDOG=1` twice in each `WatchdogSec=`, from the runtime that serves.
//!
//! [`sd_listen_fds(3)`]: https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
//! [`sd_notify(3)`]: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html

use std::{env, io, net::TcpListener};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// The sockets that were handed over, by the names of their listeners.
pub(super) struct Sockets(Vec<(String, TcpListener)>);

impl Sockets {
    /// Takes them from the environment, once.
    pub(super) fn take() -> io::Result<Self> {
        let mut passed = ListenFd::from_env();
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut sockets = Vec::with_capacity(passed.len());
        for index in 0..passed.len() {
            let name = names.next().unwrap_or_default().to_owned();
            if let Some(socket) = passed.take_tcp_listener(index)? {
                sockets.push((name, socket));
            }
        }
        Ok(Self(sockets))
    }

    /// The socket of this listener, if there is one.
    pub(super) fn of(&mut self, listener: &str) -> Option<TcpListener> {
        let found = self.0.iter().position(|(name, _)| name == listener)?;
        Some(self.0.remove(found).1)
    }

    /// The first of those that no listener has taken.
    pub(super) fn unnamed(&mut self) -> Option<TcpListener> {
        (!self.0.is_empty()).then(|| self.0.remove(0).1)
    }
}

/// The API is served from here on.
pub(super) fn ready() {
    notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
    if let Some(period) = sd_notify::watchdog_enabled() {
        let mut beats = interval(period / 2);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                beats.tick().await;
                notify(&[NotifyState::Watchdog]);
            }
        });
    }
}

/// The service goes down.
pub(super) fn stopping() {
    notify(&[
        NotifyState::Stopping,
        NotifyState::Status("draining: requests in flight are answered"),
    ]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_listener_takes_the_first_socket_that_no_other_is_named_for() {
        let socket = |name: &str| {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            (name.to_owned(), socket)
        };
        let mut sockets = Sockets(["operations", "first", "second"].map(socket).into());
        let first = sockets.0[1].1.local_addr().unwrap();
        assert!(sockets.of("operations").is_some());
        assert!(sockets.of("redirect").is_none());
        assert_eq!(sockets.unnamed().unwrap().local_addr().unwrap(), first);
    }
}
