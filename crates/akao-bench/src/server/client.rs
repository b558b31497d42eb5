//! A client whose requests leave at their own times, whether or not earlier ones have been answered: what waits in a queue counts.

use serde_json::Value;
use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    task::JoinSet,
};

/// A connection that was not used for so long is not used again: the server ends those that ask nothing for a minute.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// An answer whose body was read.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as a document.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let length = text
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok())
            .unwrap_or(0);
        let end = head + 4 + length;
        (bytes.len() >= end).then(|| (Self { status, head: text, body: bytes[head + 4..end].to_vec() }, end))
    }
}

/// Connections to one server, kept for the next request.
pub(crate) struct Client {
    address: String,
    /// Lines of the head of each request.
    headers: String,
    idle: Mutex<Vec<(TcpStream, Instant)>>,
}

impl Client {
    pub(crate) fn new(address: &str, headers: &str) -> Arc<Self> {
        Arc::new(Self { address: address.to_owned(), headers: headers.to_owned(), idle: Mutex::default() })
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let (address, headers, length) = (&self.address, &self.headers, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        let mut stream = match self.kept() {
            Some(stream) => stream,
            None => TcpStream::connect(address).await?,
        };
        stream.set_nodelay(true)?;
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::with_capacity(2 << 10);
        let answer = loop {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((answer, _)) = Answer::read(&bytes) {
                break answer;
            }
        };
        if !answer.head.to_ascii_lowercase().contains("connection: close") {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((stream, Instant::now()));
        }
        Ok(answer)
    }

    /// The connection that was used last, if that is not too long ago.
    fn kept(&self) -> Option<TcpStream> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (stream, used) = idle.pop()?;
        if used.elapsed() < IDLE_MAX {
            return Some(stream);
        }
        // Those below were used before it.
        idle.clear();
        None
    }
}

/// Every execution of the tenant, page by page.
pub(crate) async fn executions(client: &Client) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("/api/v1/executions?limit=200{after}");
        let page = client.ask("GET", &path, "").await.expect("a page").document();
        found.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return found,
        }
    }
}

/// One request of an open loop.
#[derive(Debug)]
pub(crate) struct Told {
    /// When it was due, since the load began.
    pub(crate) due: Duration,
    /// From then to its answer.
    pub(crate) took: Duration,
    pub(crate) answer: io::Result<Answer>,
}

/// Sends the same request at a steady rate, each at its time.
pub(crate) fn open_loop(
    runtime: &Runtime,
    client: &Arc<Client>,
    (method, path, body): (&'static str, &'static str, &'static str),
    per_second: f64,
    time: Duration,
) -> Vec<Told> {
    runtime.block_on(async {
        let begin = Instant::now();
        let count = (per_second * time.as_secs_f64()) as u64;
        let mut under_way = JoinSet::new();
        let mut told = Vec::new();
        for number in 0..count {
            let due = Duration::from_secs_f64(number as f64 / per_second);
            tokio::time::sleep_until((begin + due).into()).await;
            let client = Arc::clone(client);
            under_way.spawn(async move {
                let answer = client.ask(method, path, body).await;
                Told { due, took: begin.elapsed().saturating_sub(due), answer }
            });
            while let Some(Ok(one)) = under_way.try_join_next() {
                told.push(one);
            }
        }
        while let Some(one) = under_way.join_next().await {
            told.push(one.expect("no panic"));
        }
        told
    })
}

/// Asks the same every so often until it is told to end; gives how long each answer took, in milliseconds.
pub(crate) async fn probe(client: Arc<Client>, path: String, every: Duration, end: Arc<AtomicBool>) -> Vec<f64> {
    let mut times = Vec::new();
    while !end.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = client.ask("GET", &path, "").await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.head);
        times.push(asked.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(every.saturating_sub(asked.elapsed())).await;
    }
    times
}

/// The value below which so many of a hundred are.
pub(crate) fn percentile(values: &mut [f64], hundredths: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * hundredths / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
