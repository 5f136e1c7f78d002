//! Trace layers: who calls them tells whether its trace is sampled, and they
//! follow.

mod http_span;
mod lines;
pub mod logged;
pub mod sampled;
mod spans;
pub mod unsampled;

pub use self::spans::Spans;
