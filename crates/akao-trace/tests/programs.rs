//! Real programs are followed, and what is told is what they did.

use akao_trace::{Bounds, Ended, Note, Observed, Order, Peer, Protocol, Stopper, TraceError, trace};
use std::{
    ffi::{OsStr, OsString},
    fs,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const PYTHON: &str = "/usr/bin/python3";

fn order(program: impl Into<OsString>, arguments: &[&OsStr]) -> Order {
    Order {
        program: program.into(),
        arguments: arguments.iter().map(OsString::from).collect(),
        search: ["/usr/bin", "/bin"].map(PathBuf::from).into(),
        stdout: None,
        grace: Duration::from_millis(200),
        bounds: Bounds::default(),
    }
}

fn followed(program: &str, arguments: &[&OsStr]) -> Observed {
    trace(&order(program, arguments), &Stopper::default()).expect("it is followed")
}

fn shell(script: &str, arguments: &[&Path]) -> Observed {
    let words = ["-c", script, "sh"].map(OsStr::new);
    let paths: Vec<&OsStr> = arguments.iter().map(|path| path.as_os_str()).collect();
    followed("sh", &[&words[..], &paths].concat())
}

fn python(script: &str, arguments: &[&str]) -> Observed {
    let words: Vec<&OsStr> = ["-c", script].into_iter().chain(arguments.iter().copied()).map(OsStr::new).collect();
    followed(PYTHON, &words)
}

/// A folder by its real path.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("its path");
    (folder, path)
}

fn uses(observed: &Observed, path: &Path) -> Option<(bool, bool)> {
    observed.files.get(path).map(|used| (used.read, used.written))
}

fn tcp(port: u16) -> Peer {
    Peer { name: None, address: SocketAddr::from(([127, 0, 0, 1], port)), protocol: Protocol::Tcp }
}

#[test]
fn files_are_told_by_how_they_are_used() {
    let (_keep, at) = folder();
    fs::write(at.join("in"), "text").unwrap();
    fs::create_dir(at.join("sub")).unwrap();
    std::os::unix::fs::symlink(at.join("in"), at.join("link")).unwrap();
    let script = "cd \"$1\" && cat link > out && cat in >> both && cat both && mkdir sub/made && mv out sub/moved && rm both; cat none; true";
    let observed = shell(script, &[&at]);
    assert_eq!(observed.ended, Ended::Code(0));
    for (name, expected) in [
        ("in", Some((true, false))),
        ("link", None),
        ("out", Some((false, true))),
        ("both", Some((true, true))),
        ("sub/made", Some((false, true))),
        ("sub/moved", Some((false, true))),
        ("none", None),
    ] {
        assert_eq!(uses(&observed, &at.join(name)), expected, "{name}: {:?}", observed.files.keys());
    }
    assert_eq!(observed.files[&at.join("in")].asked, Some(at.join("link")), "the link that was named first");
    assert!(observed.files[&at.join("both")].made && !observed.files[&at.join("in")].made);
}

#[test]
fn a_name_that_is_no_text_is_told_as_it_is() {
    let (_keep, at) = folder();
    let odd = at.join(OsStr::from_bytes(b"odd-\xff\xfe"));
    let observed = shell(": > \"$1\"", &[&odd]);
    assert_eq!(uses(&observed, &odd), Some((false, true)));
}

#[test]
fn programs_are_told_with_what_runs_them() {
    let (_keep, at) = folder();
    let script = at.join("script");
    fs::write(&script, "#!/usr/bin/env sh\ntrue\ncat /dev/null | cat\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let observed = followed(script.to_str().unwrap(), &[]);
    let files: Vec<&OsStr> = observed.became.iter().filter_map(|program| program.called.file_name()).collect();
    assert_eq!(files, ["script", "sh"], "the script, run by env, and what env became");
    let interpreter = observed.became[0].interpreter.as_deref().and_then(Path::file_name);
    assert_eq!(interpreter, Some(OsStr::new("env")));
    let ran: Vec<&OsStr> = observed.ran.keys().filter_map(|path| path.file_name()).collect();
    assert_eq!(ran, ["cat"], "{observed:?}");
}

#[test]
fn the_end_is_the_programs_own() {
    assert_eq!(shell("exit 7", &[]).ended, Ended::Code(7));
    assert_eq!(shell("exit 127", &[]).ended, Ended::Code(127));
    assert_eq!(shell("kill -TERM $$", &[]).ended, Ended::Signal(15));
    assert_eq!(shell("trap 'exit 3' USR1; kill -USR1 $$; exit 1", &[]).ended, Ended::Code(3), "signals arrive");
    assert_eq!(shell("kill -STOP $$; exit 5", &[]).ended, Ended::Code(5), "one that stops itself goes on");
    let lost = shell("kill -40 $$; exit 6", &[]);
    assert_eq!((lost.ended, lost.notes), (Ended::Code(6), [Note::SignalLost(40)].into()));
}

#[test]
fn a_program_that_cannot_be_run_is_an_error() {
    let (_keep, at) = folder();
    fs::write(at.join("plain"), "").unwrap();
    fs::write(at.join("garbage"), "\0\0\0\0").unwrap();
    fs::set_permissions(at.join("garbage"), fs::Permissions::from_mode(0o755)).unwrap();
    let fails = |program: OsString| trace(&order(program, &[]), &Stopper::default()).expect_err("it cannot run");
    assert!(matches!(fails("no-such-program".into()), TraceError::NotFound(_)));
    assert!(matches!(fails(at.join("none").into()), TraceError::NotFound(_)));
    assert!(matches!(fails("".into()), TraceError::NotFound(_)));
    for name in ["plain", "garbage", "."] {
        let error = fails(at.join(name).into());
        assert!(matches!(error, TraceError::NotRunnable(_)), "{name}: {error:?}");
    }
}

#[test]
fn connections_are_told_by_address_and_own_ports_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = "import socket, sys, threading\n\
        own = socket.socket(); own.bind(('127.0.0.1', 0)); own.listen()\n\
        def work():\n    socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)\n\
        thread = threading.Thread(target=work); thread.start(); thread.join()\n\
        other = socket.socket(); other.setblocking(False); other.connect_ex(own.getsockname())\n\
        print(own.getsockname()[1], file=open(sys.argv[2], 'w'))\n";
    let (_keep, at) = folder();
    let told = at.join("port");
    let observed = python(script, &[&port.to_string(), told.to_str().unwrap()]);
    assert_eq!(observed.ended, Ended::Code(0));
    let own: u16 = fs::read_to_string(told).unwrap().trim().parse().unwrap();
    assert_eq!(observed.peers, [tcp(port), tcp(own)].into());
    assert_eq!(observed.own_ports, [own].into());
}

#[test]
fn only_messages_that_are_sent_count() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let script = "import socket, sys\nport = int(sys.argv[1])\n\
        silent = socket.socket(type=socket.SOCK_DGRAM); silent.connect(('127.0.0.2', port))\n\
        one = socket.socket(type=socket.SOCK_DGRAM); one.sendto(b'x', ('127.0.0.1', port))\n\
        two = socket.socket(type=socket.SOCK_DGRAM); two.connect(('127.0.0.3', port)); two.send(b'x')\n\
        three = socket.socket(type=socket.SOCK_DGRAM); three.sendmsg([b'x'], [], 0, ('127.0.0.4', port))\n";
    let observed = python(script, &[&port.to_string()]);
    let hosts: Vec<(IpAddr, Protocol)> = observed.peers.iter().map(|peer| (peer.address.ip(), peer.protocol)).collect();
    let expected = [1, 3, 4].map(|last| (IpAddr::from([127, 0, 0, last]), Protocol::Udp));
    assert_eq!(hosts, expected);
}

#[test]
fn local_sockets_are_told_by_path() {
    let (_keep, at) = folder();
    let path = at.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let script = "import os, socket, sys\nos.chdir(sys.argv[1])\n\
        socket.socket(socket.AF_UNIX).connect('socket')\n\
        own = socket.socket(socket.AF_UNIX); own.bind('own')\n\
        try: socket.socket(socket.AF_UNIX).connect('none')\nexcept OSError: pass\n";
    let observed = python(script, &[at.to_str().unwrap()]);
    assert_eq!(observed.sockets, [path].into());
    assert_eq!(observed.own_sockets, [at.join("own")].into());
}

/// In a network of its own, which the program makes itself, a resolver answers on the port that resolvers have.
#[test]
fn hosts_are_told_by_the_name_that_was_asked_for() {
    let script = r"
import fcntl, socket, struct, threading
up = socket.socket(type=socket.SOCK_DGRAM)
fcntl.ioctl(up, 0x8914, struct.pack('16sH22x', b'lo', 1 | 64))
server = socket.socket(type=socket.SOCK_DGRAM); server.bind(('127.0.0.1', 53))
def serve():
    question, sender = server.recvfrom(512)
    record = b'\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04' + bytes([127, 0, 0, 9])
    server.sendto(question[:2] + b'\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00' + question[12:] + record, sender)
web = socket.socket(); web.bind(('127.0.0.9', 443)); web.listen()
thread = threading.Thread(target=serve); thread.start()
client = socket.socket(type=socket.SOCK_DGRAM); client.connect(('127.0.0.1', 53)); client.settimeout(5)
client.send(b'\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03api\x07example\x03com\x00\x00\x01\x00\x01')
client.recv(512); thread.join()
socket.create_connection(('127.0.0.9', 443), 5)
";
    let tried = std::process::Command::new("unshare").args(["-Urn", "true"]).output();
    assert!(tried.is_ok_and(|tried| tried.status.success()), "this machine makes no user namespaces for tests");
    let words = ["-Urn", PYTHON, "-c", script].map(OsStr::new);
    let observed = followed("unshare", &words);
    assert_eq!(observed.ended, Ended::Code(0), "{observed:?}");
    let address = SocketAddr::from(([127, 0, 0, 9], 443));
    let expected = Peer { name: Some("api.example.com".to_owned()), address, protocol: Protocol::Tcp };
    // The resolver of the test sends its answer to a port of the test's own.
    let connected: Vec<&Peer> = observed.peers.iter().filter(|peer| peer.protocol == Protocol::Tcp).collect();
    assert_eq!(connected, [&expected], "asking for names is no connection");
    assert!(observed.peers.iter().all(|peer| peer.address.port() != 53), "{:?}", observed.peers);
    assert_eq!(observed.names, ["api.example.com".to_owned()].into());
}

#[test]
fn what_outlives_the_program_is_killed() {
    let (_keep, at) = folder();
    let begun = Instant::now();
    let observed = shell("sleep 600 & echo $! > \"$1\"", &[&at.join("pid")]);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!((observed.ended, observed.notes), (Ended::Code(0), [Note::Killed(1)].into()));
    let pid = fs::read_to_string(at.join("pid")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    assert!(stat.as_ref().is_ok_and(|stat| stat.contains(") Z ")) || stat.is_err(), "{stat:?}");
}

#[test]
fn what_ends_within_the_grace_is_followed_to_its_end() {
    let (_keep, at) = folder();
    let mut order = order("sh", &["-c", "(sleep 0.1; : > \"$1\") &", "sh"].map(OsStr::new));
    order.arguments.push(at.join("late").into());
    order.grace = Duration::from_secs(60);
    let observed = trace(&order, &Stopper::default()).unwrap();
    assert_eq!(uses(&observed, &at.join("late")), Some((false, true)));
    assert!(observed.notes.is_empty(), "{:?}", observed.notes);
}

#[test]
fn another_thread_ends_it_and_what_it_did_is_told() {
    let (_keep, at) = folder();
    let (used, ready, stopper) = (at.join("used"), at.join("ready"), Arc::new(Stopper::default()));
    // A file is there before the call that makes it has ended, which is when it is told: the second one says that the first was.
    let script = "trap '' TERM; : > \"$1\"; : > \"$2\"; while :; do sleep 600; done";
    let (order, traced) = {
        let mut order = order("sh", &["-c", script, "sh"].map(OsStr::new));
        order.arguments.extend([&used, &ready].map(OsString::from));
        (order, Arc::clone(&stopper))
    };
    let work = thread::spawn(move || trace(&order, &traced));
    let end = Instant::now() + Duration::from_secs(60);
    while !ready.exists() {
        assert!(Instant::now() < end && !work.is_finished(), "the program did not begin");
        thread::sleep(Duration::from_millis(1));
    }
    stopper.ask();
    stopper.kill();
    let observed = work.join().unwrap().unwrap();
    assert_eq!(observed.ended, Ended::Signal(9));
    assert_eq!(uses(&observed, &used), Some((false, true)));
}

#[test]
fn no_more_is_remembered_than_the_bounds_say() {
    let (_keep, at) = folder();
    let mut order =
        order("sh", &["-c", "cd \"$1\"; for n in 1 2 3 4 5 6 7 8 9; do : > $n; done", "sh"].map(OsStr::new));
    order.arguments.push(at.into());
    order.bounds = Bounds { files_max: 3, others_max: 3 };
    let observed = trace(&order, &Stopper::default()).unwrap();
    assert_eq!(observed.files.len(), 3);
    assert!(matches!(observed.notes.first(), Some(Note::FilesLeftOut(left)) if *left >= 6), "{:?}", observed.notes);
}

#[test]
fn a_program_that_another_thread_runs_is_followed_as_the_same_process() {
    let script = "import os, sys, threading\n\
        thread = threading.Thread(target=lambda: os.execv('/bin/cat', ['cat', sys.argv[1]]))\n\
        thread.start(); thread.join()\n";
    let (_keep, at) = folder();
    fs::write(at.join("in"), "").unwrap();
    let observed = python(script, &[at.join("in").to_str().unwrap()]);
    assert_eq!((observed.ended, uses(&observed, &at.join("in"))), (Ended::Code(0), Some((true, false))));
    assert_eq!(observed.became.len(), 2, "{:?}", observed.became);
}
