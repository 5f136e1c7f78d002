use console_subscriber::ConsoleLayer;
use tracing_subscriber::{Layer, registry::LookupSpan};

/// Tells `tokio-console` of every task, at 127.0.0.1:6669 or where
/// `TOKIO_CONSOLE_BIND` says, from a thread of its own.
///
/// None where the runtime knows nothing to tell: it has to be built with
/// `RUSTFLAGS="--cfg tokio_unstable"`.
pub(super) fn layer<S>() -> Option<impl Layer<S>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    cfg!(tokio_unstable).then(|| ConsoleLayer::builder().with_default_env().spawn())
}
