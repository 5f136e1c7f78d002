//! The audit log: one line for each request that could change something, whatever
//! became of it.
//!
//! [`Record`] stands inside of the token check and outside of everything else, and
//! sees each request by a method that is not safe (RFC 9110 section 9.2.1); a new
//! route is covered by being there. A request without a good token has changed
//! nothing and was sent by nobody: it is in the request log alone.
//!
//! A line is JSON, with `"stream":"audit"`. It is written directly, past the log's
//! filter, its sampling and its spans, before the answer is given. It has ids, and
//! neither bodies nor secrets:
//!
//! | field | |
//! |---|---|
//! | `timestamp` | when it ended (RFC 3339) |
//! | `issuer`, `subject`, `token_id` | who: the claims `iss`, `sub`, `jti` |
//! | `action` | `create`, `replace`, `modify` or `delete` |
//! | `resource_type`, `resource_id` | what: `items` and the item's id, where there is one |
//! | `outcome` | `success`, `failure`, or `unknown` if the request was cut off |
//! | `status` | the status code, if it came to one |
//! | `replayed` | whether an earlier request with the same key had done it |
//! | `trace_id`, `client_address` | where to look for more |

mod entry;
mod guard;
mod log;

use axum::{extract::Request, response::Response};

use self::entry::Entry;
pub use self::{guard::Guard, log::AuditLog};
use crate::step::Step;

/// Writes down what becomes of a request that could change something.
#[derive(Clone, Debug)]
pub struct Record(pub AuditLog);

impl Step for Record {
    type Rest = Option<Guard>;

    fn before(&self, request: &Request) -> Result<Option<Guard>, Response> {
        let is_safe = request.method().is_safe();
        Ok((!is_safe).then(|| Guard::new(self.0.clone(), Entry::of(request))))
    }
}
