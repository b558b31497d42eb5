//! A brokered network: whatever address is meant, the connection arrives at a socket outside, which learns the address.

mod harness;

use akao_sandbox::{Network, Sandboxed, SpawnSpec};
use harness::*;
use std::{
    io::{Read, Write},
    net::{IpAddr, TcpListener, UdpSocket},
    time::Duration,
};

fn brokered(arguments: &[&str], ports: &[u16]) -> SpawnSpec {
    let mut spec = probe_spec(arguments);
    spec.network = Network::Brokered { tcp_ports: ports.to_vec() };
    spec
}

fn spawn(arguments: &[&str], ports: &[u16]) -> Sandboxed {
    launcher().spawn(brokered(arguments, ports), Vec::new()).unwrap()
}

#[test]
fn a_connection_to_any_address_arrives_with_that_address() {
    with_and_without_root("a_connection_to_any_address_arrives_with_that_address", || {
        for address in
            ["93.184.216.34", "169.254.169.254", "10.1.2.3", "127.0.0.1", "2606:2800:220:1::1", "fd00:ec2::254"]
        {
            let address: IpAddr = address.parse().unwrap();
            let target = std::net::SocketAddr::new(address, 443).to_string();
            let mut sandboxed = spawn(&["say", &target, "hello"], &[80, 443]);
            let listeners = sandboxed.take_listeners().unwrap();
            let ports: Vec<u16> = listeners.tcp.iter().map(|(port, _)| *port).collect();
            assert_eq!(ports, [80, 443]);
            let socket = listeners.tcp.into_iter().find(|(port, _)| *port == 443).unwrap().1;
            let (mut stream, _) = TcpListener::from(socket).accept().unwrap();
            let meant = stream.local_addr().unwrap();
            assert_eq!((meant.ip().to_canonical(), meant.port()), (address, 443));
            let mut word = [0; 5];
            stream.read_exact(&mut word).unwrap();
            assert_eq!(&word, b"hello");
            stream.write_all(b"answer").unwrap();
            assert_eq!(finish(sandboxed).stdout, "done answer\n");
        }
    });
}

#[test]
fn a_port_that_is_not_listed_refuses_at_once() {
    with_and_without_root("a_port_that_is_not_listed_refuses_at_once", || {
        for target in ["93.184.216.34:81", "127.0.0.1:22", "[2606:2800:220:1::1]:8080"] {
            assert_eq!(say(run(brokered(&["connect", target], &[80]))), "denied ECONNREFUSED", "{target}");
        }
    });
}

#[test]
fn a_question_for_a_name_arrives_whomever_it_is_put_to() {
    with_and_without_root("a_question_for_a_name_arrives_whomever_it_is_put_to", || {
        for server in ["8.8.8.8:53", "198.18.0.1:53", "[2001:4860:4860::8888]:53"] {
            let sandboxed = &mut spawn(&["ask-udp", server, "question"], &[]);
            let names = UdpSocket::from(sandboxed.take_listeners().unwrap().names);
            names.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut question = [0; 64];
            let (length, _) = names.recv_from(&mut question).unwrap();
            assert_eq!(&question[..length], b"question", "{server}");
        }
    });
}

#[test]
fn without_network_there_is_nothing_to_take() {
    with_and_without_root("without_network_there_is_nothing_to_take", || {
        let mut sandboxed = launcher().spawn(probe_spec(&["nothing"]), Vec::new()).unwrap();
        assert!(sandboxed.take_listeners().is_none());
    });
}

#[test]
fn case_75_a_listener_inside_is_in_a_network_of_its_own() {
    with_and_without_root("case_75_a_listener_inside_is_in_a_network_of_its_own", || {
        // A port that is taken outside is free inside, and the other way round.
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = outside.local_addr().unwrap().port();
        let mut sandboxed = spawn(&["connect", &format!("127.0.0.1:{port}")], &[port]);
        let inside = TcpListener::from(sandboxed.take_listeners().unwrap().tcp.remove(0).1);
        let (stream, _) = inside.accept().unwrap();
        assert_eq!(stream.local_addr().unwrap().port(), port);
        assert_eq!(finish(sandboxed).stdout, "done\n");
        outside.set_nonblocking(true).unwrap();
        assert!(outside.accept().is_err(), "nothing arrived outside");
    });
}
