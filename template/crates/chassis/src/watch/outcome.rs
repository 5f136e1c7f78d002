use std::{fmt, sync::LazyLock};

use http::StatusCode;

/// What has become of a request.
pub struct Outcome<'a> {
    /// The status of the response, if it came to one.
    pub(crate) status: Option<StatusCode>,
    /// How it ended.
    pub(super) ending: Ending,
    /// The error that ended it.
    #[cfg_attr(not(feature = "trace"), expect(dead_code, reason = "is for logs only"))]
    pub(crate) error: Option<&'a dyn fmt::Display>,
    /// How much of the body was passed on, in bytes.
    pub(crate) body_bytes: u64,
}

/// How a request ends.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// The response was passed on whole.
    Complete,
    /// The body was dropped before its end: the client has hung up.
    BodyDropped,
    /// The body failed.
    BodyFailed,
    /// The service failed before there was a response.
    ServiceFailed,
    /// The future was dropped before there was a response: the client has hung up.
    Cancelled,
    /// The service or the body panicked.
    Panicked,
}

/// All of 4xx and 5xx, for the text of a status lives as long as the status.
static ERRORS: LazyLock<Vec<StatusCode>> = LazyLock::new(|| {
    let codes = (FIRST_ERROR..600).map(StatusCode::from_u16);
    codes.filter_map(Result::ok).collect()
});

const FIRST_ERROR: u16 = 400;

fn error_text(status: StatusCode) -> Option<&'static str> {
    let number = status.as_u16().checked_sub(FIRST_ERROR)?;
    ERRORS.get(usize::from(number)).map(StatusCode::as_str)
}

impl Outcome<'_> {
    /// `error.type` by the semantic conventions: none if nothing went wrong,
    /// else one of a few values.
    pub(crate) fn error_type(&self) -> Option<&'static str> {
        match self.ending {
            Ending::Complete => {
                let status = self.status.filter(StatusCode::is_server_error);
                status.and_then(error_text)
            }
            Ending::BodyDropped | Ending::Cancelled => Some("cancelled"),
            Ending::BodyFailed => Some("body_error"),
            Ending::ServiceFailed => Some("service_error"),
            Ending::Panicked => Some("panic"),
        }
    }
}

#[cfg(feature = "trace")]
impl Outcome<'_> {
    /// As [`Outcome::error_type`], for who has sent the request: a 4xx is an error, and
    /// to have read enough of the body is none.
    pub(crate) fn client_error_type(&self) -> Option<&'static str> {
        match self.ending {
            Ending::Complete | Ending::BodyDropped => self.status.and_then(error_text),
            _ => self.error_type(),
        }
    }

    /// Whether it is the server's fault, rather than a client's that hung up.
    pub(crate) fn is_server_error(&self) -> bool {
        match self.ending {
            Ending::BodyFailed | Ending::ServiceFailed | Ending::Panicked => true,
            Ending::Complete | Ending::BodyDropped | Ending::Cancelled => {
                self.status.is_some_and(|status| status.is_server_error())
            }
        }
    }

    /// How it ended, as the value of an attribute.
    pub(crate) fn ending(&self) -> &'static str {
        match self.ending {
            Ending::Complete => "complete",
            Ending::BodyDropped => "body_dropped",
            Ending::BodyFailed => "body_failed",
            Ending::ServiceFailed => "service_failed",
            Ending::Cancelled => "cancelled",
            Ending::Panicked => "panicked",
        }
    }
}
