//! Frames that are read.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use crate::shared::frames;

pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const ACK: u8 = 1;

/// Above each deadline of the service.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> Option<u32> {
        let from = match self.kind {
            RST_STREAM => 0,
            frames::GOAWAY => 4,
            _ => return None,
        };
        let code = self.payload.get(from..from + 4)?;
        Some(u32::from_be_bytes(code.try_into().ok()?))
    }
}

/// The server's side of a connection.
pub struct Reader(BufReader<OwnedReadHalf>);

impl Reader {
    /// The next frame; none at the end of the connection.
    pub async fn next(&mut self) -> Result<Option<Frame>> {
        timeout(PATIENCE, self.read())
            .await
            .context("nothing comes")
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        // A reset is an end too.
        self.0.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }
}

/// Connects and sends this.
pub async fn begin(address: SocketAddr, bytes: &[u8]) -> Result<(Reader, OwnedWriteHalf)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    // It may be cut while it sends.
    let _ = writer.write_all(bytes).await;
    Ok((Reader(BufReader::new(reader)), writer))
}
