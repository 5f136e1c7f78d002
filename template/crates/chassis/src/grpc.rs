//! How a gRPC call has ended, by the semantic conventions for RPC: with a number in the
//! header or trailer `grpc-status`.

use http::{HeaderMap, HeaderName};

use crate::request::header;

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The status codes of gRPC by their numbers.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// How a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(&'static str);

impl Status {
    /// Reads it from headers or trailers; a number without a name is UNKNOWN.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let number = header(headers, GRPC_STATUS).next()?.to_str().ok();
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let name = number.and_then(|number| NAMES.get(number));
        Some(Self(name.unwrap_or(&"UNKNOWN")))
    }

    /// The `error.type` of a server: its name, if the server is at fault, and not the client.
    pub(crate) fn server_error(self) -> Option<&'static str> {
        let is_error = matches!(
            self.0,
            "UNKNOWN"
                | "DEADLINE_EXCEEDED"
                | "UNIMPLEMENTED"
                | "INTERNAL"
                | "UNAVAILABLE"
                | "DATA_LOSS"
        );
        is_error.then_some(self.0)
    }
}

#[cfg(any(feature = "trace", test))]
impl Status {
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }
}

#[cfg(feature = "trace")]
impl Status {
    pub(crate) fn is_ok(self) -> bool {
        self.0 == "OK"
    }

    /// Whether there is no such method, so that its name is of the client's making.
    pub(crate) fn is_unimplemented(self) -> bool {
        self.0 == "UNIMPLEMENTED"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_name_of_its_number() {
        let status = |number: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_STATUS, number.parse().unwrap());
            Status::of(&headers).unwrap().name()
        };
        assert_eq!(status("0"), "OK");
        assert_eq!(status("16"), "UNAUTHENTICATED");
        assert_eq!(status("17"), "UNKNOWN");
        assert_eq!(status("none"), "UNKNOWN");
        assert_eq!(Status::of(&HeaderMap::new()), None);
    }
}
