//! Descriptors that a node sends over its socket. A binary of its own, because it counts those of the process.

mod support;

use akao_rpc::{ExecuteIo, ExecuteRequest};
use serde_json::json;
use support::{context, parameters, ready, within};

#[tokio::test]
async fn descriptors_that_a_node_sends_are_not_received() {
    let (connection, mut peer) = ready().await;
    let sent = parameters("a", 1);
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new());
    let received = peer.read().await;
    let before = open_descriptors();
    let file = std::fs::File::open("/dev/null").unwrap();
    let socket: &tokio::net::UnixStream = peer.writer.as_ref();
    for _ in 0..20 {
        let fds = [std::os::fd::AsFd::as_fd(&file); 20];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(20))];
        let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
        assert!(control.push(rustix::net::SendAncillaryMessage::ScmRights(&fds)));
        let line = json!({ "jsonrpc": "2.0", "method": "$/progress", "params": { "id": received["id"] } }).to_string();
        let bytes = [std::io::IoSlice::new(line.as_bytes()), std::io::IoSlice::new(b"\n")];
        rustix::net::sendmsg(socket, &bytes, &mut control, rustix::net::SendFlags::empty()).unwrap();
    }
    peer.answer(&received, json!({ "success": true })).await;
    // The system ends a read at each message with descriptors, so that such a node holds up itself until it sends more.
    let more = async {
        loop {
            peer.notify("$/progress", json!({ "id": received["id"] })).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = within("the call", call) => assert!(answer.is_ok()),
        () = more => {}
    }
    drop(file);
    assert!(open_descriptors() <= before, "{before} before, {} after", open_descriptors());
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
