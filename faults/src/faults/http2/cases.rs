//! What a client says once, and what RFC 9113 has for it.

use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};

use crate::{
    shared::frames::{self, frame, get},
    wire::{self, ACK, PING, RST_STREAM, SETTINGS},
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const PUSH_PROMISE: u8 = 5;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_BOTH: u8 = 5;
const END_HEADERS: u8 = 4;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

/// The answer to a PING of this payload ends a case that leaves the connection open.
const LAST: &[u8; 8] = b"the last";

/// What is sent after the preface, with its section of the RFC.
pub struct Case {
    pub name: &'static str,
    bytes: Vec<u8>,
    expected: Expected,
}

enum Expected {
    /// All goes on: a PING is answered.
    GoesOn,
    /// An answer to the request on stream 1.
    Answered,
    /// The connection ends by GOAWAY with one of these codes.
    GoAway(&'static [u32]),
    /// Stream 1 is reset with this code; or the connection ends with it, as section 5.4
    /// allows; or the answer is 400 or 404, as section 8.1.1 does.
    Reset(u32),
}

/// How an answer that does no harm differs from what the RFC asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not at all.
    Exact,
    /// The code is PROTOCOL_ERROR, which section 7 has for what no other code fits.
    Unspecific,
}

impl Case {
    /// Says it to a server on a connection of its own, and looks at the answer.
    pub async fn check(&self, address: SocketAddr) -> Result<Answer> {
        let sent = [&*self.bytes, &*frame(PING, 0, 0, LAST)].concat();
        let (mut reader, _writer) = wire::begin(address, &sent).await?;
        let mut first = true;
        while let Some(frame) = reader.next().await? {
            ensure!(
                frame.kind == SETTINGS || !first,
                "SETTINGS is not the first frame"
            );
            first = false;
            let is_last = frame.kind == PING && frame.flags & ACK != 0 && frame.payload == LAST;
            match (&self.expected, frame.kind, frame.code()) {
                (Expected::GoAway(codes), frames::GOAWAY, Some(code)) => {
                    return one_of(codes, code);
                }
                (Expected::Reset(code), frames::GOAWAY, Some(other)) => {
                    return one_of(&[*code], other);
                }
                (Expected::Reset(code), RST_STREAM, Some(other)) => {
                    return one_of(&[*code], other);
                }
                (Expected::Reset(_), HEADERS, _) if is_refusal(&frame.payload) => {
                    return Ok(Answer::Exact);
                }
                (Expected::Reset(_), HEADERS, _) => bail!("it is answered"),
                (Expected::Answered, HEADERS, _) if frame.stream == 1 => return Ok(Answer::Exact),
                (Expected::GoesOn, _, _) if is_last => return Ok(Answer::Exact),
                (Expected::GoAway(_), _, _) if is_last => bail!("all goes on"),
                (_, frames::GOAWAY, code) => bail!("GOAWAY with {code:?}"),
                (_, RST_STREAM, code) => bail!("RST_STREAM with {code:?}"),
                _ => {}
            }
        }
        bail!("the connection ends without a word")
    }
}

/// Whether HPACK begins with `:status` 400 or 404 of its static table.
fn is_refusal(fields: &[u8]) -> bool {
    matches!(fields, [0x8C | 0x8D, ..])
}

fn one_of(codes: &[u32], code: u32) -> Result<Answer> {
    match code {
        code if codes.contains(&code) => Ok(Answer::Exact),
        PROTOCOL_ERROR => Ok(Answer::Unspecific),
        other => bail!("the code is {other}"),
    }
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    let payload = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &payload)
}

fn window_update(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

/// HEADERS of a whole request on stream 1, with these bytes of HPACK.
fn request(fields: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_BOTH, 1, fields)
}

/// A field that is not indexed, neither name nor value in Huffman's code.
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap_or(127) & 127;
    [&[0, length(name)], name, &[length(value)], value].concat()
}

/// `:method: GET`, `:scheme: http`, `:path: /`, by the static table.
const GET: [u8; 3] = [0x82, 0x86, 0x84];

/// All of them.
pub fn all() -> Vec<Case> {
    let opened = || [frames::PREFACE, &frames::settings()].concat();
    let after = |name, bytes: &[u8], expected| Case {
        name,
        bytes: [&*opened(), bytes].concat(),
        expected,
    };
    let with = |more: &[u8]| request(&[&GET, more].concat());
    use Expected::{Answered, GoAway, GoesOn, Reset};
    vec![
        after("3.4 preface and SETTINGS", &[], GoesOn),
        after("3.4 a request after the preface", &get(1), Answered),
        after(
            "4.1 an unknown frame is ignored",
            &frame(0xEE, 0xFF, 0, b"what"),
            GoesOn,
        ),
        after(
            "4.2 a frame above 16,384 bytes",
            &frame(DATA, 0, 1, &[0; 16_385]),
            GoAway(&[FRAME_SIZE_ERROR]),
        ),
        after(
            "4.3 no HPACK",
            &request(&[0xFF; 8]),
            GoAway(&[COMPRESSION_ERROR]),
        ),
        after(
            "5.1 DATA on an idle stream",
            &frame(DATA, 0, 1, b"x"),
            GoAway(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        after(
            "5.1 RST_STREAM on an idle stream",
            &frames::reset(1),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "5.1 WINDOW_UPDATE on an idle stream",
            &window_update(1, 1),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after("5.1.1 an even stream", &get(2), GoAway(&[PROTOCOL_ERROR])),
        after(
            "5.1.1 a lower stream after a higher",
            &[get(3), get(1)].concat(),
            GoAway(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        after(
            "5.3.2 PRIORITY on an idle stream",
            &frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]),
            GoesOn,
        ),
        after(
            "6.1 DATA on stream 0",
            &frame(DATA, 0, 0, b"x"),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.2 HEADERS on stream 0",
            &frame(HEADERS, END_BOTH, 0, &GET),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.2 more padding than payload",
            &frame(HEADERS, END_BOTH | 8, 1, &[200, 0x82]),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.4 RST_STREAM of 3 bytes",
            &[get(1), frame(RST_STREAM, 0, 1, &[0; 3])].concat(),
            GoAway(&[FRAME_SIZE_ERROR]),
        ),
        after(
            "6.5 SETTINGS of 5 bytes",
            &frame(SETTINGS, 0, 0, &[0; 5]),
            GoAway(&[FRAME_SIZE_ERROR]),
        ),
        after(
            "6.5 SETTINGS on a stream",
            &frame(SETTINGS, 0, 1, &[]),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.5 an ACK with a payload",
            &frame(SETTINGS, ACK, 0, &[0; 6]),
            GoAway(&[FRAME_SIZE_ERROR]),
        ),
        after(
            "6.5.2 an unknown setting is ignored",
            &setting(0xEEEE, 1),
            GoesOn,
        ),
        after(
            "6.5.2 ENABLE_PUSH of 2",
            &setting(2, 2),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.5.2 a window above 2^31-1",
            &setting(4, 1 << 31),
            GoAway(&[FLOW_CONTROL_ERROR]),
        ),
        after(
            "6.5.2 MAX_FRAME_SIZE of 1",
            &setting(5, 1),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.6 PUSH_PROMISE by a client",
            &frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after("6.7 PING is answered", &frames::ping(), GoesOn),
        after(
            "6.7 PING of 7 bytes",
            &frame(PING, 0, 0, &[0; 7]),
            GoAway(&[FRAME_SIZE_ERROR]),
        ),
        after(
            "6.7 PING on a stream",
            &frame(PING, 0, 1, &[0; 8]),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.8 GOAWAY on a stream",
            &frame(frames::GOAWAY, 0, 1, &[0; 8]),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.9 WINDOW_UPDATE by 0",
            &window_update(0, 0),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.9 WINDOW_UPDATE of 3 bytes",
            &frame(WINDOW_UPDATE, 0, 0, &[0; 3]),
            GoAway(&[FRAME_SIZE_ERROR]),
        ),
        after(
            "6.9.1 a window that overflows",
            &[
                window_update(0, i32::MAX as u32),
                window_update(0, i32::MAX as u32),
            ]
            .concat(),
            GoAway(&[FLOW_CONTROL_ERROR]),
        ),
        after(
            "6.10 CONTINUATION alone",
            &frame(CONTINUATION, END_HEADERS, 1, &GET),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "6.10 something else between HEADERS and CONTINUATION",
            &[frames::head_without_end(1), frames::ping()].concat(),
            GoAway(&[PROTOCOL_ERROR]),
        ),
        after(
            "8.2.1 a name in upper case",
            &with(&field(b"A", b"b")),
            Reset(PROTOCOL_ERROR),
        ),
        after(
            "8.2.2 Connection",
            &with(&field(b"connection", b"close")),
            Reset(PROTOCOL_ERROR),
        ),
        after(
            "8.2.2 TE that is not trailers",
            &with(&field(b"te", b"gzip")),
            Reset(PROTOCOL_ERROR),
        ),
        after(
            "8.3 an unknown pseudo-header",
            &with(&field(b":what", b"x")),
            Reset(PROTOCOL_ERROR),
        ),
        after(
            "8.3 a pseudo-header after a field",
            &request(&[&GET[..2], &field(b"a", b"b"), &GET[2..]].concat()),
            Reset(PROTOCOL_ERROR),
        ),
        after("8.3.1 no :path", &request(&GET[..2]), Reset(PROTOCOL_ERROR)),
        after("8.3.1 two :method", &with(&[0x82]), Reset(PROTOCOL_ERROR)),
    ]
}
