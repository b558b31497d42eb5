//! Acts on sockets.

use crate::{
    Act, kernel,
    outcome::{Tried, number, text, usage},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

pub(crate) const ACTS: &[Act] = &[
    ("socket", socket),
    ("pair", pair),
    ("send-descriptors", send_descriptors),
    ("connect", connect),
    ("connect-abstract", connect_abstract),
    ("connect-host", connect_host),
    ("connect-path", connect_path),
    ("say", say),
    ("ask-udp", ask_udp),
    ("resolve", resolve),
];

const PATIENCE: Duration = Duration::from_secs(3);

/// Connects to the socket at `PATH`, or sends to it by a socket of a pair (`stream`, `datagram`).
fn connect_path(arguments: &[String]) -> Tried {
    let path = text(arguments, 1, "path")?;
    match text(arguments, 0, "kind")? {
        "stream" => drop(std::os::unix::net::UnixStream::connect(path)?),
        "datagram" => drop(std::os::unix::net::UnixDatagram::pair()?.0.send_to(b"x", path)?),
        _ => return Err(usage("kind")),
    }
    Ok(String::new())
}

/// Opens a socket of a named kind.
fn socket(arguments: &[String]) -> Tried {
    const VSOCK: i32 = libc::AF_VSOCK;
    let (family, kind, protocol) = match text(arguments, 0, "kind")? {
        "tcp4" => (libc::AF_INET, libc::SOCK_STREAM, 0),
        "tcp6" => (libc::AF_INET6, libc::SOCK_STREAM, 0),
        "udp4" => (libc::AF_INET, libc::SOCK_DGRAM, 0),
        "unix" => (libc::AF_UNIX, libc::SOCK_STREAM, 0),
        "vsock" => (VSOCK, libc::SOCK_STREAM, 0),
        "packet" => (libc::AF_PACKET, libc::SOCK_RAW, 0),
        "netlink" => (libc::AF_NETLINK, libc::SOCK_RAW, 0),
        "alg" => (libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        "xdp" => (44, libc::SOCK_RAW, 0),
        "icmp" => (libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "ping" => (libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        "sctp" => (libc::AF_INET, libc::SOCK_STREAM, 132),
        "mptcp" => (libc::AF_INET, libc::SOCK_STREAM, 262),
        "udplite" => (libc::AF_INET, libc::SOCK_DGRAM, 136),
        _ => return Err(usage("kind")),
    };
    kernel::socket(family, kind, protocol)?;
    Ok(String::new())
}

/// Makes a pair of connected sockets of the kind `stream`, `packets` or `datagrams`.
fn pair(arguments: &[String]) -> Tried {
    let kind = match text(arguments, 0, "kind")? {
        "stream" => libc::SOCK_STREAM,
        "packets" => libc::SOCK_SEQPACKET,
        "datagrams" => libc::SOCK_DGRAM,
        _ => return Err(usage("kind")),
    };
    let mut numbers = [0_i32; 2];
    let place = numbers.as_mut_ptr() as u64;
    kernel::call(libc::SYS_socketpair, [libc::AF_UNIX as u64, kind as u64, 0, place, 0, 0])?;
    Ok(String::new())
}

/// Sends the descriptor of the new file `PATH` over the socket `NUMBER`, up to `COUNT` times or until it takes no more;
/// tells how often it went.
fn send_descriptors(arguments: &[String]) -> Tried {
    let file = std::fs::File::create(text(arguments, 0, "path")?)?;
    let socket = number(arguments, 1, "number")? as i32;
    let mut sent = 0;
    let hold = number(arguments, 3, "milliseconds").ok();
    if hold.is_some() {
        kernel::call(libc::SYS_fcntl, [socket as u64, libc::F_SETFL as u64, libc::O_NONBLOCK as u64, 0, 0, 0])?;
    }
    for _ in 0..number(arguments, 2, "count")? {
        if kernel::send_descriptor(socket, std::os::fd::AsRawFd::as_raw_fd(&file)).is_err() {
            break;
        }
        sent += 1;
    }
    if let Some(milliseconds) = hold {
        println!("sent {sent}");
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
    Ok(format!("{sent}"))
}

/// Connects to `ADDRESS`, an IP address with a port.
fn connect(arguments: &[String]) -> Tried {
    let address: SocketAddr = text(arguments, 0, "address")?.parse().map_err(|_| usage("address"))?;
    TcpStream::connect_timeout(&address, PATIENCE)?;
    Ok(String::new())
}

/// Connects to `ADDRESS`, says `TEXT`, and tells the answer.
fn say(arguments: &[String]) -> Tried {
    let address: SocketAddr = text(arguments, 0, "address")?.parse().map_err(|_| usage("address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(text(arguments, 1, "text")?.as_bytes())?;
    let mut answer = [0; 256];
    let length = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// Sends `TEXT` to `ADDRESS` by UDP, and tells the answer and whence it came.
fn ask_udp(arguments: &[String]) -> Tried {
    let address: SocketAddr = text(arguments, 0, "address")?.parse().map_err(|_| usage("address"))?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(text(arguments, 1, "text")?.as_bytes(), address)?;
    let mut answer = [0; 512];
    let (length, from) = socket.recv_from(&mut answer)?;
    Ok(format!("{} {from}", String::from_utf8_lossy(&answer[..length])))
}

/// Asks for the addresses of `NAME`.
fn resolve(arguments: &[String]) -> Tried {
    let name = (text(arguments, 0, "name")?, 80);
    let found = std::net::ToSocketAddrs::to_socket_addrs(&name)?;
    Ok(found.map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" "))
}

/// Connects to the abstract Unix socket `NAME`.
fn connect_abstract(arguments: &[String]) -> Tried {
    let socket = kernel::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    kernel::connect_abstract(socket, text(arguments, 0, "name")?.as_bytes())?;
    Ok(String::new())
}

/// Connects to the machine below this one, at `PORT`.
fn connect_host(arguments: &[String]) -> Tried {
    let socket = kernel::socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    kernel::connect_host(socket, number(arguments, 0, "port")? as u32)?;
    Ok(String::new())
}
