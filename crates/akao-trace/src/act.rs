//! What a system call did: its arguments and its result, turned into what is recorded.

use crate::{
    calls::Kind,
    memory::{Memory, low, real},
    names,
    observed::{Note, Program, Protocol, Record},
    sockets::{self, NAMES_PORT, Partners, Place},
};
use std::path::{Path, PathBuf};

/// Failures after which a partner counts as spoken to: the program needs it, whether or not it is there now.
const TRIED: [i32; 7] = [
    libc::EINPROGRESS,
    libc::EINTR,
    libc::ECONNREFUSED,
    libc::ETIMEDOUT,
    libc::EHOSTUNREACH,
    libc::ENETUNREACH,
    libc::EAGAIN,
];

/// A call that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    kind: Kind,
    arguments: [u64; 6],
    /// The paths that it names, read before the call may remove what stands there, or the memory they stand in.
    paths: Vec<PathBuf>,
}

impl Begun {
    /// Looks at a call before the kernel carries it out.
    pub(crate) fn new(kind: Kind, arguments: [u64; 6], memory: Memory) -> Self {
        let path = |argument| memory.path(argument, &arguments);
        let paths = match kind {
            Kind::Open(argument, _) | Kind::OpenHow(argument, _) | Kind::Create(argument) => vec![path(argument)],
            Kind::Change(argument) | Kind::Execute(argument) => vec![path(argument)],
            Kind::ChangeBoth(one, other) => vec![path(one), path(other)],
            _ => Vec::new(),
        };
        Self { kind, arguments, paths: paths.into_iter().flatten().collect() }
    }

    /// The program that the call was to run, which has taken the caller's place.
    pub(crate) fn program(&self, memory: Memory) -> Option<Program> {
        let called = self.paths.first().filter(|_| matches!(self.kind, Kind::Execute(_)))?.clone();
        let file = called.canonicalize().unwrap_or_else(|_| called.clone());
        let interpreter = memory.program().filter(|interpreter| *interpreter != file);
        Some(Program { called, file, interpreter })
    }
}

/// What is known of the whole program while it runs.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) record: Record,
    pub(crate) partners: Partners,
}

impl Scene {
    /// Records what a call did, now that it has ended.
    pub(crate) fn ended(&mut self, call: Begun, result: i64, memory: Memory, process: i32) {
        let one = Act { scene: self, memory, process, result, arguments: call.arguments };
        match call.kind {
            Kind::Open(_, flags) => one.opened(low(call.arguments[flags]), call.paths),
            Kind::OpenHow(_, how) => {
                let flags = memory.number(call.arguments[how]).map_or(0, low);
                one.opened(flags, call.paths);
            }
            Kind::Create(_) => one.opened(libc::O_WRONLY | libc::O_CREAT, call.paths),
            Kind::Change(_) | Kind::ChangeBoth(..) => one.changed(call.paths),
            Kind::Execute(_) => {}
            Kind::Connect => one.connected(),
            Kind::Bind => one.bound(),
            Kind::Listen => one.listens(),
            Kind::SendTo => one.sent(sockets::place(memory, call.arguments[4], call.arguments[5])),
            Kind::SendMessage => one.sent(sockets::header(memory, call.arguments[1]).and_then(|(to, _)| to)),
            Kind::SendMessages => one.sent_several(),
            Kind::Write => one.sent(None),
            Kind::Read => one.received(call.arguments[1]),
            Kind::ReceiveMessage => one.received_message(call.arguments[1], result),
            Kind::ReceiveMessages => one.received_messages(),
            Kind::Ring if result >= 0 => self.record.note(Note::Ring),
            Kind::Ring => {}
        }
    }
}

/// One call that has ended.
struct Act<'a> {
    scene: &'a mut Scene,
    memory: Memory,
    process: i32,
    result: i64,
    arguments: [u64; 6],
}

impl Act<'_> {
    fn descriptor(&self) -> i32 {
        low(self.arguments[0])
    }

    fn succeeded(&self) -> bool {
        self.result >= 0
    }

    /// Whether it succeeded, or failed in a way that shows that the program wants the partner.
    fn tried(&self) -> bool {
        self.succeeded() || TRIED.iter().any(|error| self.result == -i64::from(*error))
    }

    fn opened(self, flags: i32, paths: Vec<PathBuf>) {
        let opened = i32::try_from(self.result).ok().filter(|opened| *opened >= 0);
        let Some(found) = opened.and_then(|opened| self.memory.descriptor(opened)) else { return };
        // Neither a pipe nor a socket has a place.
        if !found.is_absolute() {
            return;
        }
        let found = self.own_process(found);
        let asked = paths.into_iter().next().map(|asked| self.own_process(asked));
        let mode = flags & libc::O_ACCMODE;
        let written = mode != libc::O_RDONLY || flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
        self.scene.record.file(found, asked, mode != libc::O_WRONLY, written);
    }

    /// A path of the process's own entry below `/proc`, by the name that it has there for itself.
    fn own_process(&self, path: PathBuf) -> PathBuf {
        match path.strip_prefix(format!("/proc/{}", self.process)) {
            Ok(rest) => Path::new("/proc/self").join(rest),
            Err(_) => path,
        }
    }

    fn changed(self, paths: Vec<PathBuf>) {
        if self.succeeded() {
            for path in paths {
                self.scene.record.file(real(&path), Some(path), false, true);
            }
        }
    }

    fn connected(self) {
        let descriptor = self.descriptor();
        self.scene.partners.forget(self.process, descriptor);
        match sockets::place(self.memory, self.arguments[1], self.arguments[2] & 0xffff_ffff) {
            Some(Place::Local(path)) if self.succeeded() => self.scene.record.socket(self.below_top(path)),
            Some(Place::Internet(address)) if self.tried() => {
                // Connecting a socket for single messages sends nothing; resolvers do it to learn their own address.
                let datagram = sockets::is_datagram(self.process, descriptor);
                if datagram || address.port() == NAMES_PORT {
                    self.scene.partners.remember(self.memory, self.process, descriptor, address);
                }
                if !datagram && address.port() != NAMES_PORT {
                    self.scene.record.peer(address, Protocol::Tcp);
                }
            }
            _ => {}
        }
    }

    /// The path of a local socket from the top.
    fn below_top(&self, path: PathBuf) -> PathBuf {
        let named = path.as_os_str().as_encoded_bytes().starts_with(b"@");
        if named || path.is_absolute() {
            return path;
        }
        self.memory.folder().map_or(path.clone(), |folder| crate::observed::tidy(&folder.join(&path)))
    }

    fn bound(self) {
        if !self.succeeded() {
            return;
        }
        match sockets::place(self.memory, self.arguments[1], self.arguments[2] & 0xffff_ffff) {
            Some(Place::Local(path)) => {
                let path = self.below_top(path);
                self.scene.record.own_socket(path);
            }
            Some(Place::Internet(address)) if address.port() != 0 => self.scene.record.own_port(address.port()),
            _ => {}
        }
    }

    fn listens(self) {
        if self.succeeded()
            && let Some(port) = sockets::own_port(self.process, self.descriptor())
        {
            self.scene.record.own_port(port);
        }
    }

    /// Something was sent: to the address that is given, or to the one that was remembered.
    fn sent(mut self, to: Option<Place>) {
        self.sent_to(to);
    }

    fn sent_several(mut self) {
        let count = u64::try_from(self.result).unwrap_or(0);
        for (at, _) in sockets::several(self.memory, self.arguments[1], count) {
            let to = sockets::header(self.memory, at).and_then(|(to, _)| to);
            self.sent_to(to);
        }
    }

    fn sent_to(&mut self, to: Option<Place>) {
        if !self.tried() {
            return;
        }
        let descriptor = self.descriptor();
        match to {
            Some(Place::Internet(address)) if address.port() == NAMES_PORT => {
                self.scene.partners.remember(self.memory, self.process, descriptor, address);
            }
            // An address that is given for a connection is not looked at by the kernel.
            Some(Place::Internet(address)) if sockets::is_datagram(self.process, descriptor) => {
                self.scene.record.peer(address, Protocol::Udp);
            }
            Some(Place::Internet(_)) => {}
            Some(Place::Local(path)) => {
                let path = self.below_top(path);
                self.scene.record.socket(path);
            }
            None => {
                let partner = self.scene.partners.of(self.memory, self.process, descriptor);
                if let Some(address) = partner.filter(|address| address.port() != NAMES_PORT) {
                    self.scene.record.peer(address, Protocol::Udp);
                }
            }
        }
    }

    /// Whether the descriptor is one at which names are asked for.
    fn asks_for_names(&self) -> bool {
        let partner = self.scene.partners.of(self.memory, self.process, self.descriptor());
        partner.is_some_and(|address| address.port() == NAMES_PORT)
    }

    fn received(mut self, buffer: u64) {
        if let Some(length) = usize::try_from(self.result).ok().filter(|_| self.asks_for_names()) {
            self.answer(&[(buffer, length)], length);
        }
    }

    fn received_message(mut self, header: u64, length: i64) {
        if let Some(length) = usize::try_from(length).ok().filter(|_| self.asks_for_names()) {
            let (_, parts) = sockets::header(self.memory, header).unwrap_or_default();
            self.answer(&parts, length);
        }
    }

    fn received_messages(mut self) {
        let count = u64::try_from(self.result).ok().filter(|_| self.asks_for_names()).unwrap_or(0);
        for (at, length) in sockets::several(self.memory, self.arguments[1], count) {
            let (_, parts) = sockets::header(self.memory, at).unwrap_or_default();
            self.answer(&parts, length);
        }
    }

    fn answer(&mut self, parts: &[(u64, usize)], length: usize) {
        if let Some((name, addresses)) = names::answer(&sockets::content(self.memory, parts, length)) {
            for address in addresses {
                self.scene.record.name(&name, address.to_canonical());
            }
        }
    }
}
