//! What gRPC calls are, by the semantic conventions for RPC.
//!
//! A call is a POST with a path of `/package.Service/Method`.

use http::{HeaderMap, Method, Request, header::CONTENT_TYPE};

pub(super) use crate::grpc::Status;
use crate::{grpc::GRPC_STATUS, request::header};

const GRPC: &str = "application/grpc";

/// Whether a request is a gRPC call; gRPC-Web is not, it hides its trailers in the body.
pub(super) fn is_call<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && is_grpc(request.headers())
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
    fn a_call_is_a_post() {
        let get = Request::get("/").header(CONTENT_TYPE, GRPC).body(());
        assert!(!is_call(&get.unwrap()));
    }
}
