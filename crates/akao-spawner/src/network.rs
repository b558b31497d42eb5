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
        AddressFamily, RecvFlags, SendFlags, SocketAddrV4, SocketAddrV6, SocketFlags, SocketType, bind, listen, recv,
        send, socket_with, sockopt::set_ipv6_v6only,
    },
};
use std::net::{Ipv4Addr, Ipv6Addr};

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
    open_for(ports, Protocols::of_this_kernel()?)
}

/// Which protocols there are. A kernel without IPv6 has no address of it that anybody could mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocols {
    Both,
    OnlyIpv4,
}

impl Protocols {
    fn of_this_kernel() -> Result<Self, Errno> {
        match socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None) {
            Ok(_) => Ok(Self::Both),
            Err(Errno::AFNOSUPPORT) => Ok(Self::OnlyIpv4),
            Err(errno) => Err(errno),
        }
    }
}

fn open_for(ports: &[u16], protocols: Protocols) -> Result<Vec<OwnedFd>, Errno> {
    if ports.len() > PORTS_MAX {
        return Err(Errno::TOOBIG);
    }
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    ask(&kernel, &loopback_up())?;
    ask(&kernel, &everything_local(libc::AF_INET as u8))?;
    if protocols == Protocols::Both {
        match ask(&kernel, &everything_local(libc::AF_INET6 as u8)) {
            // Switched off for every device: its addresses lead nowhere then.
            Ok(()) | Err(Errno::ACCESS) => {}
            Err(errno) => return Err(errno),
        }
    }
    let mut sockets = ports.iter().map(|port| tcp(*port, protocols)).collect::<Result<Vec<_>, _>>()?;
    sockets.push(names(protocols)?);
    Ok(sockets)
}

fn tcp(port: u16, protocols: Protocols) -> Result<OwnedFd, Errno> {
    let socket = bound(SocketType::STREAM, port, protocols)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn names(protocols: Protocols) -> Result<OwnedFd, Errno> {
    let socket = bound(SocketType::DGRAM, NAMES_PORT, protocols)?;
    // The answer must come from the address that was asked, whichever it was.
    sys::enable_socket_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO)?;
    if protocols == Protocols::Both {
        sys::enable_socket_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
    }
    Ok(socket)
}

/// A socket for `port` of every address.
fn bound(kind: SocketType, port: u16, protocols: Protocols) -> Result<OwnedFd, Errno> {
    match protocols {
        Protocols::Both => {
            let socket = socket_with(AddressFamily::INET6, kind, SocketFlags::CLOEXEC, None)?;
            set_ipv6_v6only(&socket, false)?;
            bind(&socket, &SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0))?;
            Ok(socket)
        }
        Protocols::OnlyIpv4 => {
            let socket = socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
            bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
            Ok(socket)
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::{TcpListener, TcpStream, UdpSocket},
        time::Duration,
    };

    /// Opens the network in a namespace of a thread's own, and talks to addresses that are nobody's.
    fn try_with(protocols: Protocols, targets: &[&str]) {
        let mut sockets = open_for(&[8080], protocols).unwrap();
        let names = UdpSocket::from(sockets.pop().unwrap());
        let listener = TcpListener::from(sockets.pop().unwrap());
        for target in targets {
            let stream = TcpStream::connect(format!("{target}:8080")).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            let meant = accepted.local_addr().unwrap().ip().to_canonical();
            assert_eq!(meant, stream.peer_addr().unwrap().ip(), "the address that was meant is seen");
            assert!(TcpStream::connect(format!("{target}:8081")).is_err(), "other ports refuse");
            let any = if target.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
            UdpSocket::bind(any).unwrap().send_to(b"question", format!("{target}:53")).unwrap();
            names.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut question = [0; 16];
            assert_eq!(names.recv(&mut question).unwrap(), 8, "a question arrives");
        }
    }

    #[test]
    fn addresses_are_local_with_ipv6_and_without() {
        let tried = std::thread::spawn(|| {
            if sys::unshare(rustix::thread::UnshareFlags::NEWNET).is_err() {
                println!("not tried: only root may make a network of a thread's own");
                return;
            }
            try_with(Protocols::OnlyIpv4, &["10.1.2.3", "169.254.169.254"]);
            // Another one, since the first holds the ports.
            sys::unshare(rustix::thread::UnshareFlags::NEWNET).unwrap();
            if Protocols::of_this_kernel().unwrap() == Protocols::Both {
                try_with(Protocols::Both, &["10.1.2.3", "[fd00:ec2::254]"]);
            }
        });
        tried.join().unwrap();
    }
}
