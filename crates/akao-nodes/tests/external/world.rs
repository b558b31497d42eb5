//! The world of the tests: a network namespace in which parts of the Internet are local, entered before there are threads.
//! Nothing of it reaches the machine's own network.

use crate::netlink::{add_address, loopback_up, make_local};
use akao_address::{BoxFuture, Resolver};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};
use std::{
    collections::BTreeMap,
    fs, io,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// Where connections within the world come from.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));

/// A public address that is this machine's own.
pub(crate) const OWN_PUBLIC: &str = "93.184.217.7";

/// Enters the world. Root stays root, so that its sandboxes get users of their own; anybody else stays who they are.
pub(crate) fn enter() {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        unshare(CloneFlags::CLONE_NEWNET).expect("root makes a network namespace");
    } else {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
            .expect("this machine lets nobody make a namespace");
        fs::write("/proc/self/setgroups", "deny").unwrap();
        fs::write("/proc/self/uid_map", format!("{user} {user} 1")).unwrap();
        fs::write("/proc/self/gid_map", format!("{group} {group} 1")).unwrap();
    }
    loopback_up().unwrap();
    add_address(SOURCE).unwrap();
    for (network, prefix) in [
        ("93.184.216.0", 24),
        ("8.8.8.0", 24),
        ("10.77.0.0", 16),
        ("169.254.0.0", 16),
        ("100.100.100.200", 32),
        ("168.63.129.16", 32),
    ] {
        make_local(network.parse().unwrap(), prefix, Some(SOURCE)).unwrap();
    }
    make_local(OWN_PUBLIC.parse().unwrap(), 32, None).unwrap();
    for (network, prefix) in [("fd00::", 8), ("64:ff9b::", 96), ("2002::", 16), ("2001::", 32)] {
        make_local(network.parse().unwrap(), prefix, None).unwrap();
    }
}

/// A server on every address of the world. It notes which address each connection came to.
pub(crate) struct Server {
    pub(crate) port: u16,
    reached: Arc<Mutex<Vec<IpAddr>>>,
}

impl Server {
    /// One that sends back what it is sent.
    pub(crate) fn echo() -> Self {
        Self::start(|mut stream| {
            let mut buffer = [0; 64 * 1024];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
        })
    }

    /// One that answers every request of HTTP with this.
    pub(crate) fn http(answer: String) -> Self {
        Self::start(move |mut stream| {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let reached = Arc::new(Mutex::new(Vec::new()));
        let (noted, serve) = (Arc::clone(&reached), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                noted.lock().unwrap().push(stream.local_addr().unwrap().ip().to_canonical());
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });
        Self { port, reached }
    }

    /// The addresses that connections came to, since this was last asked.
    pub(crate) fn reached(&self) -> Vec<IpAddr> {
        std::mem::take(&mut self.reached.lock().unwrap())
    }

    /// Fails unless the server answers at the address when the world itself asks: without this a denial proves nothing.
    pub(crate) fn must_answer_at(&self, address: &str) {
        let address = SocketAddr::new(address.parse().unwrap(), self.port);
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(20)).unwrap();
        stream.write_all(b"control").unwrap();
        let mut back = [0; 7];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"control", "{address}");
        self.reached();
    }
}

/// Answers names as a test says, and notes what it was asked.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    /// The next answers for a name; the last of them is repeated.
    pub(crate) fn then(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.lock().unwrap().entry(name.to_owned()).or_default().push(addresses);
    }

    /// The names that were asked for, since this was last asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let found = answers.get_mut(host).and_then(|queue| match queue.len() {
            0 => None,
            1 => queue.first().cloned(),
            _ => Some(queue.remove(0)),
        });
        Box::pin(std::future::ready(Ok(found.unwrap_or_default())))
    }
}
