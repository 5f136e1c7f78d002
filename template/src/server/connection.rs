use std::{
    error::Error,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    activity::{Due, GRACE, Patience},
    exchange::{App, Exchange},
    metrics::Reason,
};

/// Serves one connection to its end, and says why the service ended it, if it did.
///
/// A connection that is to close tells its client, by `Connection: close` or GOAWAY, but
/// not before a request has come: whoever has connected is answered. If the client does
/// not go although nothing is in flight, it is cut.
pub(super) async fn serve<I, S>(
    builder: &Builder<TokioExecutor>,
    io: I,
    exchange: Exchange<S>,
    patience: &Patience,
    draining: &CancellationToken,
) -> Option<Reason>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: App,
{
    let activity = Arc::clone(&exchange.activity);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), exchange));
    let mut draining = pin!(draining.cancelled());
    let mut alarm = pin!(sleep(patience.tick()));
    let mut closing = None;
    let mut asked = false;
    poll_fn(|cx| {
        loop {
            let now = Instant::now();
            if closing.is_none() && draining.as_mut().poll(cx).is_ready() {
                closing = Some(Reason::Drained);
                activity.close(now);
                alarm.as_mut().reset(now + GRACE);
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                let fault = ended.err().and_then(|error| fault(&*error));
                return Poll::Ready(fault.or(closing.filter(|reason| *reason != Reason::Drained)));
            }
            if !asked && activity.can_be_asked() {
                connection.as_mut().graceful_shutdown();
                asked = true;
                continue;
            }
            ready!(alarm.as_mut().poll(cx));
            let wait = match activity.due(now, patience) {
                Due::Nothing(deadline) => deadline,
                Due::Close(reason) => {
                    closing = Some(reason);
                    activity.close(now);
                    None
                }
                Due::Cut(reason) => return Poll::Ready(Some(closing.unwrap_or(reason))),
            };
            let tick = now + closing.map_or(patience.tick(), |_| GRACE);
            alarm
                .as_mut()
                .reset(wait.map_or(tick, |deadline| deadline.min(tick)));
        }
    })
    .await
}

/// The client's fault that ended a connection; a client that hung up has none.
fn fault(error: &(dyn Error + Send + Sync + 'static)) -> Option<Reason> {
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_parse_too_large() {
        return Some(Reason::HeaderTooLarge);
    }
    if error.is_timeout() {
        return Some(Reason::PingTimeout);
    }
    if error.is_parse() {
        return Some(Reason::Malformed);
    }
    let http2 = error.source()?.downcast_ref::<h2::Error>()?;
    match http2.reason() {
        Some(h2::Reason::ENHANCE_YOUR_CALM) => Some(Reason::Flood),
        // Said by us, not by the client.
        Some(_) if http2.is_library() => Some(Reason::Malformed),
        _ => None,
    }
}
