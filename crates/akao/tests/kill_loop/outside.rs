//! The world outside: an HTTP server on the loopback interface that remembers what arrived with which idempotency key.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// What arrived: for each path the idempotency keys in their order.
#[derive(Clone)]
pub(crate) struct Outside {
    arrived: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    pub(crate) port: u16,
    /// Requests of a path below `/flaky/` that are refused before one is taken.
    refusals: usize,
}

impl Outside {
    /// Serves until the process ends.
    pub(crate) fn start(refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface");
        let port = listener.local_addr().expect("its address").port();
        let outside = Self { arrived: Arc::default(), port, refusals };
        let served = outside.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                thread::spawn(move || {
                    // A client that was killed in the middle has sent nothing that counts.
                    let _ = served.serve(stream);
                });
            }
        });
        outside
    }

    /// The keys of a path, in the order in which they arrived.
    pub(crate) fn keys(&self, path: &str) -> Vec<String> {
        self.arrived.lock().expect("no thread panics with it").get(path).cloned().unwrap_or_default()
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut key = String::new();
        loop {
            let Some(line) = lines.next().transpose()? else { return Ok(()) };
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => key = value.trim().to_owned(),
                Some(_) => {}
                None => break,
            }
        }
        let before = {
            let mut arrived = self.arrived.lock().expect("no thread panics with it");
            let keys = arrived.entry(path.clone()).or_default();
            keys.push(key);
            keys.len() - 1
        };
        // Long enough that a kill can come between the effect and the news of it.
        thread::sleep(Duration::from_millis(10));
        let refused = path.starts_with("/flaky/") && before < self.refusals;
        let status = if refused { "503 Service Unavailable" } else { "200 OK" };
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }
}
