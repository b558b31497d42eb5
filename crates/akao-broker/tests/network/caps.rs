//! Caps: a sandbox that takes too much is held, and its neighbours do not notice.

use crate::{
    Case,
    sandbox::{Bench, Names, Sandbox, hello, policy},
    world::{Got, PATIENCE, Server, attempt, exchange},
};
use akao_broker::{Limits, Options};
use std::{
    io::{Read, Write},
    net::{IpAddr, Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

pub(crate) const CASES: &[Case] = &[
    ("case_78_connections_are_capped_and_neighbours_go_on", connections),
    ("case_78_all_sandboxes_together_are_capped", all_connections),
    ("case_78_a_flood_is_slowed_down", flood),
    ("case_78_bytes_are_capped", bytes),
    ("case_78_silent_connections_end", silence),
    ("case_78_half_open_connections_end", half_open),
    ("case_78_slow_names_hold_up_only_their_sandbox", slow_names),
    ("bytes_arrive_whole_in_both_directions", whole),
    ("one_side_may_finish_before_the_other", finish_first),
    ("a_reset_is_passed_on", reset),
    ("an_answer_before_the_end_of_the_request_arrives", early_answer),
];

fn bench() -> Bench {
    Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]))
}

/// A sandbox that may reach the server's port, by name.
fn sandbox(bench: &Bench, port: u16, limits: Limits) -> (Sandbox, IpAddr) {
    let sandbox = bench.sandbox("node", policy(&[&format!("api.example:{port}")], &[]), limits);
    let at = sandbox.lookup("api.example").unwrap();
    (sandbox, at)
}

/// Opens connections and keeps them.
fn open_many(sandbox: &Sandbox, at: IpAddr, port: u16, count: usize) -> Vec<TcpStream> {
    sandbox.inside.run(move || {
        let open = |_| {
            let stream = TcpStream::connect((at, port)).unwrap();
            assert_eq!(exchange(&stream, b"hello"), hello());
            stream
        };
        (0..count).map(open).collect()
    })
}

fn connections() {
    let (server, bench) = (Server::start(), bench());
    let port = server.port;
    let (greedy, at) = sandbox(&bench, port, Limits { connections_max: 4, ..Limits::default() });
    let (neighbour, _) = sandbox(&bench, port, Limits::default());
    let mut held = open_many(&greedy, at, port, 4);
    for _ in 0..20 {
        assert!(greedy.inside.run(move || attempt(at, port, b"hello")).is_denied());
    }
    assert_eq!(bench.denial("api.example", port), "there are too many connections");
    assert_eq!(neighbour.connect_name("api.example", port), hello());
    assert_eq!(server.reached().len(), 5);
    // A place that is given back can be taken again.
    drop(held.pop());
    let end = Instant::now() + PATIENCE;
    while greedy.inside.run(move || attempt(at, port, b"hello")) != hello() {
        assert!(Instant::now() < end, "the place was not given back");
    }
}

fn all_connections() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::with_options(Names::of(&[("api.example", &["93.184.216.34"])]), &Options { connections_max: 3 });
    let (one, at) = sandbox(&bench, port, Limits::default());
    let (two, _) = sandbox(&bench, port, Limits::default());
    let _held = open_many(&one, at, port, 3);
    assert!(two.connect_name("api.example", port).is_denied());
}

fn flood() {
    let (server, bench) = (Server::start(), bench());
    let port = server.port;
    let limits = Limits { connections_per_second_max: 5, queries_per_second_max: 5, ..Limits::default() };
    let (fast, at) = sandbox(&bench, port, limits);
    let begin = Instant::now();
    for _ in 0..11 {
        assert_eq!(fast.inside.run(move || attempt(at, port, b"hello")), hello());
    }
    // Five at once, and six that wait a fifth of a second each.
    assert!(begin.elapsed() >= Duration::from_millis(1000), "{:?}", begin.elapsed());
    let event = bench.event("being slowed down", |event| event.reason.to_string() == "the sandbox is slowed down");
    assert_eq!(event.target, "");
    let begin = Instant::now();
    for _ in 0..8 {
        assert_eq!(fast.lookup("api.example"), Some(at));
    }
    // Five at once, and three that wait.
    assert!(begin.elapsed() >= Duration::from_millis(500), "queries wait too: {:?}", begin.elapsed());
}

fn bytes() {
    let (server, bench) = (Server::start(), bench());
    let port = server.port;
    let (greedy, at) = sandbox(&bench, port, Limits { bytes_max: 3_000_000, ..Limits::default() });
    let got = greedy.inside.run(move || {
        let stream = TcpStream::connect((at, port)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let upload = thread::spawn(move || {
            let block = vec![7; 64 * 1024];
            let mut sent = 0u64;
            while sent < 10_000_000_000 && writer.write_all(&block).is_ok() {
                sent += block.len() as u64;
            }
            sent
        });
        let mut reader = &stream;
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(1..) = reader.read(&mut buffer) {}
        drop(stream);
        upload.join().unwrap()
    });
    assert!(got < 100_000_000, "{got} bytes were taken");
    let event =
        bench.event("spent bytes", |event| event.reason.to_string() == "the sandbox has moved all bytes it may");
    assert_eq!(event.target, "api.example");
    assert!(greedy.inside.run(move || attempt(at, port, b"hello")).is_denied(), "nothing is opened any more");
    let usage = greedy.attached.as_ref().unwrap().usage();
    assert!(usage.bytes_out + usage.bytes_in < 3_000_000 + 10 * 64 * 1024, "{usage:?}");
}

fn silence() {
    let (server, bench) = (Server::start(), bench());
    let port = server.port;
    let limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let (quiet, at) = sandbox(&bench, port, limits);
    let got = quiet.inside.run(move || {
        let stream = TcpStream::connect((at, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        (&stream).read(&mut [0]).map_err(|error| error.kind())
    });
    assert_eq!(got, Err(std::io::ErrorKind::ConnectionReset));
    bench.event("the end of a silent connection", |event| event.reason.to_string() == "it took too long");
}

fn half_open() {
    let bench = bench();
    // A server that reads to the end and then never answers.
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let kept = thread::spawn(move || listener.accept().unwrap().0);
    let limits = Limits { half_open_timeout: Duration::from_millis(300), ..Limits::default() };
    let (half, at) = sandbox(&bench, port, limits);
    let got = half.inside.run(move || {
        let stream = TcpStream::connect((at, port)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        (&stream).read(&mut [0]).map_err(|error| error.kind())
    });
    assert_eq!(got, Err(std::io::ErrorKind::ConnectionReset));
    drop(kept.join());
}

fn slow_names() {
    use akao_broker::{AuditQueue, BoxFuture, Broker, Resolver};
    use std::sync::Arc;
    /// Answers for one name only, and never for the others.
    struct Slow;
    impl Resolver for Slow {
        fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
            Box::pin(async move {
                if host != "api.example" {
                    std::future::pending::<()>().await;
                }
                Ok(vec!["93.184.216.34".parse().unwrap()])
            })
        }
    }
    let server = Server::start();
    let port = server.port;
    let mut bench = bench();
    let (audit, _events) = AuditQueue::bounded(1);
    bench.broker = Broker::new(&Options::default(), Arc::new(Slow), audit.clone());
    let limits = Limits { lookups_max: 2, open_timeout: Duration::from_millis(200), ..Limits::default() };
    let own = policy(&[&format!("*.slow.example:{port}"), &format!("api.example:{port}")], &[]);
    let slow = bench.sandbox("slow", own.clone(), limits);
    let neighbour = bench.sandbox("neighbour", own, Limits::default());
    for at in 0..4 {
        assert_eq!(slow.connect_name(&format!("n{at}.slow.example"), port), Got::Reset);
    }
    // Both places for lookups are taken by names that never answer.
    assert_eq!(slow.connect_name("api.example", port), Got::Reset);
    assert_eq!(neighbour.connect_name("api.example", port), hello());
    assert!(audit.dropped() > 0, "what does not fit the queue is counted");
}

fn whole() {
    let (server, bench) = (Server::start(), bench());
    let port = server.port;
    let (node, at) = sandbox(&bench, port, Limits::default());
    let sent: Vec<u8> = (0..20_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let expected = sent.clone();
    let back = node.inside.run(move || {
        let stream = TcpStream::connect((at, port)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let upload = thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        (&stream).read_to_end(&mut back).unwrap();
        upload.join().unwrap();
        back
    });
    assert!(back == expected, "{} bytes came back", back.len());
    let usage = bench.runtime.block_on(node.attached.unwrap().close());
    assert_eq!((usage.bytes_out, usage.bytes_in), (20_000_000, 20_000_000));
}

fn finish_first() {
    let bench = bench();
    // A server that answers only when it has read everything.
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let (node, at) = sandbox(&bench, port, Limits::default());
    let back = node.inside.run(move || {
        let mut stream = TcpStream::connect((at, port)).unwrap();
        stream.write_all(&[9; 300_000]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        back
    });
    assert_eq!(back, [9; 300_000]);
}

fn reset() {
    let bench = bench();
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        (&stream).read_exact(&mut [0; 2]).unwrap();
        // What was not read is answered by a reset.
        drop(stream);
    });
    let (node, at) = sandbox(&bench, port, Limits::default());
    assert_eq!(node.inside.run(move || attempt(at, port, b"hello")), Got::Reset);
}

fn early_answer() {
    let bench = bench();
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        (&stream).read_exact(&mut [0; 5]).unwrap();
        (&stream).write_all(b"too large").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // Most of the request stays unread.
    });
    let (node, at) = sandbox(&bench, port, Limits::default());
    let answer = node.inside.run(move || {
        let stream = TcpStream::connect((at, port)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let upload = thread::spawn(move || while writer.write_all(&[1; 64 * 1024]).is_ok() {});
        let mut answer = vec![0; 9];
        let read = (&stream).read_exact(&mut answer);
        upload.join().unwrap();
        read.map(|()| answer)
    });
    assert_eq!(answer.unwrap(), b"too large");
}
