//! Any bytes from a node, in two pieces: framing and reading never panic, hold bounded memory, and what they cut does not
//! depend on the pieces; a live connection ends by a named error or goes on.

#![no_main]

use akao_rpc::{Connection, FrameReader, InfoRequest, NoHostCalls, Settings};
use libfuzzer_sys::fuzz_target;
use std::{io::Write, os::unix::net::UnixStream, sync::Arc, sync::LazyLock, time::Duration};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built")
});

const INFO: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{\"protocol\":1,\"id\":\"a.b.c\",\"version\":\"1.0.0\",\
    \"limits\":{\"compression\":[\"zstd\"]}}}\n";

fn cut(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<&'static str>) {
    let mut frames = FrameReader::new();
    frames.agree(1 << 20, true);
    let mut messages = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let room = frames.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            frames.filled(count);
            rest = &rest[count..];
            loop {
                match frames.next_message() {
                    Ok(Some(message)) => messages.push(message.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (messages, Some(error.name())),
                }
            }
            assert!(frames.capacity() < 8 << 20);
        }
    }
    (messages, None)
}

fuzz_target!(|input: (u16, &[u8])| {
    let (at, bytes) = (usize::from(input.0).min(input.1.len()), input.1);
    assert_eq!(cut(&[&bytes[..at], &bytes[at..]]), cut(&[bytes]));
    RUNTIME.block_on(async {
        let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
        ours.set_nonblocking(true).expect("a socket can");
        theirs.set_nonblocking(true).expect("a socket can");
        let socket = tokio::net::UnixStream::from_std(ours).expect("within a runtime");
        let connection = Connection::open(socket, Settings::default(), Arc::new(NoHostCalls));
        theirs.write_all(INFO).expect("the first bytes fit");
        connection.info(&InfoRequest::new("fuzz"), Duration::from_secs(5)).await.expect("it was answered");
        let parameters = serde_json::Map::new();
        let validate = akao_rpc::ValidateRequest { node: "a.b.c", parameters: &parameters };
        // What the socket does not take at once is not part of the case.
        let _ = theirs.write(bytes);
        drop(theirs);
        let _ = connection.validate(&validate, Duration::from_secs(5)).await;
        assert!(connection.closed().await.ends_connection());
    });
});
