//! Standard nodes run over ports that keep everything in memory and reach nothing.

use akao_builtin::{BuiltIn, Run};
use akao_contract::{
    Address, BlobRef, Digest, ExecutionId, Invocation, NodeId, OpId, Outcome, Permission, Reads, StepContext, Tenant,
    annotation,
};
use akao_step::{
    BlobError, BlobStore, BoxFuture, CancellationToken, Egress, EgressError, HttpAnswer, HttpCall, Ports, Reach,
    StepEvents, StepIo, VolumeEntry, VolumeError, Volumes, WalkOptions,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// What there is besides the props: one file, which every path names, and one answer to every request.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// The file's bytes.
    pub file: Vec<u8>,
    /// The answer's `content-type`, and its body.
    pub answer: Option<(String, Vec<u8>)>,
}

impl Volumes for Outside {
    fn read(&self, _: &StepContext, _: &str, _: u64) -> Result<Vec<u8>, VolumeError> {
        Ok(self.file.clone())
    }

    fn write(&self, _: &StepContext, _: &str, _: &[u8]) -> Result<(), VolumeError> {
        Ok(())
    }

    fn walk(&self, _: &StepContext, _: &str, _: WalkOptions) -> Result<Vec<VolumeEntry>, VolumeError> {
        let entry = |path: &str, directory| VolumeEntry { path: path.into(), directory, bytes: 7, depth: 1 };
        Ok(vec![entry("a.rs", false), entry("b", true), entry("c.md", false)])
    }

    fn host_path(&self, _: &StepContext, path: &str, _: bool) -> Result<PathBuf, VolumeError> {
        Err(VolumeError::NoVolume(path.into()))
    }
}

impl BlobStore for Outside {
    fn put(&self, _: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        let digest = Digest::of(bytes);
        Ok(BlobRef { digest, bytes: bytes.len() as u64, media_type: media_type.to_owned(), items: None })
    }

    fn get(&self, _: &Tenant, _: &Digest) -> Result<Vec<u8>, BlobError> {
        Ok(self.file.clone())
    }
}

impl Egress for Outside {
    fn http<'a>(&'a self, _: &'a [Permission], call: HttpCall) -> BoxFuture<'a, Result<HttpAnswer, EgressError>> {
        let Some((media_type, body)) = self.answer.clone() else {
            return Box::pin(async move { Err(EgressError::Resolve(call.url)) });
        };
        let headers = vec![("content-type".to_owned(), media_type)];
        Box::pin(async move { Ok(HttpAnswer { status: 200, headers, body, url: call.url }) })
    }

    fn reach<'a>(&'a self, _: &'a [Permission], host: &'a str, _: u16) -> BoxFuture<'a, Result<Reach, EgressError>> {
        Box::pin(async move { Err(EgressError::Resolve(host.to_owned())) })
    }
}

/// Runs a node. The blackboard is cut down to what the node declares that it reads, as the driver does.
pub fn run(node: &BuiltIn, props: Map<String, Value>, blackboard: &Value, outside: Outside) -> Outcome {
    let invocation = invocation(node, props, blackboard);
    let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Default::default() };
    let outside = Arc::new(outside);
    let ports = Ports { blobs: outside.clone(), egress: outside.clone(), volumes: outside };
    match node.run {
        Run::Inline(run) => run(&invocation),
        Run::Blocking(run) => run(&invocation, &io, &ports),
        Run::Async(run) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.expect("a runtime without threads").block_on(run(invocation, io, ports))
        }
    }
}

fn invocation(node: &BuiltIn, mut props: Map<String, Value>, blackboard: &Value) -> Invocation {
    let none = Map::new();
    let schemas = node.node_type.props.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, schema) in schemas {
        if let Some(default) = schema.get("default") {
            props.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
    let all = || blackboard.as_object().cloned().unwrap_or_default().into_iter().collect();
    let blackboard = match node.node_type.reads {
        Reads::All => all(),
        Reads::Named => {
            let reads = schemas.iter().filter(|(_, schema)| schema.get(annotation::READS) == Some(&Value::Bool(true)));
            let paths = reads.filter_map(|(name, _)| props.get(name)?.as_str());
            let at = |path: &str| path.split('.').try_fold(blackboard, |value, key| value.get(key));
            paths.filter_map(|path| Some((path.to_owned(), at(path)?.clone()))).collect::<BTreeMap<_, _>>()
        }
    };
    Invocation { context: context(), node_type: node.node_type.name.as_str().into(), props, blackboard }
}

fn context() -> StepContext {
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(1, 2),
        workflow: "fuzz".into(),
        node_id: NodeId::new("node"),
        step: Address::root(),
        op: OpId(1),
        attempt: 1,
        idempotency_key: "blake3:00".into(),
        deadline_ms: None,
        grants: Arc::default(),
        volumes: Arc::default(),
    }
}
