use console_subscriber::ConsoleLayer;
use tracing_subscriber::{Layer, registry::LookupSpan};

/// Tells `tokio-console` of every task, at 127.0.0.1:6669 or where
/// `TOKIO_CONSOLE_BIND` says, from a thread of its own.
///
/// There is nothing to tell unless the whole program was built with
/// `RUSTFLAGS="--cfg tokio_unstable"`.
pub(super) fn layer<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    ConsoleLayer::builder().with_default_env().spawn()
}
