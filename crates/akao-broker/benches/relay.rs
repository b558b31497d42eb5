//! How the relay compares with a bare one in the same run, and how fast a denied connection is answered.
//!
//! `cargo bench -p akao-broker` prints one line for each figure. The bare relay is two threads that splice between two
//! sockets and do nothing else; both lead from a namespace like a sandbox's to the same server outside.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be set up fails by panicking")]
#![expect(dead_code, reason = "the tests use more of what they share with this")]

#[path = "../tests/network/netlink.rs"]
mod netlink;
#[path = "../tests/network/sandbox.rs"]
mod sandbox;
#[path = "../tests/network/world.rs"]
mod world;

use akao_broker::Limits;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use sandbox::{Bench, Names, policy};
use std::{
    io::{Read, Write},
    net::{IpAddr, Shutdown, TcpListener, TcpStream},
    thread,
    time::Instant,
};
use world::{Got, Inside, attempt};

const BYTES: usize = 1 << 29;
const ROUNDS: usize = 9;
const ROUND_TRIPS: usize = 2000;
const DENIALS: usize = 1000;

/// The size of a pipe as the kernel makes it, and the size that the broker gives to those that move much.
const PIPE_BYTES: [usize; 2] = [64 * 1024, 256 * 1024];

/// Where the server stands, outside.
const SERVER: &str = "93.184.216.34";

fn main() {
    world::enter();
    let port = sink();
    let [bare, bare_large] = PIPE_BYTES.map(|pipe_bytes| bare_relay(port, pipe_bytes));
    let bench = Bench::new(Names::of(&[("api.example", &[SERVER])]));
    let limits = Limits { bytes_max: u64::MAX, connections_per_second_max: 1_000_000, ..Limits::default() };
    let node = bench.sandbox("node", policy(&[&format!("api.example:{port}")], &[]), limits);
    let named = node.lookup("api.example").unwrap();
    let copied = copying_relay(&bench, port);
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (rates, inside) in rates.iter_mut().zip([&node.inside, &bare, &bare_large, &copied]) {
            rates.push(inside.run(move || rate(named, port)));
        }
    }
    let [own, bare_rate, bare_large_rate, copied_rate] = rates.map(|mut rates| median(&mut rates));
    println!("relay of one stream: {own:.0} MB/s");
    println!("bare splice, usual pipes: {bare_rate:.0} MB/s; ratio {:.2}", own / bare_rate);
    println!("bare splice, large pipes: {bare_large_rate:.0} MB/s; ratio {:.2}", own / bare_large_rate);
    println!("copy_bidirectional, buffers of 256 KiB: {copied_rate:.0} MB/s; ratio {:.2}", own / copied_rate);
    let bare_time = bare.run(move || round_trip_us(named, port));
    let own_time = node.inside.run(move || round_trip_us(named, port));
    println!("round trip of one byte, p50: {own_time:.0} us; bare splice {bare_time:.0} us");
    let mut denials = node.inside.run(move || (0..DENIALS).map(|_| denial_us(port)).collect::<Vec<f64>>());
    let p50 = median(&mut denials);
    let (p99, longest) = (denials[DENIALS * 99 / 100], denials[DENIALS - 1]);
    println!("denied connection, until it is reset: p50 {p50:.0} us, p99 {p99:.0} us, longest {longest:.0} us");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server that answers each single byte, and the end of a stream, with one byte.
fn sink() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                stream.set_nodelay(true).unwrap();
                let mut buffer = vec![0; 1 << 18];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    if read == 1 && stream.write_all(&buffer[..1]).is_err() {
                        break;
                    }
                }
                let _ = stream.write_all(&[1]);
            });
        }
    });
    port
}

fn bare_relay(port: u16, pipe_bytes: usize) -> Inside {
    let (inside, mut sockets) = Inside::new([port]);
    let listener: TcpListener = sockets.listeners.pop().unwrap();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect((SERVER, port)).unwrap());
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let (back, there) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            thread::spawn(move || bare_pump(&near, &far, pipe_bytes));
            thread::spawn(move || bare_pump(&back, &there, pipe_bytes));
        }
    });
    inside
}

/// What the relay would be without splice.
fn copying_relay(bench: &Bench, port: u16) -> Inside {
    let (inside, mut sockets) = Inside::new([port]);
    let listener = sockets.listeners.pop().unwrap();
    listener.set_nonblocking(true).unwrap();
    bench.runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = tokio::net::TcpStream::connect((SERVER, port)).await.unwrap();
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional_with_sizes(&mut near, &mut far, 1 << 18, 1 << 18).await;
            });
        }
    });
    inside
}

fn bare_pump(from: &TcpStream, to: &TcpStream, pipe_bytes: usize) {
    let (exit, entry) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    fcntl_setpipe_size(&entry, pipe_bytes).unwrap();
    while let Ok(read @ 1..) = splice(from, None, &entry, None, pipe_bytes, SpliceFlags::MOVE) {
        let mut left = read;
        while left > 0 {
            let Ok(written) = splice(&exit, None, to, None, left, SpliceFlags::MOVE) else { return };
            left -= written;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Megabytes a second, from the first byte sent to the answer to the end.
fn rate(address: IpAddr, port: u16) -> f64 {
    let mut stream = TcpStream::connect((address, port)).unwrap();
    let block = vec![7; 1 << 18];
    let begin = Instant::now();
    for _ in 0..BYTES / block.len() {
        stream.write_all(&block).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    BYTES as f64 / 1e6 / begin.elapsed().as_secs_f64()
}

fn round_trip_us(address: IpAddr, port: u16) -> f64 {
    let mut stream = TcpStream::connect((address, port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut once = || {
        let begin = Instant::now();
        stream.write_all(&[1]).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        begin.elapsed().as_secs_f64() * 1e6
    };
    let mut times: Vec<f64> = (0..ROUND_TRIPS).map(|_| once()).collect();
    median(&mut times)
}

fn denial_us(port: u16) -> f64 {
    let begin = Instant::now();
    assert_ne!(attempt("10.77.0.1".parse().unwrap(), port, b"x"), Got::Echo(b"x".to_vec()));
    begin.elapsed().as_secs_f64() * 1e6
}
