//! Scripts of two tenants share no process, and neither do scripts that differ in what they may use.

use akao_contract::{
    Address, BlobRef, Digest, ExecutionId, Invocation, NodeId, OpId, Outcome, OutcomeStatus, StepContext, Tenant,
};
use akao_nodes::{Audit, AuditEvent, ExternalNodes, LaunchOptions, NoPackageGrants, NodesOptions, Subject};
use akao_package::Store;
use akao_runtime::RuntimeSettings;
use akao_script::{ScriptOptions, Scripts};
use akao_step::{BlobError, BlobStore, CancellationToken, StepEvents, StepIo, StepRunner};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path, sync::Arc};

struct Nothing;

impl BlobStore for Nothing {
    fn put(&self, _: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        Ok(BlobRef { digest: Digest::of(bytes), bytes: bytes.len() as u64, media_type: media_type.into(), items: None })
    }
    fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        Err(BlobError::NotFound(*digest))
    }
}

impl Audit for Nothing {
    fn record(&self, _: &Subject, _: AuditEvent) {}
}

fn scripts(folder: &Path) -> (Arc<ExternalNodes>, Scripts) {
    let packages = Store::new(folder.join("packages"));
    let nodes = Arc::new(ExternalNodes::new(NodesOptions {
        packages: packages.clone(),
        state: folder.join("state"),
        blobs: Arc::new(Nothing),
        audit: Arc::new(Nothing),
        grants: Arc::new(NoPackageGrants),
        runtime: RuntimeSettings::default(),
        launch: LaunchOptions::default(),
    }));
    let options = ScriptOptions::new(packages, folder.join("scripts"));
    (Arc::clone(&nodes), Scripts::new(nodes, options))
}

fn invocation(tenant: &str, props: Value) -> Invocation {
    let Value::Object(props) = props else { unreachable!("props are an object") };
    Invocation {
        context: StepContext {
            tenant: tenant.parse().expect("a tenant"),
            execution: ExecutionId::from_parts(1, 1),
            workflow: "test".into(),
            node_id: NodeId::new("one"),
            step: Address::root(),
            op: OpId(1),
            attempt: 1,
            idempotency_key: String::new(),
            deadline_ms: None,
            grants: Arc::default(),
            volumes: Arc::default(),
            trace: None,
        },
        node_type: "PythonInterpreter".into(),
        props,
        blackboard: Default::default(),
        input: None,
    }
}

fn io(cancel: &CancellationToken) -> StepIo {
    StepIo { cancel: cancel.clone(), events: StepEvents::none(), secrets: Arc::default() }
}

async fn run(scripts: &Scripts, tenant: &str, props: Value) -> Outcome {
    scripts.run(invocation(tenant, props), io(&CancellationToken::new())).await
}

/// Tells which interpreter a run was forked from: its seed of hashes is one that no other has.
const WHICH: &str = "import os\nassert not os.listdir('/tmp') and not os.listdir('/dev/shm')\n\
                     open('/tmp/planted', 'w').write('x')\nopen('/dev/shm/planted', 'w').write('x')\nresult = str(hash('which'))";

#[tokio::test]
async fn tenants_and_amounts_of_memory_have_interpreters_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (nodes, scripts) = scripts(folder.path());
    let mut which: BTreeSet<(String, u64, String)> = BTreeSet::new();
    for _ in 0..5 {
        for (tenant, memory) in [("one", 64), ("two", 64), ("two", 96)] {
            let outcome = run(&scripts, tenant, json!({"script": WHICH, "memory": format!("{memory}MB")})).await;
            assert_eq!(outcome.status, OutcomeStatus::Success, "{outcome:?}");
            which.insert((tenant.to_owned(), memory, outcome.outputs["result"].as_str().unwrap().to_owned()));
        }
    }
    let seeds: BTreeSet<&String> = which.iter().map(|(.., seed)| seed).collect();
    assert_eq!((which.len(), seeds.len()), (3, 3), "each has one interpreter, and nobody another's: {which:?}");
    let tenants: Vec<String> = nodes.snapshot().iter().map(|pool| pool.tenant.as_str().to_owned()).collect();
    assert_eq!(tenants.len(), 3, "{tenants:?}");
    nodes.shutdown().await;
}

#[tokio::test]
async fn a_step_that_is_halted_ends_its_script_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (nodes, scripts) = scripts(folder.path());
    let cancel = CancellationToken::new();
    assert_eq!(run(&scripts, "one", json!({"script": "result = 0"})).await.outputs["result"], 0);
    let halted = scripts.run(invocation("one", json!({"script": "while True: pass"})), io(&cancel));
    let (outcome, ()) = tokio::join!(halted, async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        cancel.cancel();
    });
    assert_eq!(outcome.status, OutcomeStatus::Cancelled, "{outcome:?}");
    let outcome = run(&scripts, "one", json!({"script": "result = 1"})).await;
    assert_eq!(outcome.outputs["result"], 1, "{outcome:?}");
    let starts: u64 = nodes.snapshot().iter().map(|pool| pool.counters.starts).sum();
    assert_eq!(starts, 1, "the interpreter went on");
    nodes.shutdown().await;
}
