//! Frames of HTTP/2 (RFC 9113), as a client sends them that keeps to no rules.

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use super::PATIENCE;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The kind of a frame that says goodbye.
pub const GOAWAY: u8 = 7;
pub const END_STREAM: u8 = 1;
pub const PING: u8 = 6;

const HEADERS: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
/// `GET /` and `POST /` by http to `x`, by the static table of HPACK.
const GET_HEAD: [u8; 6] = [0x82, 0x86, 0x84, 0x41, 1, b'x'];
const POST_HEAD: [u8; 6] = [0x83, 0x86, 0x84, 0x41, 1, b'x'];

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

pub fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[])
}

/// `SETTINGS_INITIAL_WINDOW_SIZE` is 0: no byte of an answer's body may come.
pub fn settings_without_window() -> Vec<u8> {
    frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])
}

pub fn pong(payload: &[u8]) -> Vec<u8> {
    frame(PING, ACK, 0, payload)
}

/// Reads the next frame: its kind, its flags, what it holds; none at the end of the
/// connection.
pub async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    let read = timeout(PATIENCE, stream.read_exact(&mut head)).await;
    // A reset is an end too.
    read.expect("neither a frame nor an end").ok()?;
    let [a, b, c, kind, flags, ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((kind, flags, payload))
}

/// Reads up to the next PING and gives its payload; none at the end of the connection.
pub async fn next_ping(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    loop {
        let (kind, flags, payload) = next(stream).await?;
        if kind == PING && flags & ACK == 0 {
            return Some(payload);
        }
    }
}

pub fn ping() -> Vec<u8> {
    frame(PING, 0, 0, b"12345678")
}

pub fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &GET_HEAD)
}

pub fn post_without_body(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &POST_HEAD)
}

pub fn head_without_end(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM, stream, &GET_HEAD[..1])
}

pub fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &8_u32.to_be_bytes())
}

/// The kinds of the frames that were read.
pub fn kinds(mut read: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, rest @ ..] = read {
        kinds.push(*kind);
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        read = rest.get(5 + length..).unwrap_or_default();
    }
    kinds
}
