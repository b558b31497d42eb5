//! Addresses as system calls pass them, messages with their parts, and what a descriptor of the program is as a socket.

use crate::memory::Memory;
use rustix::{
    fd::OwnedFd,
    net::{SocketType, getsockname, sockopt::socket_type},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

/// The port at which names are asked for.
pub(crate) const NAMES_PORT: u16 = 53;
/// The longest address that is read: that of a local socket.
const ADDRESS_BYTES_MAX: usize = 110;
/// The most of a message that is read: the largest answer of DNS.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Parts of one message, and messages of one call, that are read.
const PARTS_MAX: u64 = 64;
/// Sockets with their partners that are remembered at once.
const PARTNERS_MAX: usize = 4_096;

/// Where a socket leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// To a port of a host.
    Internet(SocketAddr),
    /// To a local socket.
    Local(PathBuf),
}

/// An address as a program has it in its memory.
pub(crate) fn place(memory: Memory, address: u64, length: u64) -> Option<Place> {
    let length = usize::try_from(length).ok()?.min(ADDRESS_BYTES_MAX);
    if address == 0 { None } else { read(&memory.bytes(address, length)?) }
}

fn read(bytes: &[u8]) -> Option<Place> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = || Some(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
    match family {
        libc::AF_INET => {
            let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(Place::Internet(SocketAddr::new(Ipv4Addr::from(octets).into(), port()?)))
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let address = IpAddr::V6(Ipv6Addr::from(octets)).to_canonical();
            Some(Place::Internet(SocketAddr::new(address, port()?)))
        }
        libc::AF_UNIX => Some(Place::Local(local(bytes.get(2..)?)?)),
        _ => None,
    }
}

/// The path of a local socket; one without a path begins with a zero.
fn local(bytes: &[u8]) -> Option<PathBuf> {
    match bytes {
        [] | [0] => None,
        [0, name @ ..] => Some(PathBuf::from(OsStr::from_bytes(&[b"@", name].concat()))),
        path => {
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            Some(PathBuf::from(OsStr::from_bytes(&path[..end])))
        }
    }
}

/// What a message's header says: its partner's address, and the parts of its content.
pub(crate) fn header(memory: Memory, address: u64) -> Option<(Option<Place>, Vec<(u64, usize)>)> {
    let partner = place(memory, memory.number(address)?, memory.number(address.checked_add(8)?)? & 0xffff_ffff);
    let (parts_at, count) = (memory.number(address.checked_add(16)?)?, memory.number(address.checked_add(24)?)?);
    let part = |index: u64| {
        let at = parts_at.checked_add(index * 16)?;
        Some((memory.number(at)?, usize::try_from(memory.number(at.checked_add(8)?)?).ok()?))
    };
    Some((partner, (0..count.min(PARTS_MAX)).map_while(part).collect()))
}

/// The bytes of a call's several messages: for each the address of its header, and how long it is.
pub(crate) fn several(memory: Memory, address: u64, count: u64) -> Vec<(u64, usize)> {
    /// A header of 56 bytes, the length, and room up to a multiple of eight.
    const STEP: u64 = 64;
    let one = |index: u64| {
        let at = address.checked_add(index * STEP)?;
        let length = memory.number(at.checked_add(56)?)? & 0xffff_ffff;
        Some((at, usize::try_from(length).ok()?))
    };
    (0..count.min(PARTS_MAX)).map_while(one).collect()
}

/// The content of a message, of which `length` bytes came.
pub(crate) fn content(memory: Memory, parts: &[(u64, usize)], length: usize) -> Vec<u8> {
    let mut left = length.min(MESSAGE_BYTES_MAX);
    let mut content = Vec::new();
    for (address, room) in parts {
        let wanted = left.min(*room);
        content.extend(memory.bytes(*address, wanted).unwrap_or_default());
        left -= wanted;
    }
    content
}

/// A descriptor of a process, as one of our own, to ask what it is. Nothing is done to it.
fn opened(process: i32, descriptor: i32) -> Option<OwnedFd> {
    let process = pidfd_open(Pid::from_raw(process)?, PidfdFlags::empty()).ok()?;
    pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty()).ok()
}

/// Whether a descriptor is a socket for single messages.
pub(crate) fn is_datagram(process: i32, descriptor: i32) -> bool {
    opened(process, descriptor).and_then(|socket| socket_type(&socket).ok()) == Some(SocketType::DGRAM)
}

/// The port that a socket waits at.
pub(crate) fn own_port(process: i32, descriptor: i32) -> Option<u16> {
    let own = getsockname(opened(process, descriptor)?).ok()?;
    Some(SocketAddr::try_from(own).ok()?.port())
}

/// Whom sockets speak to: those that ask for names, and those for single messages, whose connecting sends nothing yet.
#[derive(Debug, Default)]
pub(crate) struct Partners {
    known: BTreeMap<(i32, i32), Partner>,
}

#[derive(Debug)]
struct Partner {
    /// The socket as the kernel names it, since a descriptor's number is used again.
    socket: PathBuf,
    address: SocketAddr,
}

impl Partners {
    /// A process's socket speaks to this address from now on.
    pub(crate) fn remember(&mut self, memory: Memory, process: i32, descriptor: i32, address: SocketAddr) {
        if let Some(socket) = memory.descriptor(descriptor).filter(|_| self.known.len() < PARTNERS_MAX) {
            self.known.insert((process, descriptor), Partner { socket, address });
        }
    }

    /// A process's descriptor speaks to nobody that has to be remembered.
    pub(crate) fn forget(&mut self, process: i32, descriptor: i32) {
        self.known.remove(&(process, descriptor));
    }

    /// Whom a process's descriptor speaks to, if that was remembered and it is still the same socket.
    pub(crate) fn of(&self, memory: Memory, process: i32, descriptor: i32) -> Option<SocketAddr> {
        let partner = self.known.get(&(process, descriptor))?;
        (memory.descriptor(descriptor)? == partner.socket).then_some(partner.address)
    }

    /// A process has ended.
    pub(crate) fn end(&mut self, process: i32) {
        self.known.retain(|(known, _), _| *known != process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(family: i32, rest: &[u8]) -> Vec<u8> {
        [&u16::try_from(family).unwrap().to_ne_bytes()[..], rest].concat()
    }

    #[test]
    fn addresses_are_read_as_the_kernel_takes_them() {
        let internet = |text: &str| Some(Place::Internet(text.parse().unwrap()));
        let local = |text: &str| Some(Place::Local(text.into()));
        let six = |octets: [u8; 16]| [&[1, 187, 0, 0, 0, 0][..], &octets, &[0; 4]].concat();
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
        let cases = [
            (bytes(libc::AF_INET, &[0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), internet("127.0.0.1:8080")),
            (bytes(libc::AF_INET6, &six(Ipv6Addr::LOCALHOST.octets())), internet("[::1]:443")),
            (bytes(libc::AF_INET6, &six(mapped)), internet("192.0.2.1:443")),
            (bytes(libc::AF_UNIX, b"/run/x\0rest"), local("/run/x")),
            (bytes(libc::AF_UNIX, b"\0name"), local("@name")),
            (bytes(libc::AF_UNIX, b""), None),
            (bytes(libc::AF_INET, &[0, 80, 127]), None),
            (bytes(libc::AF_NETLINK, &[0; 10]), None),
            (vec![2], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(&bytes), expected, "{bytes:?}");
        }
    }
}
