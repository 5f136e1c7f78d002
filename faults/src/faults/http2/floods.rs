//! What a client says without end.

use std::{fmt, net::SocketAddr, time::Duration};

use anyhow::Result;
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::{
    load::thousands,
    shared::frames::{self, frame},
    wire,
};

/// How many frames are written at once.
const BATCH: usize = 100;
/// A write that waits so long is held back.
const HELD: Duration = Duration::from_secs(1);

/// A beginning, and what follows again and again.
pub struct Flood {
    pub name: &'static str,
    beginning: Vec<u8>,
    next: fn(u32) -> Vec<u8>,
}

/// What became of it.
pub enum Sent {
    /// Taken, all of it.
    All,
    /// Cut after so many frames.
    Cut(usize),
    /// Not read any more after so many frames: the client waits.
    Held(usize),
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("borne"),
            Self::Cut(frames) => write!(f, "cut at {}", thousands(*frames as u64)),
            Self::Held(frames) => write!(f, "held at {}", thousands(*frames as u64)),
        }
    }
}

impl Flood {
    /// Sends so many frames, as far as they are taken, and reads nothing.
    pub async fn send(&self, address: SocketAddr, frames: usize) -> Result<Sent> {
        let opened = [frames::PREFACE, &frames::settings(), &self.beginning].concat();
        let (_reader, mut writer) = wire::begin(address, &opened).await?;
        let mut number = 0;
        while number < frames {
            let batch =
                (number..number + BATCH).map(|n| (self.next)(u32::try_from(n).unwrap_or(0)));
            let batch: Vec<u8> = batch.flatten().collect();
            match timeout(HELD, writer.write_all(&batch)).await {
                Ok(Ok(())) => number += BATCH,
                Ok(Err(_)) => return Ok(Sent::Cut(number)),
                Err(_) => return Ok(Sent::Held(number)),
            }
        }
        Ok(Sent::All)
    }
}

/// All of them.
pub fn all(bearer: &str) -> Vec<Flood> {
    let flood = |name, beginning, next| Flood {
        name,
        beginning,
        next,
    };
    vec![
        flood("resets", Vec::new(), |n| {
            [frames::get(2 * n + 1), frames::reset(2 * n + 1)].concat()
        }),
        flood("pings", Vec::new(), |_| frames::ping()),
        flood("settings", Vec::new(), |_| frames::settings()),
        flood("priorities", Vec::new(), |n| {
            frame(2, 0, 2 * n + 1, &[0, 0, 0, 0, 16])
        }),
        flood("windows", Vec::new(), |_| frame(8, 0, 0, &[0, 0, 0, 1])),
        flood("requests", Vec::new(), |n| frames::get(2 * n + 1)),
        flood("empty data", post(bearer), |_| frame(0, 0, 1, &[])),
        flood("empty continuations", frames::head_without_end(1), |_| {
            frame(9, 0, 1, &[])
        }),
        flood("unknown frames", Vec::new(), |_| frame(0xEE, 0, 0, &[0; 8])),
    ]
}

/// The head of a request whose body a handler wants to have.
fn post(bearer: &str) -> Vec<u8> {
    let mut fields = vec![0x83, 0x86];
    for (name, value) in [
        (":path", "/api/v1/items"),
        (":authority", "x"),
        ("content-type", "application/json"),
        ("authorization", bearer),
    ] {
        fields.push(0);
        for text in [name, value] {
            fields.extend(length(text.len()));
            fields.extend(text.as_bytes());
        }
    }
    frame(1, 4, 1, &fields)
}

/// RFC 7541 section 5.1, with a prefix of 7 bits.
fn length(mut length: usize) -> Vec<u8> {
    if length < 127 {
        return vec![length as u8];
    }
    length -= 127;
    let mut bytes = vec![127];
    while length >= 128 {
        bytes.push((length % 128) as u8 | 128);
        length /= 128;
    }
    bytes.push(length as u8);
    bytes
}
