//! The strict mode: the first bytes of a connection to a name must say that name, so that a granted address cannot be used
//! to ask the same machine for another host.
//!
//! TLS says it by SNI, HTTP/1 by Host. Whatever can be read in two ways is refused. Only the first request of a plain
//! connection is looked at, and what is encrypted stays unseen; `docs/sandbox-network.md` says what follows from that.

use crate::audit::{Reason, shown};
use akao_address::split_port;
use rustls::server::Acceptor;
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Most bytes in which a host must have been named. Hellos with large keys take about 2 KiB.
const GREETING_BYTES_MAX: usize = 16 * 1024;

/// Most headers of a request.
const HEADERS_MAX: usize = 100;

/// The type of the TLS record that a hello begins with.
const TLS_HANDSHAKE: u8 = 0x16;

/// Reads until the connection has said that it is for `name`, and returns what was read.
pub(crate) async fn read(inside: &mut TcpStream, name: &str, port: u16) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::with_capacity(2048);
    let mut judge = Judge::new(name, port);
    loop {
        let read = inside.read_buf(&mut bytes).await.map_err(|_| Reason::Broken)?;
        if judge.more(&bytes)? {
            return Ok(bytes);
        }
        if read == 0 || bytes.len() >= GREETING_BYTES_MAX {
            return Err(Reason::NoServerName);
        }
    }
}

/// Looks at the first bytes as they come. Who sends them one by one must not make this process read all of them each time.
struct Judge<'a> {
    name: &'a str,
    port: u16,
    acceptor: Acceptor,
    seen: usize,
}

impl<'a> Judge<'a> {
    fn new(name: &'a str, port: u16) -> Self {
        Self { name, port, acceptor: Acceptor::default(), seen: 0 }
    }

    /// Whether the bytes so far say the name; false when they are too few to tell.
    fn more(&mut self, bytes: &[u8]) -> Result<bool, Reason> {
        let new = &bytes[self.seen..];
        self.seen = bytes.len();
        match bytes.first() {
            None => Ok(false),
            Some(&TLS_HANDSHAKE) => self.more_tls(new),
            Some(byte) if !byte.is_ascii_alphabetic() => Err(Reason::NoServerName),
            // A head ends with a line, and has few of them.
            Some(_) if !new.contains(&b'\n') => Ok(false),
            Some(_) => judge_http(bytes, self.name, self.port),
        }
    }

    fn more_tls(&mut self, mut new: &[u8]) -> Result<bool, Reason> {
        while !new.is_empty() {
            self.acceptor.read_tls(&mut new).map_err(|_| Reason::NoServerName)?;
            if let Some(accepted) = self.acceptor.accept().map_err(|_| Reason::NoServerName)? {
                let hello = accepted.client_hello();
                let said = hello.server_name().ok_or(Reason::NoServerName)?;
                return if is_same(said, self.name) { Ok(true) } else { Err(Reason::OtherServerName(shown(said))) };
            }
        }
        Ok(false)
    }
}

fn judge_http(bytes: &[u8], name: &str, port: u16) -> Result<bool, Reason> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(false),
        Err(_) => return Err(Reason::NoServerName),
    };
    let (head, rest) = bytes.split_at(head);
    if has_bare_line_feed(head) {
        return Err(Reason::Ambiguous("a line ends without a carriage return"));
    }
    check_hosts(&request, name, port)?;
    check_framing(&request, rest)?;
    Ok(true)
}

/// The host stands in exactly one header, and a target that names a host names the same.
fn check_hosts(request: &httparse::Request<'_, '_>, name: &str, port: u16) -> Result<(), Reason> {
    let mut hosts = values(request, "host");
    let host = hosts.next().ok_or(Reason::NoServerName)?;
    if hosts.next().is_some() {
        return Err(Reason::Ambiguous("there are several Host headers"));
    }
    let target = request.path.unwrap_or_default();
    let in_target = match target {
        _ if request.method == Some("CONNECT") => return Err(Reason::Ambiguous("it asks for a tunnel")),
        "*" => None,
        _ if target.starts_with('/') => None,
        _ => {
            let (_, rest) = target.split_once("://").ok_or(Reason::Ambiguous("the target is neither path nor URL"))?;
            rest.split(['/', '?', '#']).next().map(str::as_bytes)
        }
    };
    for said in [Some(host), in_target].into_iter().flatten() {
        let said = String::from_utf8_lossy(said);
        let same = split_port(said.trim()).is_ok_and(|(host, said_port)| {
            is_same(host, name) && said_port.is_none_or(|said_port| said_port == port.to_string())
        });
        if !same {
            return Err(Reason::OtherServerName(shown(&said)));
        }
    }
    Ok(())
}

/// Nothing that a server could take for the beginning of another request.
fn check_framing(request: &httparse::Request<'_, '_>, rest: &[u8]) -> Result<(), Reason> {
    let (mut lengths, mut codings) = (values(request, "content-length"), values(request, "transfer-encoding"));
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() || (length.is_some() && coding.is_some()) {
        return Err(Reason::Ambiguous("the length of the body is told more than once"));
    }
    if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
        return Err(Reason::Ambiguous("the body has an unknown coding"));
    }
    if values(request, "http2-settings").next().is_some() {
        return Err(Reason::Ambiguous("it changes to HTTP/2 without encryption"));
    }
    let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = match length {
        None => 0,
        Some(length) => {
            let length = std::str::from_utf8(length).ok().filter(digits).and_then(|text| text.parse::<u64>().ok());
            length.ok_or(Reason::Ambiguous("the length of the body is no number"))?
        }
    };
    if coding.is_none() && rest.len() as u64 > length {
        return Err(Reason::Ambiguous("another request follows at once"));
    }
    Ok(())
}

fn values<'a>(request: &'a httparse::Request<'_, '_>, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    head.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || head[at - 1] != b'\r'))
}

fn is_same(said: &str, name: &str) -> bool {
    said.strip_suffix('.').unwrap_or(said).eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Result<bool, Reason> {
        Judge::new("api.example", 80).more(text.as_bytes())
    }

    #[test]
    fn bytes_that_come_one_by_one_are_judged_at_the_end() {
        let request = b"GET / HTTP/1.1\r\nAccept: */*\r\nHost: api.example\r\n\r\n";
        let mut judge = Judge::new("api.example", 80);
        for end in 1..request.len() {
            assert_eq!(judge.more(&request[..end]), Ok(false), "{end}");
        }
        assert_eq!(judge.more(request), Ok(true));
    }

    #[test]
    fn a_request_must_say_the_name_and_say_it_once() {
        for request in [
            "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: API.example.:80\r\n\r\n",
            "GET http://api.example/x HTTP/1.1\r\nHost: api.example\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: api.example\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 3\r\n\r\na",
            "POST / HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        ] {
            assert_eq!(plain(request), Ok(true), "{request:?}");
            for end in 0..request.find("\r\n\r\n").unwrap() + 3 {
                assert_eq!(plain(&request[..end]), Ok(false), "{:?}", &request[..end]);
            }
        }
        for request in [
            "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: api.example:81\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: api.example@other.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: api.example.other.example\r\n\r\n",
            "GET http://other.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n",
            "GET http://api.example@other.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n",
        ] {
            assert!(matches!(plain(request), Err(Reason::OtherServerName(_))), "{request:?}");
        }
        for request in ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{0}\u{1}"] {
            assert_eq!(plain(request), Err(Reason::NoServerName), "{request:?}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for request in [
            "GET / HTTP/1.1\r\nHost: api.example\r\nHost: other.example\r\n\r\n",
            "GET / HTTP/1.1\nHost: api.example\n\n",
            "CONNECT api.example:80 HTTP/1.1\r\nHost: api.example\r\n\r\n",
            "GET other.example HTTP/1.1\r\nHost: api.example\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: +3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: api.example\r\nHTTP2-Settings: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: api.example\r\n\r\nGET / HTTP/1.1\r\nHost: other.example\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 1\r\n\r\naGET / HTTP/1.1\r\n",
        ] {
            assert!(matches!(plain(request), Err(Reason::Ambiguous(_))), "{request:?}: {:?}", plain(request));
        }
        for request in
            ["GET / HTTP/1.1\r\nHost : api.example\r\n\r\n", "GET / HTTP/1.1\r\nHost: api\r\n .example\r\n\r\n"]
        {
            assert!(plain(request).is_err(), "{request:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..600), tls: bool) {
            let mut bytes = bytes;
            if tls && bytes.len() > 6 {
                bytes[..6].copy_from_slice(&[0x16, 3, 1, 0, 200, 1]);
            }
            let mut judge = Judge::new("api.example", 443);
            for end in 0..=bytes.len() {
                let judged = judge.more(&bytes[..end]);
                prop_assert_ne!(&judged, &Ok(true));
                if judged.is_err() {
                    break;
                }
            }
        }
    }
}
