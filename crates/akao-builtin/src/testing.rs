//! What the tests of the nodes share: an invocation as the driver makes it, ports that keep everything in memory, and
//! outcomes in a form that fits a table.

use crate::{BuiltIn, Run};
use akao_contract::{
    Address, BlobRef, Digest, ExecutionId, Invocation, NodeId, OpId, Outcome, OutcomeStatus, Permission, Reads,
    StepContext, Tenant, annotation,
};
use akao_step::{
    BlobError, BlobStore, BoxFuture, CancellationToken, Egress, EgressError, HttpAnswer, HttpCall, Ports, Reach,
    StepEvents, StepIo, VolumeEntry, VolumeError, Volumes, WalkOptions,
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Runs a node over a table of (props, blackboard, summary of the outcome).
pub(crate) fn check(node: &BuiltIn, cases: &[(Value, Value, Value)]) {
    for (props, blackboard, expected) in cases {
        let outcome = run(node, props, blackboard);
        assert_eq!(summary(&outcome), *expected, "{} with {props} over {blackboard}", node.node_type.name);
    }
}

/// The summary of a failure.
pub(crate) fn failure(kind: &str, message: &str) -> Value {
    json!({ "error": format!("{kind}: {message}") })
}

/// An outcome as a table shows it: outputs, and writes when there are any, or the error.
pub(crate) fn summary(outcome: &Outcome) -> Value {
    match (&outcome.status, &outcome.error) {
        (OutcomeStatus::Failure, Some(error)) => failure(error.kind.as_str(), &error.message),
        (OutcomeStatus::Success, None) if outcome.writes.is_empty() => json!({ "outputs": outcome.outputs }),
        (OutcomeStatus::Success, None) => json!({ "outputs": outcome.outputs, "writes": outcome.writes }),
        (status, error) => json!({ "status": format!("{status:?}"), "error": error }),
    }
}

/// Runs an inline or a blocking node over empty ports.
pub(crate) fn run(node: &BuiltIn, props: &Value, blackboard: &Value) -> Outcome {
    let invocation = invocation(node, props, blackboard);
    match node.run {
        Run::Inline(run) => run(&invocation),
        Run::Blocking(run) => run(&invocation, &io(), &ports(&Arc::default())),
        Run::Async(_) => panic!("an async node needs a test of its own"),
    }
}

/// An invocation with defaults filled in and the blackboard cut down to what the node declares.
pub(crate) fn invocation(node: &BuiltIn, props: &Value, blackboard: &Value) -> Invocation {
    let schemas = node.node_type.props["properties"].as_object().unwrap();
    let mut filled = props.as_object().cloned().unwrap_or_default();
    for (name, schema) in schemas {
        if let Some(default) = schema.get("default") {
            filled.entry(name).or_insert_with(|| default.clone());
        }
    }
    let visible = blackboard.as_object().cloned().unwrap_or_default();
    let blackboard = match node.node_type.reads {
        Reads::All => visible.into_iter().collect(),
        Reads::Named => named(schemas, &filled, &visible),
    };
    Invocation {
        context: context(),
        node_type: node.node_type.name.as_str().into(),
        props: filled,
        blackboard,
        input: None,
    }
}

fn named(
    schemas: &Map<String, Value>,
    props: &Map<String, Value>,
    visible: &Map<String, Value>,
) -> BTreeMap<String, Value> {
    let reads = schemas.iter().filter(|(_, schema)| schema[annotation::READS] == true);
    let paths = reads.filter_map(|(name, _)| props.get(name)?.as_str());
    let whole = Value::Object(visible.clone());
    paths.filter_map(|path| Some((path.to_owned(), crate::path::get(&whole, path)?.clone()))).collect()
}

fn context() -> StepContext {
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(1, 2),
        workflow: "test".into(),
        node_id: NodeId::new("node"),
        step: Address::root(),
        op: OpId(1),
        attempt: 1,
        idempotency_key: "blake3:00".into(),
        deadline_ms: None,
        grants: Arc::default(),
        volumes: Arc::default(),
        trace: None,
    }
}

/// The handles of a step that nobody watches.
pub(crate) fn io() -> StepIo {
    StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() }
}

/// Ports over nothing but `files`.
pub(crate) fn ports(files: &Arc<Files>) -> Ports {
    Ports { blobs: Arc::new(Nothing), egress: Arc::new(Nothing), volumes: Arc::clone(files) as Arc<dyn Volumes> }
}

/// Files in memory, by path.
#[derive(Default)]
pub(crate) struct Files(pub(crate) Mutex<BTreeMap<String, Vec<u8>>>);

impl Volumes for Files {
    fn read(&self, _: &StepContext, path: &str, _: u64) -> Result<Vec<u8>, VolumeError> {
        self.0.lock().unwrap().get(path).cloned().ok_or_else(|| VolumeError::NotFound(path.into()))
    }

    fn write(&self, _: &StepContext, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        if path.contains("..") {
            return Err(VolumeError::BadPath { path: path.into(), reason: "leaves its volume".into() });
        }
        self.0.lock().unwrap().insert(path.into(), bytes.into());
        Ok(())
    }

    fn walk(
        &self,
        _: &StepContext,
        _: &str,
        _: WalkOptions,
        _: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<VolumeEntry>, VolumeError> {
        Ok(vec![])
    }

    fn host_path(&self, _: &StepContext, path: &str, _: bool) -> Result<std::path::PathBuf, VolumeError> {
        Err(VolumeError::NoVolume(path.into()))
    }
}

/// Blobs and network that are not there.
struct Nothing;

impl BlobStore for Nothing {
    fn put(&self, _: &Tenant, _: &[u8], _: &str) -> Result<BlobRef, BlobError> {
        Err(BlobError::Storage(std::io::ErrorKind::Unsupported.into()))
    }

    fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        Err(BlobError::NotFound(*digest))
    }
}

impl Egress for Nothing {
    fn http<'a>(&'a self, _: &'a [Permission], call: HttpCall) -> BoxFuture<'a, Result<HttpAnswer, EgressError>> {
        Box::pin(async move { Err(EgressError::Resolve(call.url)) })
    }

    fn reach<'a>(&'a self, _: &'a [Permission], host: &'a str, _: u16) -> BoxFuture<'a, Result<Reach, EgressError>> {
        Box::pin(async move { Err(EgressError::Resolve(host.to_owned())) })
    }
}
