//! What a program did, as plain data, and how much of it is remembered.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// How much is remembered; the rest is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Different files.
    pub files_max: usize,
    /// Different programs, and as many hosts, sockets, ports and names each.
    pub others_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { files_max: 50_000, others_max: 2_000 }
    }
}

/// What a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// How its own process ended.
    pub ended: Ended,
    /// What its own process was, in order: the program, and what it became by running another in its place.
    pub became: Vec<Program>,
    /// The programs that its other processes became, by the path they were called by.
    pub ran: BTreeMap<PathBuf, Program>,
    /// The files that it opened or changed, by their real paths.
    pub files: BTreeMap<PathBuf, FileUse>,
    /// The hosts that it connected or sent to, or tried to.
    pub peers: BTreeSet<Peer>,
    /// The local sockets that it connected to: a path, or `@` and the name of one without a path.
    pub sockets: BTreeSet<PathBuf>,
    /// The local sockets and ports that it waited at itself.
    pub own_sockets: BTreeSet<PathBuf>,
    /// The ports of this machine that it waited at itself.
    pub own_ports: BTreeSet<u16>,
    /// The names that it asked for and that have an address.
    pub names: BTreeSet<String>,
    /// What could not be seen or done.
    pub notes: BTreeSet<Note>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// A program that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The path it was called by.
    pub called: PathBuf,
    /// The file.
    pub file: PathBuf,
    /// The program that the kernel runs it by; none when it is a program by itself.
    pub interpreter: Option<PathBuf>,
}

/// How a file was used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileUse {
    /// The path it was asked for by, when that is not its real one.
    pub asked: Option<PathBuf>,
    /// Whether it was opened for reading.
    pub read: bool,
    /// Whether it was opened for writing, made, changed, renamed or removed.
    pub written: bool,
    /// Whether the first use was one that may have made it.
    pub made: bool,
}

/// How a host was spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// By a connection.
    Tcp,
    /// By single messages.
    Udp,
}

/// A host that a program spoke to, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// The name by which the address was last asked for; none when no name was seen for it.
    pub name: Option<String>,
    /// The address and the port.
    pub address: SocketAddr,
    /// How.
    pub protocol: Protocol,
}

/// What could not be seen or done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// Files beyond the bound were met this many times.
    FilesLeftOut(u64),
    /// Programs, hosts, sockets, ports or names beyond the bound were met this many times.
    OthersLeftOut(u64),
    /// A program for another kind of processor was run; what it did is not seen.
    Foreign(PathBuf),
    /// It asks the kernel by a ring; what it asks for so is not seen.
    Ring,
    /// A resolver was asked by a local socket; the names are not seen.
    Resolver,
    /// A signal of this number came, which cannot be passed on to a program that is followed.
    SignalLost(i32),
    /// So many processes still ran when its own had ended and were killed.
    Killed(u64),
}

/// Local sockets at which resolvers answer. Without them programs ask by DNS, as they would inside.
const RESOLVERS: [&str; 4] =
    ["/run/systemd/resolve", "/run/nscd/socket", "/var/run/nscd/socket", "/var/run/systemd/resolve"];

/// Collects what a program did, within bounds.
#[derive(Debug)]
pub(crate) struct Record {
    bounds: Bounds,
    pub(crate) became: Vec<Program>,
    ran: BTreeMap<PathBuf, Program>,
    files: BTreeMap<PathBuf, FileUse>,
    peers: BTreeSet<Peer>,
    sockets: BTreeSet<PathBuf>,
    own_sockets: BTreeSet<PathBuf>,
    own_ports: BTreeSet<u16>,
    names: BTreeSet<String>,
    /// The name by which each address was last asked for.
    addresses: BTreeMap<IpAddr, String>,
    notes: BTreeSet<Note>,
    files_left_out: u64,
    others_left_out: u64,
}

impl Record {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            became: Vec::new(),
            ran: BTreeMap::new(),
            files: BTreeMap::new(),
            peers: BTreeSet::new(),
            sockets: BTreeSet::new(),
            own_sockets: BTreeSet::new(),
            own_ports: BTreeSet::new(),
            names: BTreeSet::new(),
            addresses: BTreeMap::new(),
            notes: BTreeSet::new(),
            files_left_out: 0,
            others_left_out: 0,
        }
    }

    /// A file was used. `asked` is the path that the program named.
    pub(crate) fn file(&mut self, real: PathBuf, asked: Option<PathBuf>, read: bool, written: bool) {
        let full = self.files.len() >= self.bounds.files_max;
        if full && !self.files.contains_key(&real) {
            self.files_left_out += 1;
            return;
        }
        let asked = asked.filter(|asked| *asked != real);
        let first = FileUse { asked, made: written, ..FileUse::default() };
        let used = self.files.entry(real).or_insert(first);
        used.read |= read;
        used.written |= written;
    }

    /// A process became a program; `own` when it is the first one.
    pub(crate) fn program(&mut self, program: Program, own: bool) {
        let known = if own { self.became.len() } else { self.ran.len() };
        if known >= self.bounds.others_max {
            self.others_left_out += 1;
        } else if own {
            self.became.push(program);
        } else {
            self.ran.entry(program.called.clone()).or_insert(program);
        }
    }

    /// An address was spoken to.
    pub(crate) fn peer(&mut self, address: SocketAddr, protocol: Protocol) {
        let name = self.addresses.get(&address.ip()).cloned();
        let peer = Peer { name, address, protocol };
        insert(&mut self.peers, peer, self.bounds.others_max, &mut self.others_left_out);
    }

    /// A local socket was connected to.
    pub(crate) fn socket(&mut self, path: PathBuf) {
        if RESOLVERS.iter().any(|resolver| path.starts_with(resolver)) {
            self.notes.insert(Note::Resolver);
        } else {
            insert(&mut self.sockets, path, self.bounds.others_max, &mut self.others_left_out);
        }
    }

    /// The program waits at a local socket.
    pub(crate) fn own_socket(&mut self, path: PathBuf) {
        insert(&mut self.own_sockets, path, self.bounds.others_max, &mut self.others_left_out);
    }

    /// The program waits at a port.
    pub(crate) fn own_port(&mut self, port: u16) {
        self.own_ports.insert(port);
    }

    /// A name has an address.
    pub(crate) fn name(&mut self, name: &str, address: IpAddr) {
        insert(&mut self.names, name.to_owned(), self.bounds.others_max, &mut self.others_left_out);
        let known = self.addresses.contains_key(&address);
        if known || self.addresses.len() < self.bounds.others_max.saturating_mul(8) {
            self.addresses.insert(address, name.to_owned());
        }
    }

    pub(crate) fn note(&mut self, note: Note) {
        if self.notes.len() < self.bounds.others_max {
            self.notes.insert(note);
        }
    }

    pub(crate) fn finish(mut self, ended: Ended) -> Observed {
        for (count, note) in [
            (self.files_left_out, Note::FilesLeftOut(self.files_left_out)),
            (self.others_left_out, Note::OthersLeftOut(self.others_left_out)),
        ] {
            if count > 0 {
                self.notes.insert(note);
            }
        }
        Observed {
            ended,
            became: self.became,
            ran: self.ran,
            files: self.files,
            peers: self.peers,
            sockets: self.sockets,
            own_sockets: self.own_sockets,
            own_ports: self.own_ports,
            names: self.names,
            notes: self.notes,
        }
    }
}

/// Remembers one more, unless there are too many already.
fn insert<T: Ord>(known: &mut BTreeSet<T>, one: T, most: usize, left_out: &mut u64) {
    if known.len() < most || known.contains(&one) {
        known.insert(one);
    } else {
        *left_out += 1;
    }
}

/// A path without `.` and `..`, as far as that can be said without looking.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                tidied.pop();
            }
            Component::CurDir => {}
            part => tidied.push(part),
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bounds_is_counted_and_what_is_known_still_grows() {
        let mut record = Record::new(Bounds { files_max: 2, others_max: 1 });
        for name in ["/a", "/b", "/c", "/c", "/a"] {
            record.file(name.into(), None, true, false);
        }
        record.file("/b".into(), Some("/b".into()), false, true);
        for port in [1, 2, 1] {
            record.peer(SocketAddr::from(([192, 0, 2, 1], port)), Protocol::Tcp);
        }
        let observed = record.finish(Ended::Code(0));
        assert_eq!(observed.files.len(), 2);
        let both = FileUse { asked: None, read: true, written: true, made: false };
        assert_eq!(observed.files[Path::new("/b")], both);
        assert_eq!(observed.notes, [Note::FilesLeftOut(2), Note::OthersLeftOut(1)].into());
    }

    #[test]
    fn an_address_has_the_name_that_was_asked_for_last() {
        let mut record = Record::new(Bounds::default());
        let address = IpAddr::from([192, 0, 2, 1]);
        record.name("a.example.com", address);
        record.peer(SocketAddr::new(address, 443), Protocol::Tcp);
        record.name("b.example.com", address);
        record.peer(SocketAddr::new(address, 443), Protocol::Tcp);
        record.peer(SocketAddr::from(([192, 0, 2, 2], 443)), Protocol::Tcp);
        let names: Vec<Option<String>> =
            record.finish(Ended::Code(0)).peers.into_iter().map(|peer| peer.name).collect();
        assert_eq!(names, [None, Some("a.example.com".to_owned()), Some("b.example.com".to_owned())]);
    }

    #[test]
    fn a_path_is_tidied_without_looking() {
        for (path, tidied) in [("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("/a/", "/a"), ("/", "/")] {
            assert_eq!(tidy(Path::new(path)), Path::new(tidied), "{path}");
        }
    }
}
