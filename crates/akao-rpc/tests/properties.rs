//! Whatever bytes a node sends, in whatever pieces: nothing panics, the connection ends with a named error or goes on, and
//! cutting into messages does not depend on the pieces.

mod support;

use akao_rpc::{ExecuteIo, ExecuteRequest, FrameReader, NoHostCalls, RpcError, Settings};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use support::{context, ready_with, within};

/// Bytes that look like the protocol here and there, so that more than the first check is reached.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just(r#"{"jsonrpc":"2.0","#.to_owned()),
        Just(r#""id":"2","#.to_owned()),
        Just(r#""id":"3","#.to_owned()),
        Just(r#""result":{"success":true,"outputs":{}}"#.to_owned()),
        Just(r#""error":{"code":-1005,"message":"m"}"#.to_owned()),
        Just(r#""method":"$/progress","params":{"id":"2","fraction":0.5}"#.to_owned()),
        Just(r#""method":"$/log","params":{"id":"2","level":"warn","message":"m","fields":{}}"#.to_owned()),
        Just(r#""method":"$/output","params":{"id":"2","stream":"s","chunk":"text"}"#.to_owned()),
        Just(r#""method":"host.secret","params":{"name":"A"}"#.to_owned()),
        Just("}".to_owned()),
        Just("}\n".to_owned()),
        Just("\n".to_owned()),
        Just("Z12\n".to_owned()),
        Just("\\ud800".to_owned()),
        "[ -~]{0,12}",
        any::<String>(),
    ];
    let text = proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![4 => text, 1 => proptest::collection::vec(any::<u8>(), 0..300)]
}

fn cut(bytes: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, Option<String>) {
    let mut frames = FrameReader::new();
    frames.agree(1 << 20, true);
    let mut messages = Vec::new();
    let mut sizes = sizes.iter().cycle();
    let mut rest = bytes;
    loop {
        loop {
            match frames.next_message() {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(error) => return (messages, Some(error.name().to_owned())),
            }
        }
        if rest.is_empty() {
            return (messages, None);
        }
        let room = frames.room();
        let count = (*sizes.next().unwrap()).min(rest.len()).min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        frames.filled(count);
        rest = &rest[count..];
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn messages_do_not_depend_on_how_the_bytes_come(
        bytes in message(),
        sizes in proptest::collection::vec(1..40_usize, 1..8),
    ) {
        prop_assert_eq!(cut(&bytes, &sizes), cut(&bytes, &[usize::MAX]));
    }

    #[test]
    fn any_bytes_leave_a_connection_ended_by_name_or_working(messages in proptest::collection::vec(message(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let limits = json!({ "compression": ["zstd"] });
            let (connection, mut peer) = ready_with(Settings::default(), Arc::new(NoHostCalls), limits).await;
            let sent = Map::new();
            let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
            let call = connection.execute(&request, ExecuteIo::new());
            let _: Value = peer.read().await;
            for message in &messages {
                peer.bytes(message).await;
            }
            drop(peer);
            let ended = within("the end", connection.closed()).await;
            assert!(ended.ends_connection(), "{ended}");
            // Answered, in whatever way, or ended by the connection's own reason.
            match within("the call", call).await {
                Ok(_)
                | Err(RpcError::Answered(_) | RpcError::BadAnswer { .. } | RpcError::IntegerTooLarge { .. }) => {
                    assert!(connection.counters().answers > 1, "an answer beside that to `node.info`");
                }
                Err(error) => assert_eq!(error, ended),
            }
        });
    }
}
