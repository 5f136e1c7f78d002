//! A request is watched from its call to the end of its response's body.
//!
//! Whatever happens to it, its [`Watch`] is told exactly once: a guard holds the
//! watch, owned by the future until the response's head is there, then by the
//! body.

mod body;
mod future;
mod guard;
mod outcome;

use http::{HeaderMap, Response};

pub use self::{body::ResponseBody, future::ResponseFuture, outcome::Outcome};
use self::{guard::Guard, outcome::Ending};

/// Sees one request pass.
pub trait Watch {
    /// Runs one step of the request: the call, a poll of its future or of its body.
    fn step<T>(&self, step: impl FnOnce() -> T) -> T {
        step()
    }

    /// The head of the response is there.
    fn head<B>(&mut self, _response: &Response<B>) {}

    /// The trailers of the response are there.
    fn trailers(&mut self, _trailers: &HeaderMap) {}

    /// The request is over.
    fn end(self, outcome: Outcome<'_>);
}
