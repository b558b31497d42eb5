//! A sandbox with its broker, and what a node in it can try.

use crate::world::{Got, Inside, PATIENCE, attempt};
use akao_broker::{
    Act, Attached, AuditQueue, BoxFuture, Broker, Event, Limits, NAME_SERVER, Options, Policy, PolicySpec, Resolver,
    Verdict,
};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::{runtime::Runtime, sync::mpsc::Receiver};

/// A resolver that answers as the test says: for each name a row of answers, of which the last stays.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn of(names: &[(&str, &[&str])]) -> Arc<Self> {
        let own = Self::default();
        for (name, addresses) in names {
            own.then(name, addresses);
        }
        Arc::new(own)
    }

    /// Adds the next answer for a name.
    pub(crate) fn then(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.lock().unwrap().entry(name.to_owned()).or_default().push(addresses);
    }

    /// Which names were resolved, since this was last asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let found = answers.get_mut(host).map(|row| if row.len() > 1 { row.remove(0) } else { row[0].clone() });
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A broker, its audit, and sandboxes that are attached to it.
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) broker: Broker,
    events: Mutex<(Receiver<Event>, Vec<Event>)>,
}

impl Bench {
    pub(crate) fn new(names: Arc<Names>) -> Self {
        Self::with_options(names, &Options::default())
    }

    pub(crate) fn with_options(names: Arc<Names>, options: &Options) -> Self {
        let (queue, receiver) = AuditQueue::bounded(100_000);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime, broker: Broker::new(options, names, queue), events: Mutex::new((receiver, Vec::new())) }
    }

    /// Attaches a sandbox with listeners on the ports of its policy.
    pub(crate) fn sandbox(&self, identity: &str, policy: Policy, limits: Limits) -> Sandbox {
        let (inside, sockets) = Inside::new(policy.ports().iter().copied());
        let _guard = self.runtime.enter();
        let attached = self.broker.attach(identity, sockets, policy, limits).unwrap();
        Sandbox { inside, attached: Some(attached) }
    }

    /// The first event that fits, waited for.
    pub(crate) fn event(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut events = self.events.lock().unwrap();
            let (receiver, seen) = &mut *events;
            while let Ok(event) = receiver.try_recv() {
                seen.push(event);
            }
            if let Some(event) = seen.iter().find(|event| fits(event)) {
                return event.clone();
            }
            assert!(Instant::now() < end, "no event of {what}: {seen:#?}");
            drop(events);
            std::thread::yield_now();
        }
    }

    /// Waits for the denial of a connection and returns why.
    pub(crate) fn denial(&self, target: &str, port: u16) -> String {
        let fits = |event: &Event| {
            event.verdict == Verdict::Denied
                && event.act == Act::Connect
                && event.target == target
                && event.port == port
        };
        self.event(&format!("a denied connection to {target}:{port}"), fits).reason.to_string()
    }
}

/// One attached sandbox.
pub(crate) struct Sandbox {
    pub(crate) inside: Inside,
    pub(crate) attached: Option<Attached>,
}

impl Sandbox {
    /// The address that the name server gives for a name.
    pub(crate) fn lookup(&self, name: &str) -> Option<IpAddr> {
        let query = query(name, 1);
        self.inside.run(move || ask(NAME_SERVER.into(), &query)).address()
    }

    /// Connects to an address and a port.
    pub(crate) fn connect(&self, address: &str, port: u16) -> Got {
        let address: IpAddr = address.parse().unwrap();
        self.inside.run(move || attempt(address, port, b"hello"))
    }

    /// Looks a name up and connects to it.
    pub(crate) fn connect_name(&self, name: &str, port: u16) -> Got {
        let address = self.lookup(name).unwrap_or_else(|| panic!("{name} has no address inside"));
        self.inside.run(move || attempt(address, port, b"hello"))
    }
}

/// What `connect` gives when it got through to a server.
pub(crate) fn hello() -> Got {
    Got::Echo(b"hello".to_vec())
}

/// A policy of entries and the operator's networks.
pub(crate) fn policy(allow: &[&str], operator_networks: &[&str]) -> Policy {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let spec =
        PolicySpec { allow: texts(allow), operator_networks: texts(operator_networks), server_name_required: false };
    Policy::new(&spec).unwrap()
}

/// An answer of the name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u8,
    pub(crate) records: u16,
    bytes: Vec<u8>,
}

pub(crate) const NO_ERROR: u8 = 0;
pub(crate) const NO_SUCH_NAME: u8 = 3;
pub(crate) const REFUSED: u8 = 5;

impl Answer {
    /// The address of the only record.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let tail: [u8; 4] = self.bytes[self.bytes.len() - 4..].try_into().unwrap();
        (self.records == 1).then(|| Ipv4Addr::from(tail).into())
    }
}

/// A query for one type of a name, whose dots part labels.
pub(crate) fn query(name: &str, kind: u16) -> Vec<u8> {
    let labels: Vec<&[u8]> = name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes).collect();
    query_labels(&labels, kind)
}

pub(crate) fn query_labels(labels: &[&[u8]], kind: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in labels {
        bytes.push(label.len() as u8);
        bytes.extend(*label);
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

/// Asks a name server and waits for its answer, which must come from the address that was asked.
pub(crate) fn ask(server: IpAddr, query: &[u8]) -> Answer {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect((server, 53)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send(query).unwrap();
    let mut bytes = vec![0; 4096];
    let length = socket.recv(&mut bytes).expect("the name server answers");
    bytes.truncate(length);
    assert_eq!(bytes[..2], query[..2], "the answer to another query");
    Answer { code: bytes[3] & 15, records: u16::from_be_bytes([bytes[6], bytes[7]]), bytes }
}
