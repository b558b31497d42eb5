//! An engine over a journal in a temporary folder, with the standard nodes and no way out.

use akao_builtin::BuiltInRunner;
use akao_contract::{BlobRef, Digest, ExecutionId, NodeType, Permission, StepContext, Tenant};
use akao_engine::{Bundle, Config, Engine, EngineThread, GivenSecrets, Parts, Reply, Request, StartRequest};
use akao_flow::{Catalogue, Definition, control_types};
use akao_journal::{Journal, OpenOptions};
use akao_registry::Registry;
use akao_step::{
    BlobError, BlobStore, BoxFuture, Egress, EgressError, HttpAnswer, HttpCall, Ports, Reach, StepRunner, VolumeEntry,
    VolumeError, Volumes, WalkOptions,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, sync::Arc};

struct Nothing;

impl BlobStore for Nothing {
    fn put(&self, _: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        Ok(BlobRef { digest: Digest::of(bytes), bytes: bytes.len() as u64, media_type: media_type.into(), items: None })
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

impl Volumes for Nothing {
    fn read(&self, _: &StepContext, path: &str, _: u64) -> Result<Vec<u8>, VolumeError> {
        Err(VolumeError::NotFound(path.to_owned()))
    }
    fn write(&self, _: &StepContext, path: &str, _: &[u8]) -> Result<(), VolumeError> {
        Err(VolumeError::NotFound(path.to_owned()))
    }
    fn walk(
        &self,
        _: &StepContext,
        path: &str,
        _: WalkOptions,
        _: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<VolumeEntry>, VolumeError> {
        Err(VolumeError::NotFound(path.to_owned()))
    }
    fn host_path(&self, _: &StepContext, path: &str, _: bool) -> Result<std::path::PathBuf, VolumeError> {
        Err(VolumeError::NotFound(path.to_owned()))
    }
}

/// Control nodes and standard nodes.
pub(crate) fn catalogue() -> Arc<Catalogue> {
    let mut types = control_types();
    types.extend(akao_builtin::all().into_iter().map(|node| Arc::unwrap_or_clone(node.node_type)));
    Arc::new(Catalogue::from(types))
}

/// A workflow around a tree.
pub(crate) fn definition(root: Value) -> Definition {
    let whole = json!({"akao": 1, "id": "bench", "version": "1.0.0", "root": root});
    serde_json::from_value(whole).expect("a definition")
}

/// A store that keeps nothing.
pub(crate) fn no_blobs() -> Arc<dyn BlobStore> {
    Arc::new(Nothing)
}

/// Opens an engine over `folder`.
pub(crate) fn open(folder: &Path, runtime: &tokio::runtime::Runtime, config: Config) -> (Engine, EngineThread) {
    open_with(folder, runtime, config, None)
}

/// The same with somebody who runs pinned nodes.
pub(crate) fn open_with(
    folder: &Path,
    runtime: &tokio::runtime::Runtime,
    config: Config,
    pinned: Option<Arc<dyn StepRunner>>,
) -> (Engine, EngineThread) {
    let built_in = built_in();
    let runner = match pinned {
        None => built_in,
        Some(pinned) => {
            let mut registry = Registry::new();
            let types = akao_builtin::all().into_iter().map(|node| node.node_type);
            registry.add(types, Some(&built_in)).expect("names are unique");
            registry.set_pinned(pinned);
            Arc::new(registry)
        }
    };
    start_engine(folder, runtime, config, runner, catalogue())
}

/// The same with more node types and who runs them.
pub(crate) fn open_scripts(
    folder: &Path,
    runtime: &tokio::runtime::Runtime,
    config: Config,
    (types, runner): (Vec<NodeType>, Arc<dyn StepRunner>),
) -> (Engine, EngineThread) {
    let mut registry = Registry::new();
    registry
        .add(akao_builtin::all().into_iter().map(|node| node.node_type), Some(&built_in()))
        .expect("names are unique");
    registry.add(types.clone(), Some(&runner)).expect("names are unique");
    let all: Vec<Arc<NodeType>> = types.into_iter().map(Arc::new).collect();
    let catalogue = Arc::new(catalogue().and(&all));
    start_engine(folder, runtime, config, Arc::new(registry), catalogue)
}

fn built_in() -> Arc<dyn StepRunner> {
    let ports = Ports { blobs: Arc::new(Nothing), egress: Arc::new(Nothing), volumes: Arc::new(Nothing) };
    Arc::new(BuiltInRunner::new(ports))
}

fn start_engine(
    folder: &Path,
    runtime: &tokio::runtime::Runtime,
    config: Config,
    runner: Arc<dyn StepRunner>,
    catalogue: Arc<Catalogue>,
) -> (Engine, EngineThread) {
    let options = OpenOptions { created_by: "bench".into(), now_ms: 0 };
    Engine::start(Parts {
        journal: Journal::open(folder, &options).expect("a journal"),
        runner,
        blobs: Arc::new(Nothing),
        secrets: None,
        catalogue,
        runtime: runtime.handle().clone(),
        config,
        entropy: u128::from(std::process::id()),
    })
    .expect("an engine")
}

/// A start of a definition.
pub(crate) fn start(definition: &Definition) -> Request {
    start_bundle(Bundle::of(definition.clone()))
}

/// A start of a bundle.
pub(crate) fn start_bundle(bundle: Bundle) -> Request {
    Request::Start(Box::new(StartRequest {
        tenant: Tenant::local(),
        bundle,
        input: Value::Null,
        grants: vec![],
        volumes: BTreeMap::new(),
        vars: serde_json::Map::new(),
        secrets: GivenSecrets::default(),
        idempotency_key: None,
        debug: false,
        breakpoints: vec![],
        execution: None,
        trace: None,
        warnings: Vec::new(),
    }))
}

/// Starts and gives the id.
pub(crate) async fn started(engine: &Engine, definition: &Definition) -> ExecutionId {
    match engine.call(start(definition)).await {
        Ok(Reply::Started { execution, .. }) => execution,
        other => panic!("the start was not acknowledged: {other:?}"),
    }
}
