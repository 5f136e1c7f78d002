//! Another service, on loopback, that behaves as badly as it is told to.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

use super::PATIENCE;

/// What it does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// 204.
    Accept,
    /// 503, with this in `Retry-After` if it is something.
    Refuse(&'static str),
    /// Refuses each second time, beginning with the first.
    Flap,
    /// Accepts what it has refused once.
    RefuseOnce(&'static str),
    /// Breaks the first connection where an answer should be, then accepts.
    ResetOnce,
    /// Says nothing until it is released.
    Hang,
    /// 200, and a body that never ends.
    Endless,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// Serves until it is dropped with its runtime.
#[derive(Clone)]
pub struct Upstream {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Mutex<Manner>,
    received: Mutex<Vec<Received>>,
    more: Notify,
    released: Notify,
    /// What was written of endless bodies until the client had enough.
    endless_bytes: AtomicUsize,
}

impl Upstream {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            url: format!("http://{}/hooks/items", listener.local_addr().unwrap()),
            shared: Arc::new(Shared {
                manner: Mutex::new(manner),
                received: Mutex::default(),
                more: Notify::new(),
                released: Notify::new(),
                endless_bytes: AtomicUsize::new(0),
            }),
        };
        let shared = Arc::clone(&upstream.shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                // What fails here is what the client has closed.
                tokio::spawn(async move { shared.answer(stream).await });
            }
        });
        upstream
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// Lets those go on that hang.
    pub fn release(&self) {
        self.shared.released.notify_waiters();
    }

    pub fn count(&self) -> usize {
        self.shared.received.lock().unwrap().len()
    }

    pub fn endless_bytes(&self) -> usize {
        self.shared.endless_bytes.load(Ordering::Relaxed)
    }

    /// Waits until so many requests have come, and gives all that have.
    pub async fn received(&self, count: usize) -> Vec<Received> {
        let waiting = async {
            loop {
                let more = self.shared.more.notified();
                let received = self.shared.received.lock().unwrap().clone();
                if received.len() >= count {
                    return received;
                }
                more.await;
            }
        };
        let received = timeout(PATIENCE, waiting).await;
        received.unwrap_or_else(|_| panic!("there are only {} requests", self.count()))
    }
}

impl Shared {
    async fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let request = read(&mut stream).await?;
        // Held up before it is told of: who waits for it may release it at once.
        let released = self.released.notified();
        let number = {
            let mut received = self.received.lock().unwrap();
            received.push(request);
            received.len()
        };
        let manner = *self.manner.lock().unwrap();
        tokio::pin!(released);
        released.as_mut().enable();
        self.more.notify_waiters();
        match manner {
            Manner::RefuseOnce(after) if number == 1 => refuse(stream, after).await,
            Manner::Flap if number % 2 == 1 => refuse(stream, "0").await,
            Manner::Refuse(after) => refuse(stream, after).await,
            Manner::ResetOnce if number == 1 => reset(&stream),
            Manner::Endless => self.never_end(stream).await,
            Manner::Hang => {
                released.await;
                accept(stream).await
            }
            Manner::Accept | Manner::RefuseOnce(_) | Manner::Flap | Manner::ResetOnce => {
                accept(stream).await
            }
        }
    }

    async fn never_end(&self, mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
            self.endless_bytes.fetch_add(4096, Ordering::Relaxed);
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Received> {
    let mut headers = HashMap::new();
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 && line != "\r\n" {
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        line.clear();
    }
    let length = headers.get("content-length");
    let length = length.map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let at = Instant::now();
    Ok(Received { at, headers, body })
}

async fn accept(mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await
}

async fn refuse(mut stream: BufReader<TcpStream>, after: &str) -> std::io::Result<()> {
    let mut answer = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n".to_owned();
    if !after.is_empty() {
        answer += &format!("retry-after: {after}\r\n");
    }
    answer += "content-length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).await
}

/// Closed with RST, and not in order.
fn reset(stream: &BufReader<TcpStream>) -> std::io::Result<()> {
    stream.get_ref().set_zero_linger()
}
