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

/// Looks for what a script of another tenant may have left, leaves all of it, and draws numbers.
const PLANT: &str = "import builtins, json, math, os, random, secrets, sys\n\
    found = [name for name in ('planted', 'found_before') if name in globals() or hasattr(builtins, name)]\n\
    found += [name for name in ('planted', 'planted.inner') if name in sys.modules]\n\
    found += ['json'] if hasattr(json, 'planted') or json.dumps(1) != '1' else []\n\
    found += ['math'] if math.pi > 4 else []\n\
    found += ['path'] if '/planted' in sys.path else []\n\
    found += ['environment'] if 'PLANTED' in os.environ else []\n\
    for folder in ('/workspace', '/tmp', '/dev/shm'):\n\
    \x20   found += [f'{folder}/{name}' for name in os.listdir(folder)]\n\
    \x20   open(f'{folder}/planted', 'w').write(mark)\n\
    planted = builtins.planted = json.planted = sys.modules['planted'] = sys.modules['planted.inner'] = mark\n\
    json.dumps, math.pi = (lambda *_, **__: '\"forged\"'), 5\n\
    del sys.modules['decimal']\n\
    sys.path.append('/planted')\n\
    os.environ['PLANTED'] = mark\n\
    drawn = [random.random() for _ in range(4)]\n\
    random.seed(1)\n\
    result = {'found': found, 'drawn': drawn, 'secret': secrets.token_hex(8), 'decimal': str(type(__import__('decimal')))}";

/// The same in JavaScript.
const PLANT_JS: &str = "const found = ['planted', 'kept'].filter((name) => name in globalThis);\n\
    if ({}.planted) found.push('prototype');\n\
    if (JSON.stringify(1) !== '1') found.push('JSON');\n\
    if (Math.PI !== 3.141592653589793 || Math.planted) found.push('Math');\n\
    globalThis.kept = globalThis.planted = mark; Object.prototype.planted = 1; Math.planted = mark; JSON.stringify = () => 'forged';\n\
    return { found, drawn: [1, 2, 3, 4].map(() => Math.random()), secret: crypto.randomUUID() };";

#[tokio::test]
async fn two_tenants_scripts_share_no_global_module_file_or_random_number() {
    let folder = tempfile::tempdir().unwrap();
    let (nodes, scripts) = scripts(folder.path());
    for (node_type, script) in [("PythonInterpreter", PLANT), ("JavaScriptInterpreter", PLANT_JS)] {
        let mut drawn: BTreeSet<String> = BTreeSet::new();
        let mut secrets: BTreeSet<String> = BTreeSet::new();
        // Each meets what the other, and its own run before, may have left.
        let turns = ["one", "two", "one", "two", "two", "one"];
        for tenant in turns {
            let mut invocation = invocation(tenant, json!({"script": script, "inputs": {"mark": tenant}}));
            invocation.node_type = node_type.into();
            let outcome = scripts.run(invocation, io(&CancellationToken::new())).await;
            assert_eq!(outcome.status, OutcomeStatus::Success, "{node_type} of {tenant}: {outcome:?}");
            let result = &outcome.outputs["result"];
            assert_eq!(result["found"], json!([]), "{node_type} of {tenant}: {result:#}");
            drawn.extend(result["drawn"].as_array().unwrap().iter().map(Value::to_string));
            secrets.insert(result["secret"].to_string());
        }
        assert_eq!((drawn.len(), secrets.len()), (4 * turns.len(), turns.len()), "{node_type}: no number comes twice");
    }
    let owners: BTreeSet<String> = nodes.snapshot().iter().map(|pool| pool.tenant.as_str().to_owned()).collect();
    assert_eq!(
        (nodes.snapshot().len(), owners.len()),
        (4, 2),
        "each tenant has processes of its own for each language"
    );
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
