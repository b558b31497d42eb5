//! The name server's socket. A datagram is answered from the address that it was sent to, which the kernel tells beside
//! the bytes; an answer from any other address would not be taken.

use crate::{
    audit::{Act, Attempt, Reason, Verdict},
    dns::{self, QUERY_BYTES_MAX},
    sandbox::Sandbox,
};
use nix::{
    cmsg_space,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
        sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo},
    },
};
use rustix::net::sockopt::set_ipv6_freebind;
use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsRawFd,
    sync::Arc,
};
use tokio::{io::Interest, net::UdpSocket, time::Instant};

/// The port of name servers.
const NAME_SERVER_PORT: u16 = 53;

/// One query as it came.
struct Datagram {
    bytes: usize,
    from: SockaddrStorage,
    to: IpAddr,
}

/// Makes the socket tell where datagrams were sent to, and lets it answer from there.
pub(crate) fn prepare(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
    match socket.local_addr()?.is_ipv6() {
        true => {
            setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
            // An address that is local only by a route is nobody's in IPv6, and may not be answered from otherwise.
            set_ipv6_freebind(&socket, true)?;
        }
        false => setsockopt(&socket, Ipv4PacketInfo, &true)?,
    }
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Answers queries until the sandbox is detached.
pub(crate) async fn serve(sandbox: Arc<Sandbox>, socket: UdpSocket) {
    let mut buffer = vec![0u8; QUERY_BYTES_MAX];
    loop {
        let received = socket.async_io(Interest::READABLE, || receive(&socket, &mut buffer)).await;
        // A socket of this kind reports what became of earlier answers; that is nothing to stop for.
        let Ok(datagram) = received else {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            continue;
        };
        sandbox.slow_down(&sandbox.queries, Instant::now(), Act::Query).await;
        let query = &buffer[..datagram.bytes];
        let Some(reply) = dns::answer(query, datagram.to, &sandbox.policy, &sandbox.names) else { continue };
        // Who was asked is what matters when it is not the sandbox's own name server.
        let target = match reply.reason {
            Reason::OtherNameServer => datagram.to.to_string(),
            _ => reply.target,
        };
        if reply.verdict == Verdict::Denied {
            sandbox.tally.denied();
        }
        sandbox.log.record(&Attempt::new(Act::Query, &target, NAME_SERVER_PORT), None, reply.verdict, reply.reason);
        // An answer that finds no room is lost, as datagrams may be; the program asks again.
        let _ = socket.try_io(Interest::WRITABLE, || send(&socket, &reply.bytes, &datagram));
    }
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Datagram> {
    let mut control = cmsg_space!(libc::in6_pktinfo, libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let told = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical()),
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from_bits(u32::from_be(info.ipi_addr.s_addr)).into())
        }
        _ => None,
    });
    let lacking = || io::Error::other("the kernel did not tell where a datagram was sent to");
    Ok(Datagram { bytes: message.bytes, from: message.address.ok_or_else(lacking)?, to: told.ok_or_else(lacking)? })
}

fn send(socket: &UdpSocket, bytes: &[u8], query: &Datagram) -> io::Result<()> {
    let (parts, flags, to) = ([IoSlice::new(bytes)], MsgFlags::MSG_DONTWAIT, Some(&query.from));
    let in_ipv6 = query.from.as_sockaddr_in6().is_some();
    match query.to {
        IpAddr::V4(address) if !in_ipv6 => {
            let address = libc::in_addr { s_addr: address.to_bits().to_be() };
            let nobody = libc::in_addr { s_addr: 0 };
            let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: nobody };
            sendmsg(socket.as_raw_fd(), &parts, &[ControlMessage::Ipv4PacketInfo(&info)], flags, to)?;
        }
        address => {
            let address = match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            let address = libc::in6_addr { s6_addr: address.octets() };
            let info = libc::in6_pktinfo { ipi6_addr: address, ipi6_ifindex: 0 };
            sendmsg(socket.as_raw_fd(), &parts, &[ControlMessage::Ipv6PacketInfo(&info)], flags, to)?;
        }
    }
    Ok(())
}
