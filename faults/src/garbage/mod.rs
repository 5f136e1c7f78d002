//! Requests that are wrong in one place, or in some. The same seed makes the same ones.

mod body;
mod bytes;
#[path = "../../../template/crates/chassis/tests/jwt/adversary/mutator.rs"]
mod tokens;

use self::{bytes::Bytes, tokens::Mutator};

const HEAD: &str = "GET /api/v1/items?limit=20 HTTP/1.1\r\nhost: localhost\r\n\
                    accept: application/json\r\ntransfer-encoding: chunked\r\n\
                    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
                    authorization: Bearer not.a.token\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
const TARGET: &str = "/api/v1/items?limit=20&after=018f9e1e-4e7c-7000-8000-000000000000";
/// In a target these would end it.
const ENDS: [u8; 5] = [b' ', b'\r', b'\n', b'\t', 0];

/// Makes them.
pub struct Garbage {
    tokens: Vec<String>,
    mutator: Mutator,
    bytes: Bytes,
}

/// A request as it is sent.
pub struct Sent {
    pub bytes: Vec<u8>,
    /// Whether it is right all the same, by another reckoning than the service's, or
    /// has nothing that must be refused.
    pub may_succeed: bool,
    /// Whether one answer must come, and the connection can be kept.
    pub is_framed: bool,
}

impl Garbage {
    pub fn new(tokens: &[String], seed: u64) -> Self {
        Self {
            tokens: tokens.to_vec(),
            mutator: Mutator::new(tokens, seed),
            bytes: Bytes::new(seed),
        }
    }

    pub fn request(&mut self) -> Sent {
        match self.bytes.below(10) {
            0..4 => self.token(),
            4..7 => self.body(),
            7..9 => self.target(),
            _ => self.head(),
        }
    }

    /// Another token, in a request that is right otherwise.
    fn token(&mut self) -> Sent {
        let token = self.mutator.mutant();
        // What would end the line would make another request of it.
        let token: String = token
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        let may_succeed = self.tokens.iter().any(|good| good == token.trim());
        let head = format!(
            "GET /api/v1/items HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        Sent {
            bytes: head.into_bytes(),
            may_succeed,
            is_framed: true,
        }
    }

    /// Another body, by somebody who may.
    fn body(&mut self) -> Sent {
        let body = self.bytes.changed(body::GOOD.as_bytes(), body::PIECES);
        let head = format!(
            "POST /api/v1/items HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.tokens[0],
            body.len()
        );
        Sent {
            may_succeed: body::is_right(&body),
            bytes: [head.as_bytes(), &body].concat(),
            is_framed: true,
        }
    }

    /// Another path or query, by somebody who may: it is only not to fail.
    fn target(&mut self) -> Sent {
        let mut target = self
            .bytes
            .changed(TARGET.as_bytes(), &["%00", "%ff", "//", "&limit=", "?"]);
        target.retain(|byte| !ENDS.contains(byte));
        let rest = format!(
            " HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
            self.tokens[0]
        );
        Sent {
            bytes: [b"GET ", &*target, rest.as_bytes()].concat(),
            may_succeed: true,
            is_framed: false,
        }
    }

    /// Anything at all, by nobody who may.
    fn head(&mut self) -> Sent {
        let pieces = &[
            "\r\n",
            "\n",
            "\0",
            ": ",
            "chunked",
            "content-length: 5\r\n",
            "ffffffffffffffff\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "HTTP/0.9",
            "Expect: 100-continue\r\n",
        ];
        let bytes = self.bytes.changed(HEAD.as_bytes(), pieces);
        // Whom a browser may ask for is told to everyone.
        let may_succeed = bytes.starts_with(b"OPTIONS");
        Sent {
            bytes,
            may_succeed,
            is_framed: false,
        }
    }
}
