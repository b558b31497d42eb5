//! Memory stays flat whatever a node sends. A binary of its own, because it measures the allocations of the process.

mod support;

use akao_rpc::{ExecuteIo, ExecuteRequest, FrameReader, NoHostCalls, Settings};
use peak_alloc::PeakAlloc;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use support::{context, ready_with, within};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What a hostile message may cost beside what the test itself holds: the message, its values and the buffers.
const MEMORY_MB_MAX: f32 = 24.0;

fn attacks() -> Vec<(&'static str, Vec<u8>)> {
    let bomb = zstd::bulk::compress(&vec![b' '; 256 << 20], 19).unwrap();
    let hidden = zstd::stream::encode_all(&vec![b' '; 64 << 20][..], 3).unwrap();
    let framed = |bytes: Vec<u8>| [format!("Z{}\n", bytes.len()).into_bytes(), bytes].concat();
    vec![
        ("an endless line", vec![b'x'; 8 << 20]),
        ("an endless string", [b"{\"jsonrpc\":\"".to_vec(), vec![b'x'; 8 << 20]].concat()),
        ("an endless line of brackets", vec![b'['; 8 << 20]),
        ("a bomb", framed(bomb)),
        ("a bomb that hides its size", framed(hidden)),
        ("a million small values", [b"{\"x\":[".to_vec(), b"0,".repeat(500_000), b"0]}\n".to_vec()].concat()),
        ("a hundred thousand keys", {
            let keys: Vec<String> = (0..90_000).map(|number| format!("\"k{number}\":0")).collect();
            format!("{{{}}}\n", keys.join(",")).into_bytes()
        }),
    ]
}

#[test]
fn no_message_costs_more_than_a_bounded_amount() {
    let attacks = attacks();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, bytes) in &attacks {
        runtime.block_on(async {
            let limits = json!({ "compression": ["zstd"] });
            let (connection, mut peer) = ready_with(Settings::default(), Arc::new(NoHostCalls), limits).await;
            ALLOCATOR.reset_peak_usage();
            let before = ALLOCATOR.current_usage_as_mb();
            let writing = async {
                peer.bytes(bytes).await;
            };
            let (reason, ()) = tokio::join!(within(name, connection.closed()), writing);
            let used = ALLOCATOR.peak_usage_as_mb() - before;
            assert!(reason.is_offence(), "{name}: {reason}");
            assert!(used < MEMORY_MB_MAX, "{name}: {used} MB");
        });
    }
    floods_are_flat(&runtime);
    an_idle_connection_is_small(&runtime);
    a_long_message_is_not_kept();
}

fn floods_are_flat(runtime: &tokio::runtime::Runtime) {
    runtime.block_on(async {
        let (connection, mut peer) = ready_with(Settings::default(), Arc::new(NoHostCalls), Value::Null).await;
        let sent = Map::new();
        let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
        let mut io = ExecuteIo::new();
        let _unread = io.output();
        let call = connection.execute(&request, io);
        let received = peer.read().await;
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage_as_mb();
        for _ in 0..8_000 {
            peer.notify("$/output", json!({ "id": received["id"], "stream": "a", "chunk": "x".repeat(30) })).await;
            peer.notify("$/output", json!({ "id": received["id"], "stream": "b", "chunk": "" })).await;
        }
        peer.answer(&received, json!({ "success": true })).await;
        within("the call", call).await.unwrap();
        let used = ALLOCATOR.peak_usage_as_mb() - before;
        assert!(used < 2.0, "{used} MB for chunks that nobody reads");
    });
}

fn an_idle_connection_is_small(runtime: &tokio::runtime::Runtime) {
    runtime.block_on(async {
        let before = ALLOCATOR.current_usage_as_kb();
        let mut connections = Vec::new();
        for _ in 0..20 {
            connections.push(ready_with(Settings::default(), Arc::new(NoHostCalls), Value::Null).await);
        }
        let each = (ALLOCATOR.current_usage_as_kb() - before) / 20.0;
        assert!(each < 100.0, "{each} kB for a connection and its other end");
    });
}

fn a_long_message_is_not_kept() {
    let long = vec![b'x'; 12 << 20];
    let packed = zstd::bulk::compress(&long, 1).unwrap();
    let packed = [format!("Z{}\n", packed.len()).into_bytes(), packed].concat();
    let plain = [&long[..], b"\n"].concat();
    // The second one with the beginning of the next message behind it.
    for message in [plain, packed.clone(), [packed, b"{\"json".to_vec()].concat()] {
        let mut frames = FrameReader::new();
        frames.agree(16 << 20, true);
        let mut rest = &message[..];
        while !rest.is_empty() {
            let room = frames.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            frames.filled(count);
            rest = &rest[count..];
        }
        assert_eq!(frames.next_message().map(|message| message.map(<[u8]>::len)), Ok(Some(12 << 20)));
        assert_eq!(frames.next_message(), Ok(None));
        frames.room();
        assert!(frames.capacity() < 256 * 1024, "{} bytes are kept", frames.capacity());
    }
}
