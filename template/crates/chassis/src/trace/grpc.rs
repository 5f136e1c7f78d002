//! What gRPC calls are, by the semantic conventions for RPC.
//!
//! A call is a POST with a path of `/package.Service/Method`; its status is a
//! number in the header or trailer `grpc-status`.

use http::{HeaderMap, Request, header::CONTENT_TYPE};

use crate::request::header;

const GRPC: &str = "application/grpc";
const GRPC_STATUS: &str = "grpc-status";

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
pub(super) struct Status(&'static str);

/// Whether a request is a gRPC call; gRPC-Web is not, it hides its trailers in the body.
pub(super) fn is_call<B>(request: &Request<B>) -> bool {
    is_grpc(request.headers())
}

/// Whether a response is the answer to one. Who speaks gRPC says so, also of an error.
pub(super) fn is_answer(headers: &HeaderMap) -> bool {
    is_grpc(headers) || headers.contains_key(GRPC_STATUS)
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = header(headers, CONTENT_TYPE).next();
    let rest = media_type.and_then(|value| value.as_bytes().strip_prefix(GRPC.as_bytes()));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

/// `package.Service/Method`.
pub(super) fn method(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

impl Status {
    /// Reads it from headers or trailers; a number without a name is UNKNOWN.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let number = headers.get(GRPC_STATUS)?.to_str().ok();
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let name = number.and_then(|number| NAMES.get(number));
        Some(Self(name.unwrap_or(&"UNKNOWN")))
    }

    pub(super) const fn name(self) -> &'static str {
        self.0
    }

    pub(super) fn is_ok(self) -> bool {
        self.0 == "OK"
    }

    /// Whether the server is at fault, and not the client.
    pub(super) fn is_server_error(self) -> bool {
        matches!(
            self.0,
            "UNKNOWN"
                | "DEADLINE_EXCEEDED"
                | "UNIMPLEMENTED"
                | "INTERNAL"
                | "UNAVAILABLE"
                | "DATA_LOSS"
        )
    }

    /// Whether there is no such method, so that its name is of the client's making.
    pub(super) fn is_unimplemented(self) -> bool {
        self.0 == "UNIMPLEMENTED"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_call_of(media_type: &str) -> bool {
        is_call(
            &Request::post("/")
                .header(CONTENT_TYPE, media_type)
                .body(())
                .unwrap(),
        )
    }

    #[test]
    fn a_call_is_known_by_its_media_type() {
        for call in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc; x=y",
        ] {
            assert!(is_call_of(call), "{call}");
        }
        for other in ["application/grpc-web", "application/json", ""] {
            assert!(!is_call_of(other), "{other}");
        }
        assert!(!is_call(&Request::new(())));
    }

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
