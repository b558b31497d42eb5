//! The network of a sandbox that has one: every address there is is its own, and what listens is handed outside.
//!
//! A route makes all of IPv4 and IPv6 local to the loopback device. A connection to any address then arrives at a
//! listening socket on that port, which a broker outside holds: it sees the address that was meant, and decides. Ports
//! without such a socket refuse at once.

use crate::sys;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrV6, SocketFlags, SocketType, bind, listen, recv, send,
        socket_with, sockopt::set_ipv6_v6only,
    },
};
use std::net::Ipv6Addr;

/// The port on which names are asked for.
const NAMES_PORT: u16 = 53;
/// Connections that may wait to be accepted by the broker, for each port.
const BACKLOG: i32 = 128;
/// The most ports one sandbox may have.
pub(crate) const PORTS_MAX: usize = 32;

/// The loopback device has this number in every new namespace.
const LOOPBACK: u32 = 1;

/// Brings the network up and makes the listening sockets: one for each of `ports`, then the one for names.
pub(crate) fn open(ports: &[u16]) -> Result<Vec<OwnedFd>, Errno> {
    if ports.len() > PORTS_MAX {
        return Err(Errno::TOOBIG);
    }
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    ask(&kernel, &loopback_up())?;
    for family in [libc::AF_INET, libc::AF_INET6] {
        ask(&kernel, &everything_local(family as u8))?;
    }
    let mut sockets = ports.iter().map(|port| tcp(*port)).collect::<Result<Vec<_>, _>>()?;
    sockets.push(names()?);
    Ok(sockets)
}

fn tcp(port: u16) -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_ipv6_v6only(&socket, false)?;
    bind(&socket, &SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0))?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn names() -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::INET6, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    set_ipv6_v6only(&socket, false)?;
    // The answer must come from the address that was asked, whichever it was.
    sys::enable_socket_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO)?;
    sys::enable_socket_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
    bind(&socket, &SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, NAMES_PORT, 0, 0))?;
    Ok(socket)
}

/// Sends one request and reads the kernel's word on it.
fn ask(kernel: &OwnedFd, request: &[u8]) -> Result<(), Errno> {
    send(kernel, request, SendFlags::empty())?;
    let mut answer = [0_u8; 1024];
    let (_, length) = recv(kernel, &mut answer[..], RecvFlags::empty())?;
    // After the header of 16 bytes, an answer to a request holds an error number, 0 when all is well.
    let code = answer.get(16..20).filter(|_| length >= 20).ok_or(Errno::BADMSG)?;
    match i32::from_ne_bytes([code[0], code[1], code[2], code[3]]) {
        0 => Ok(()),
        code => Err(Errno::from_raw_os_error(-code)),
    }
}

/// A request to the kernel's router, with its header; see netlink(7).
fn request(kind: u16, flags: i32, body: &[u8]) -> Vec<u8> {
    let length = 16 + body.len() as u32;
    let flags = (flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut bytes = Vec::with_capacity(length as usize);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

fn loopback_up() -> Vec<u8> {
    let up = libc::IFF_UP as u32;
    let mut body = vec![0_u8; 4];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(up.to_ne_bytes());
    body.extend(up.to_ne_bytes());
    request(libc::RTM_NEWLINK, 0, &body)
}

/// The route `local 0.0.0.0/0` or `local ::/0` on the loopback device; see rtnetlink(7).
fn everything_local(family: u8) -> Vec<u8> {
    const TABLE_LOCAL: u8 = 255;
    const PROTOCOL_BOOT: u8 = 3;
    const SCOPE_HOST: u8 = 254;
    const TYPE_LOCAL: u8 = 2;
    const ATTRIBUTE_DEVICE: u16 = 4;
    let mut body = vec![family, 0, 0, 0, TABLE_LOCAL, PROTOCOL_BOOT, SCOPE_HOST, TYPE_LOCAL, 0, 0, 0, 0];
    body.extend(8_u16.to_ne_bytes());
    body.extend(ATTRIBUTE_DEVICE.to_ne_bytes());
    body.extend(LOOPBACK.to_ne_bytes());
    request(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &body)
}
