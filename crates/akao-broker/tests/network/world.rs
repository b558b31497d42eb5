//! The world of the tests: a namespace in which parts of the Internet are local, and sandboxes that are namespaces inside
//! it. Nothing of it reaches the machine's own network.

use crate::netlink::{add_address, loopback_up, make_local};
use akao_broker::Sockets;
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};
use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

/// How long anything may take before a test says that it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where connections within the world come from.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));

/// A public address that is this machine's own.
pub(crate) const OWN_PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 217, 7));

/// Enters the world. Must be called before there are threads.
pub(crate) fn enter() {
    let (user, group) = (geteuid(), getegid());
    let both = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET;
    match unshare(both) {
        Ok(()) => {
            fs::write("/proc/self/setgroups", "deny").unwrap();
            fs::write("/proc/self/uid_map", format!("0 {user} 1")).unwrap();
            fs::write("/proc/self/gid_map", format!("0 {group} 1")).unwrap();
        }
        // A privileged container may forbid the former and allow the latter.
        Err(first) => unshare(CloneFlags::CLONE_NEWNET)
            .unwrap_or_else(|second| panic!("this machine lets nobody make a network namespace: {first}, {second}")),
    }
    loopback_up().unwrap();
    add_address(SOURCE).unwrap();
    for (network, prefix) in [
        ("93.184.216.0", 24),
        ("10.77.0.0", 16),
        ("169.254.0.0", 16),
        ("100.100.100.200", 32),
        ("168.63.129.16", 32),
        ("192.0.0.192", 32),
    ] {
        make_local(network.parse().unwrap(), prefix, Some(SOURCE)).unwrap();
    }
    make_local(OWN_PUBLIC, 32, None).unwrap();
    make_local("fd00::".parse().unwrap(), 8, None).unwrap();
    make_local("64:ff9b::".parse().unwrap(), 96, None).unwrap();
    make_local("2002::".parse().unwrap(), 16, None).unwrap();
    make_local("2001::".parse().unwrap(), 32, None).unwrap();
}

/// A server in the world, on every address of it. It notes which address each connection came to, and sends back what it
/// is sent.
pub(crate) struct Server {
    pub(crate) port: u16,
    reached: Arc<Mutex<Vec<IpAddr>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let reached = Arc::new(Mutex::new(Vec::new()));
        let noted = reached.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                noted.lock().unwrap().push(stream.local_addr().unwrap().ip().to_canonical());
                thread::spawn(move || {
                    let mut buffer = [0; 64 * 1024];
                    while let Ok(read @ 1..) = stream.read(&mut buffer) {
                        if stream.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { port, reached }
    }

    /// The addresses that connections came to, since this was last asked.
    pub(crate) fn reached(&self) -> Vec<IpAddr> {
        std::mem::take(&mut self.reached.lock().unwrap())
    }

    /// Whether the server answers at the address when it is asked from the world itself: without this a denial would
    /// prove nothing.
    pub(crate) fn answers_at(&self, address: &str) -> bool {
        let got = attempt(address.parse().unwrap(), self.port, b"control") == Got::Echo(b"control".to_vec());
        self.reached();
        got
    }
}

/// What came of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    /// Nobody listens, or nothing leads there.
    Refused,
    /// It was opened and reset.
    Reset,
    /// It was opened and closed without an answer.
    Closed,
    /// What was sent came back.
    Echo(Vec<u8>),
    /// Nothing happened for too long.
    Silence,
}

impl Got {
    /// Whether the connection led nowhere.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused | Self::Reset)
    }
}

/// Connects, sends and waits for as many bytes to come back.
pub(crate) fn attempt(address: IpAddr, port: u16, bytes: &[u8]) -> Got {
    match TcpStream::connect_timeout(&SocketAddr::new(address, port), PATIENCE) {
        Ok(stream) => exchange(&stream, bytes),
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Got::Silence,
        Err(_) => Got::Refused,
    }
}

/// Sends and waits for as many bytes to come back.
pub(crate) fn exchange(mut stream: &TcpStream, bytes: &[u8]) -> Got {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if stream.write_all(bytes).is_err() {
        return Got::Reset;
    }
    let mut back = vec![0; bytes.len()];
    let mut read = 0;
    while read < back.len() {
        match stream.read(&mut back[read..]) {
            Ok(0) => return Got::Closed,
            Ok(more) => read += more,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Got::Silence,
            Err(_) => return Got::Reset,
        }
    }
    Got::Echo(back)
}

type Job = Box<dyn FnOnce() + Send>;

/// A sandbox's inside: a namespace in which every address is local, and a thread that lives in it.
pub(crate) struct Inside {
    jobs: mpsc::Sender<Job>,
}

impl Inside {
    /// Makes the namespace and, in it, the sockets that a broker is given.
    pub(crate) fn new(ports: impl IntoIterator<Item = u16>) -> (Self, Sockets) {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (sender, sockets) = mpsc::channel();
        let ports: Vec<u16> = ports.into_iter().collect();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            loopback_up().unwrap();
            make_local(Ipv4Addr::UNSPECIFIED.into(), 0, None).unwrap();
            make_local(Ipv6Addr::UNSPECIFIED.into(), 0, None).unwrap();
            let listen = |port: u16| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap();
            let listeners = ports.into_iter().map(listen).collect();
            let name_server = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 53)).unwrap();
            sender.send(Sockets { listeners, name_server }).unwrap();
            // The sockets are the broker's alone from here on.
            drop(sender);
            for job in queue {
                job();
            }
        });
        (Self { jobs }, sockets.recv_timeout(PATIENCE).unwrap())
    }

    /// Runs something inside and waits for what it gives.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, result) = mpsc::channel();
        self.jobs.send(Box::new(move || drop(sender.send(job())))).unwrap();
        result.recv_timeout(3 * PATIENCE).expect("what runs inside ends")
    }
}
