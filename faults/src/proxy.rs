//! A proxy for TCP that does to connections what a network does on a bad day.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch::{self, Receiver, Sender},
    task::JoinSet,
    time::sleep,
};

use crate::addresses::free_address;

/// What it does to connections, those that there are and new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Cuts them; nobody listens.
    Refuse,
    /// Accepts, and passes nothing on.
    Silence,
    /// Passes each piece of an answer on after so long.
    Slow(Duration),
    /// Answers what is no answer.
    Garbage,
}

const PIECE_BYTES: usize = 16 * 1024;
const GARBAGE_BYTES: usize = 1024;

/// It is gone when it goes out of scope.
pub struct Proxy {
    pub address: SocketAddr,
    mode: Sender<Mode>,
    disturbed: Arc<AtomicU64>,
    _listening: JoinSet<()>,
}

/// What it was told, and what came of that.
#[derive(Clone)]
struct Told {
    mode: Receiver<Mode>,
    disturbed: Arc<AtomicU64>,
}

impl Told {
    /// How to behave with something that came.
    fn now(&mut self) -> Mode {
        let mode = *self.mode.borrow_and_update();
        self.disturbed
            .fetch_add((mode != Mode::Pass).into(), Relaxed);
        mode
    }
}

impl Proxy {
    /// Passes connections on to this address, as long as nothing else is said.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(free_address()).await?;
        let address = listener.local_addr()?;
        let (mode, receiver) = watch::channel(Mode::Pass);
        let disturbed = Arc::default();
        let told = Told {
            mode: receiver,
            disturbed: Arc::clone(&disturbed),
        };
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, target, told));
        Ok(Self {
            address,
            mode,
            disturbed,
            _listening: listening,
        })
    }

    /// How many connections, and pieces of what goes over them, it did not just pass on.
    pub fn disturbed(&self) -> u64 {
        self.disturbed.load(Relaxed)
    }

    pub fn behave(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn listen(first: TcpListener, target: SocketAddr, mut told: Told) {
    let address = first.local_addr().expect("a listener has an address");
    let mut listener = Some(first);
    let mut connections = JoinSet::new();
    loop {
        if *told.mode.borrow_and_update() == Mode::Refuse {
            listener = None;
            told.disturbed.fetch_add(connections.len() as u64, Relaxed);
            connections.shutdown().await;
        } else if listener.is_none() {
            // Nobody is given its port meanwhile, for a call of theirs.
            listener = TcpListener::bind(address).await.ok();
        }
        let changed = told.clone();
        tokio::select! {
            ended = told.mode.changed() => if ended.is_err() { return },
            accepted = accept(listener.as_ref()) => if let Ok((stream, _)) = accepted {
                // What fails here is what one side has closed.
                connections.spawn(async move { through(stream, target, changed).await.ok() });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn through(mut client: TcpStream, target: SocketAddr, mut told: Told) -> io::Result<()> {
    if told.now() == Mode::Garbage {
        return babble(&mut client).await;
    }
    let server = TcpStream::connect(target).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Either way being over, the connection is.
    tokio::select! {
        ended = pass(from_client, to_server, told.clone(), false) => ended,
        ended = pass(from_server, to_client, told, true) => ended,
    }
}

/// Reads something, and answers anything.
async fn babble(client: &mut TcpStream) -> io::Result<()> {
    let mut read = [0; PIECE_BYTES];
    if client.read(&mut read).await? == 0 {
        return Ok(());
    }
    let mut garbage = [0; GARBAGE_BYTES];
    fastrand::fill(&mut garbage);
    client.write_all(&garbage).await
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut told: Told,
    is_answer: bool,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        let mut now = told.now();
        while now == Mode::Silence {
            told.mode.changed().await.map_err(io::Error::other)?;
            now = told.now();
        }
        match now {
            Mode::Slow(by) if is_answer => sleep(by).await,
            Mode::Garbage if is_answer => fastrand::fill(&mut piece[..length]),
            _ => {}
        }
        to.write_all(&piece[..length]).await?;
    }
}
