//! As much of the kernel's routing protocol as a namespace needs: the loopback device up, an address, routes that make
//! addresses local.

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::{
    io,
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

const LOOPBACK_INDEX: u32 = 1;

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;

/// Request, acknowledge, create.
const FLAGS: u16 = 0x1 | 0x4 | 0x400;

const NLMSG_ERROR: u16 = 2;
const IFF_UP: u32 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_PREFSRC: u16 = 7;
const TABLE_LOCAL: u8 = 255;
const PROTOCOL_BOOT: u8 = 3;
const SCOPE_HOST: u8 = 254;
const TYPE_LOCAL: u8 = 2;

/// The loopback device goes up.
pub(crate) fn loopback_up() -> io::Result<()> {
    let mut body = vec![0, 0, 0, 0];
    for word in [LOOPBACK_INDEX, IFF_UP, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    request(RTM_NEWLINK, &body)
}

/// The loopback device gets an address.
pub(crate) fn add_address(address: IpAddr) -> io::Result<()> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let mut body = vec![family(address), bits, 0, SCOPE_HOST];
    body.extend(LOOPBACK_INDEX.to_ne_bytes());
    attribute(&mut body, IFA_LOCAL, &octets(address));
    request(RTM_NEWADDR, &body)
}

/// All addresses of a network become local; `source` is where connections to them come from.
pub(crate) fn make_local(network: IpAddr, prefix: u8, source: Option<IpAddr>) -> io::Result<()> {
    let mut body = vec![family(network), prefix, 0, 0, TABLE_LOCAL, PROTOCOL_BOOT, SCOPE_HOST, TYPE_LOCAL, 0, 0, 0, 0];
    if prefix > 0 {
        attribute(&mut body, RTA_DST, &octets(network));
    }
    attribute(&mut body, RTA_OIF, &LOOPBACK_INDEX.to_ne_bytes());
    if let Some(source) = source {
        attribute(&mut body, RTA_PREFSRC, &octets(source));
    }
    request(RTM_NEWROUTE, &body)
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Their lengths here are multiples of four, so nothing has to be filled up.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend((4 + value.len() as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
}

fn request(kind: u16, body: &[u8]) -> io::Result<()> {
    let socket: OwnedFd =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(FLAGS.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    send(socket.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut answer = [0u8; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let told = answer.get(16..20).filter(|_| length >= 20 && answer[4..6] == NLMSG_ERROR.to_ne_bytes());
    let code = told.map(|bytes| i32::from_ne_bytes(bytes.try_into().expect("four bytes")));
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::other("the kernel did not acknowledge")),
    }
}
