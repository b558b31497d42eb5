//! A load of many connections, each with one request under way: plain bytes over sockets, so that the client costs little.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Barrier,
    time::{Duration, Instant},
};

/// What a load saw.
pub(crate) struct Seen {
    pub(crate) per_second: f64,
    pub(crate) p99_us: f64,
}

/// Threads of the client; each looks after a part of the connections.
const THREADS: usize = 2;

/// Asks the same over and over for a while.
pub(crate) fn load(address: &str, request: &str, connections: usize, time: Duration) -> Seen {
    let begin = Barrier::new(THREADS);
    let times: Vec<Vec<Duration>> = std::thread::scope(|scope| {
        let part = |_| scope.spawn(|| part(address, request, connections / THREADS, time, &begin));
        let threads: Vec<_> = (0..THREADS).map(part).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut times: Vec<Duration> = times.into_iter().flatten().collect();
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    Seen { per_second: times.len() as f64 / time.as_secs_f64(), p99_us: p99.as_secs_f64() * 1e6 }
}

fn part(address: &str, request: &str, connections: usize, time: Duration, begin: &Barrier) -> Vec<Duration> {
    let mut streams: Vec<TcpStream> = (0..connections).map(|_| connect(address)).collect();
    let mut buffer = vec![0; 64 << 10];
    // The first round says how long an answer is, and warms both sides up.
    for stream in &mut streams {
        stream.write_all(request.as_bytes()).expect("a request");
        answer(stream, &mut buffer);
    }
    begin.wait();
    let end = Instant::now() + time;
    let mut times = Vec::new();
    while Instant::now() < end {
        // Everybody asks, then everybody is answered: as many are under way as there are connections.
        let sent: Vec<Instant> = streams
            .iter_mut()
            .map(|stream| {
                stream.write_all(request.as_bytes()).expect("a request");
                Instant::now()
            })
            .collect();
        for (stream, sent) in streams.iter_mut().zip(sent) {
            answer(stream, &mut buffer);
            times.push(sent.elapsed());
        }
    }
    times
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// Reads one whole answer, which must be a good one.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).expect("an answer");
        assert!(read > 0, "the connection was closed");
        filled += read;
        let text = &buffer[..filled];
        let Some(head) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let lines = std::str::from_utf8(&text[..head]).expect("a head");
        assert!(lines.starts_with("HTTP/1.1 200 "), "{lines}");
        let length = lines
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        if filled >= head + 4 + length.expect("a length") {
            return;
        }
    }
}
