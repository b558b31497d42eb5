//! A file that a volume writes takes its place only after it is durable. One test in a program of its own: descriptors are
//! counted, and another test's would come between.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

#[path = "../../akao-journal/tests/support/no_sync.rs"]
mod no_sync;

use akao_contract::{Address, ExecutionId, NodeId, OpId, StepContext, Tenant};
use akao_host::ProjectVolumes;
use akao_step::Volumes;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

fn context(project: &Path) -> StepContext {
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(0, 0),
        workflow: "test".into(),
        node_id: NodeId::new("node"),
        step: Address::root(),
        op: OpId(1),
        attempt: 1,
        idempotency_key: "blake3:00".into(),
        deadline_ms: None,
        grants: Arc::default(),
        volumes: Arc::new(BTreeMap::from([("project".to_owned(), project.display().to_string())])),
    }
}

/// Writes `new` over `a.txt` where syncs of a file descriptor fail, or all; whether it was refused, and what is there then.
fn write_without_syncs(of: Option<u32>) -> (bool, Vec<u8>) {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("a.txt"), "a").unwrap();
    let (volumes, context) = (ProjectVolumes::new(), context(home.path()));
    let refused = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            no_sync::fail_syncs(of);
            volumes.write(&context, "a.txt", b"new").is_err()
        });
        writer.join().unwrap()
    });
    (refused, fs::read(home.path().join("a.txt")).unwrap())
}

#[test]
fn a_file_and_then_its_folder_are_synced() {
    assert_eq!(write_without_syncs(None), (true, b"a".to_vec()), "the file's bytes");
    // The file's own descriptor is another one than the folder's: where its sync works, the name is already the new one's.
    let seen = (3..60).any(|descriptor| write_without_syncs(Some(descriptor)) == (true, b"new".to_vec()));
    assert!(seen, "no sync of the folder was seen");
}
