//! A project folder with the real ports over it, and a step of a node in it.

use akao_builtin::BuiltInRunner;
use akao_contract::{
    Address, ErrorKind, ExecutionId, Invocation, NodeId, OpId, Outcome, OutcomeStatus, StepContext, Tenant,
};
use akao_host::{CheckedEgress, DiskBlobs, EgressOptions, ProjectVolumes};
use akao_step::{BlobStore, CancellationToken, Ports, StepEvents, StepIo, StepRunner};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A project folder, its ports and the grants of its executions.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    runner: BuiltInRunner,
    blobs: Arc<DiskBlobs>,
    grants: Vec<String>,
    pub(crate) cancel: CancellationToken,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self::trusting(vec![])
    }

    /// A project whose connections also trust these certificate files.
    pub(crate) fn trusting(ca_files: Vec<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Arc::new(DiskBlobs::new(folder.path().join("blobs")));
        std::fs::create_dir(folder.path().join("project")).unwrap();
        let runner = BuiltInRunner::new(Ports {
            blobs: blobs.clone(),
            egress: Arc::new(CheckedEgress::new(EgressOptions { ca_files, ..EgressOptions::default() })),
            volumes: Arc::new(ProjectVolumes::new()),
        });
        Self { folder, runner, blobs, grants: vec![], cancel: CancellationToken::new() }
    }

    /// The same with a grant more.
    pub(crate) fn grant(mut self, grant: &str) -> Self {
        self.grants.push(grant.to_owned());
        self
    }

    /// A path inside the project, on the host.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("project").join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), content).unwrap();
    }

    /// The bytes behind a blob reference.
    pub(crate) fn blob(&self, reference: &Value) -> Vec<u8> {
        let reference = akao_contract::BlobRef::from_value(reference).unwrap();
        self.blobs.get(&Tenant::local(), &reference.digest).unwrap()
    }

    /// Runs one step.
    pub(crate) async fn run(&self, node_type: &str, props: Value) -> Outcome {
        let volumes = BTreeMap::from([("project".to_owned(), self.path("").display().to_string())]);
        let context = StepContext {
            tenant: Tenant::local(),
            execution: ExecutionId::from_parts(0, 0),
            workflow: "test".into(),
            node_id: NodeId::new("node"),
            step: Address::root(),
            op: OpId(1),
            attempt: 1,
            idempotency_key: "blake3:key".into(),
            deadline_ms: None,
            grants: Arc::new(self.grants.iter().map(|grant| grant.parse().unwrap()).collect()),
            volumes: Arc::new(volumes),
            trace: None,
        };
        let Value::Object(props) = props else { panic!("props are an object") };
        let invocation =
            Invocation { context, node_type: node_type.into(), props, blackboard: BTreeMap::new(), input: None };
        let io = StepIo { cancel: self.cancel.clone(), events: StepEvents::none(), secrets: Default::default() };
        self.runner.run(invocation, io).await
    }

    /// Runs one step that must succeed and returns one of its outputs.
    pub(crate) async fn output(&self, node_type: &str, props: Value, name: &str) -> Value {
        let outcome = self.run(node_type, props.clone()).await;
        assert_eq!(outcome.status, OutcomeStatus::Success, "{node_type} {props}: {:?}", outcome.error);
        outcome.outputs[name].clone()
    }

    /// Runs one step that must fail and returns the kind and the message.
    pub(crate) async fn failure(&self, node_type: &str, props: Value) -> (ErrorKind, String) {
        let outcome = self.run(node_type, props.clone()).await;
        assert_eq!(outcome.status, OutcomeStatus::Failure, "{node_type} {props}: {:?}", outcome.outputs);
        let error = outcome.error.unwrap();
        (error.kind, error.message)
    }
}
