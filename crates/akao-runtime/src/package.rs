//! A package of nodes as it is run: manifest, folder, digest, and what of it an execution may use.

use crate::{
    declared::Declared,
    launch::{ProcessSpec, VolumeMount, Wish},
    mask::Masks,
    outputs::{OutputSchema, OutputSchemaError},
};
use akao_contract::{
    Digest, Effects, ErrorKind, Permission, StepContext, StepError, Tenant, VolumeScope,
    manifest::{
        Limit, Manifest, NodeDeclaration, PackageId, PinnedNode, ResourceCaps, Resources, RuntimeKind, Transport,
    },
};
use akao_manifest::{Asked, Parsed, explain};
use akao_step::{RunnerTraits, Secret};
use serde_json::{Map, Value};
use std::{cmp::Ordering, collections::BTreeMap, path::PathBuf, sync::Arc};

/// The variable that tells a node which descriptor to speak on.
const DESCRIPTOR_VARIABLE: (&str, &str) = ("AKAO_RPC_FD", "3");

/// A package that can be run: what was read of it, where it is, and what its folder holds.
#[derive(Debug, Clone)]
pub struct NodePackage {
    /// The manifest, with the places of its permissions.
    pub parsed: Parsed,
    /// The package's folder.
    pub folder: PathBuf,
    /// The digest of everything in the folder.
    pub digest: Digest,
    /// What was granted to this package for good, beside what an execution is given.
    pub granted: Vec<Permission>,
}

/// Why a package cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A kind of runtime that is not a process with a socket.
    #[error("`{package}` has the runtime type `{kind}`, which is not run as a process with a socket")]
    Runtime {
        /// The package.
        package: String,
        /// Its runtime type.
        kind: &'static str,
    },
    /// The outputs of a node are declared in a way that cannot be checked within bounds.
    #[error("the outputs of `{node}` cannot be checked")]
    Outputs {
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: OutputSchemaError,
    },
}

/// A node of a package, ready for its steps.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) declaration: NodeDeclaration,
    pub(crate) outputs: OutputSchema,
    pub(crate) traits: RunnerTraits,
}

impl Node {
    fn new(declaration: &NodeDeclaration, declared: Declared) -> Result<Self, PackageError> {
        let failed = |source| PackageError::Outputs { node: declaration.id.to_string(), source };
        let (effects, idempotent) = (declaration.effects, declaration.idempotent);
        let traits = RunnerTraits {
            effects,
            idempotent,
            once_when_granted: false,
            inline: false,
            only_waits: true,
            takes_input: false,
        };
        let outputs = OutputSchema::new(&declaration.outputs, declared).map_err(failed)?;
        Ok(Self { declaration: declaration.clone(), outputs, traits })
    }

    /// Checks outputs against the manifest; large ones where nothing else waits for it.
    pub(crate) async fn checked(
        self: &Arc<Self>,
        outputs: Map<String, Value>,
        masks: &Arc<Masks>,
    ) -> Result<Map<String, Value>, StepError> {
        if !self.outputs.is_work(&outputs) {
            return self.outputs.check(self.declaration.id.as_str(), outputs, masks);
        }
        let (node, masks) = (Arc::clone(self), Arc::clone(masks));
        let check = move || node.outputs.check(node.declaration.id.as_str(), outputs, &masks);
        let broken = |_| Err(StepError::new(ErrorKind::Internal, "the check of the outputs broke off"));
        tokio::task::spawn_blocking(check).await.unwrap_or_else(broken)
    }

    /// Whether a second run does no harm.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.traits.idempotent || self.traits.effects != Effects::Write
    }
}

impl NodePackage {
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.parsed.manifest
    }

    /// The name by which steps of a node of this package are run.
    pub fn pinned(&self, node: &PackageId) -> PinnedNode {
        PinnedNode { node: node.clone(), version: self.manifest().version.clone(), digest: self.digest }
    }

    /// Whether this package can be run as a process with a socket.
    ///
    /// # Errors
    /// Its runtime is another one, or its outputs cannot be checked.
    pub fn check(&self) -> Result<(), PackageError> {
        self.nodes().map(drop)
    }

    /// The nodes, each with what checks its outputs.
    pub(crate) fn nodes(&self) -> Result<Vec<Arc<Node>>, PackageError> {
        let manifest = self.manifest();
        let runtime = &manifest.runtime;
        let kinds = [
            RuntimeKind::Executable,
            RuntimeKind::Python,
            RuntimeKind::Node,
            RuntimeKind::Go,
            RuntimeKind::Java,
            RuntimeKind::Shell,
            RuntimeKind::Bundle,
        ];
        if !kinds.contains(&runtime.kind) || runtime.transport != Transport::Socket {
            let package = manifest.id.to_string();
            return Err(PackageError::Runtime { package, kind: runtime.kind.as_str() });
        }
        let made = |declaration| Node::new(declaration, self.declared()).map(Arc::new);
        manifest.nodes.iter().map(made).collect()
    }

    /// The limits that hold.
    pub(crate) fn resources(&self, caps: &ResourceCaps) -> Resources {
        self.manifest().resources.capped_by(caps)
    }

    /// Where its author declares what its nodes are.
    pub(crate) fn declared(&self) -> Declared {
        Declared::of(self.manifest().runtime.kind)
    }

    /// A limit as an error shows it: how much, with the name that its author gives it, and what to do, which depends on
    /// whether the operator's cap is what holds.
    pub(crate) fn shown_limit(&self, limit: Limit, caps: &ResourceCaps) -> (String, String) {
        let (asked, held, declared) = (self.manifest().resources, self.resources(caps), self.declared());
        let (amount, key) = (held.shown(limit), declared.limit(limit));
        let shown = key.as_ref().map_or_else(|| amount.clone(), |key| format!("{amount} (`{key}`)"));
        let suggestion = match key {
            Some(key) if held.amount(limit) < asked.amount(limit) => format!(
                "The operator allows {amount} of the {} that `{key}` asks for; ask the operator for more.",
                asked.shown(limit)
            ),
            Some(key) => format!(
                "Raise `{key}` in the {} of `{}`, or give the node less to do at once.",
                declared.place(),
                self.manifest().id
            ),
            None => "Give the node less to do at once.".to_owned(),
        };
        (shown, suggestion)
    }

    /// What an execution lets this package use.
    ///
    /// # Errors
    /// It asks for a permission that is not granted, or for a volume that the execution does not have.
    pub(crate) fn access(
        &self,
        context: &StepContext,
        secrets: &Arc<BTreeMap<String, Secret>>,
        wish: &Wish,
        caps: &ResourceCaps,
    ) -> Result<Access, StepError> {
        let granted: Vec<Permission> = context.grants.iter().chain(&self.granted).cloned().collect();
        let explained = explain(self.manifest(), &self.parsed.permissions, &granted, caps);
        // A bare permission is content with nothing; what it reaches is refused where it is used.
        let is_missing = |asked: &&Asked| !asked.complete && asked.permission.scope().is_some();
        let missing: Vec<&Asked> = explained.asks.iter().filter(is_missing).collect();
        if let Some(first) = missing.first() {
            return Err(self.not_granted(first, &missing));
        }
        let mut grants: Vec<Permission> = explained.asks.into_iter().flat_map(|asked| asked.granted).collect();
        grants.sort();
        grants.dedup();
        let volumes = self.volumes(context, &grants)?;
        Ok(Access { grants, volumes, secrets: Lent(Arc::clone(secrets)), wish: wish.clone() })
    }

    fn not_granted(&self, asked: &Asked, missing: &[&Asked]) -> StepError {
        let declared = self.declared();
        let place = match (declared, asked.position) {
            (Declared::Manifest, Some(position)) => format!("_.yaml:{}:{}", position.line, position.column),
            (Declared::Manifest, None) => "_.yaml".to_owned(),
            (Declared::Source, _) => "permissions".to_owned(),
        };
        let (package, permission) = (&self.manifest().id, &asked.permission);
        let message = format!("the node `{package}` asks for {permission} ({place}), which is not granted");
        let error = StepError::new(ErrorKind::Permission, message)
            .with_detail("reason", "not_granted")
            .with_detail("permission", permission.to_string())
            .with_detail("place", place);
        let options: Vec<&str> = missing.iter().filter_map(|asked| asked.grant.as_deref()).collect();
        let options = options.join(" ");
        let more = match missing.len() {
            0 | 1 => "Grant it".to_owned(),
            many => format!("Grant all {many} that are missing"),
        };
        let suggestion = format!("{more} with `{options}`, or narrow `permissions` in its {}.", declared.place());
        error.with_detail("grant", options).with_suggestion(suggestion)
    }

    /// The granted places in volumes, as folders of this machine.
    fn volumes(&self, context: &StepContext, grants: &[Permission]) -> Result<Vec<VolumeMount>, StepError> {
        let mut mounts: BTreeMap<(String, String), VolumeMount> = BTreeMap::new();
        for grant in grants {
            let writable = match grant.name() {
                "filesystem.read" => false,
                "filesystem.write" => true,
                _ => continue,
            };
            let Some(scope) = grant.scope().and_then(|scope| scope.parse::<VolumeScope>().ok()) else { continue };
            let folder = context.volumes.get(&scope.volume).ok_or_else(|| no_volume(grant, &scope))?;
            let mount = mounts.entry((scope.volume.clone(), scope.path.clone())).or_insert_with(|| VolumeMount {
                name: scope.volume,
                path: scope.path,
                folder: PathBuf::from(folder),
                writable: false,
            });
            mount.writable |= writable;
        }
        Ok(mounts.into_values().collect())
    }

    /// The process that serves a tenant with this access.
    pub(crate) fn spec(&self, tenant: &Tenant, access: &Access, caps: &ResourceCaps) -> ProcessSpec {
        let manifest = self.manifest();
        let (name, value) = DESCRIPTOR_VARIABLE;
        let asked = manifest.resources;
        let memory_bytes = access.wish.memory_bytes.unwrap_or(asked.memory_bytes);
        ProcessSpec {
            tenant: tenant.clone(),
            package: manifest.id.clone(),
            version: manifest.version.clone(),
            digest: self.digest,
            folder: self.folder.clone(),
            kind: manifest.runtime.kind,
            command: manifest.runtime.command.clone(),
            args: manifest.runtime.args.clone(),
            environment: vec![(name.to_owned(), value.to_owned())],
            resources: Resources { memory_bytes, ..asked }.capped_by(caps),
            grants: access.grants.clone(),
            public_only: *tenant != Tenant::local() && self.reaches_more(&access.grants, caps),
            volumes: access.volumes.clone(),
            wish: access.wish.clone(),
        }
    }

    /// Whether these let it reach more of the network than what it was granted for good.
    fn reaches_more(&self, grants: &[Permission], caps: &ResourceCaps) -> bool {
        let own = explain(self.manifest(), &self.parsed.permissions, &self.granted, caps);
        let own: Vec<&Permission> = own.asks.iter().flat_map(|asked| &asked.granted).collect();
        grants.iter().any(|grant| matches!(grant.name(), "network.http" | "network.tcp") && !own.contains(&grant))
    }
}

fn no_volume(grant: &Permission, scope: &VolumeScope) -> StepError {
    let message = format!("{grant} is granted, but this execution has no volume `{}`", scope.volume);
    StepError::new(ErrorKind::NotFound, message)
        .with_detail("reason", "no_volume")
        .with_suggestion(format!("Name its folder with `--volume {}=FOLDER`.", scope.volume))
}

/// What a process may use. Two that differ in it are never the same process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    pub(crate) grants: Vec<Permission>,
    pub(crate) volumes: Vec<VolumeMount>,
    pub(crate) secrets: Lent,
    pub(crate) wish: Wish,
}

/// Secrets that executions were given. Their values take part, since a node keeps what it has read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lent(pub(crate) Arc<BTreeMap<String, Secret>>);

impl Lent {
    fn exposed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, secret)| (name.as_str(), secret.expose()))
    }
}

impl Ord for Lent {
    fn cmp(&self, other: &Self) -> Ordering {
        self.exposed().cmp(other.exposed())
    }
}

impl PartialOrd for Lent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl NodePackage {
    /// Whether the manifest asks for a secret of this name.
    pub(crate) fn declares_secret(&self, name: &str) -> bool {
        let mut asked = self.manifest().permissions.iter();
        asked.any(|permission| permission.name() == "secrets" && permission.scope() == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn large_outputs_are_checked_where_nothing_else_waits() {
        let text = "manifest: 1\nid: com.example.one\nname: One\nversion: 1.0.0\n\
                    runtime: { type: executable, command: one }\n\
                    nodes: [{ id: com.example.one, outputs: { rows: { type: array, items: { type: [integer, string] } } } }]\n";
        let parsed = akao_manifest::read(text).unwrap();
        let node = Arc::new(Node::new(&parsed.manifest.nodes[0], Declared::Manifest).unwrap());
        let masks = Arc::new(Masks::default());
        let cases =
            [(json!(vec![1; 100]), false), (json!(vec![1; 100_000]), true), (json!(["x".repeat(1 << 20)]), true)];
        for (rows, is_elsewhere) in cases {
            let outputs = Map::from_iter([("rows".to_owned(), rows)]);
            assert_eq!(node.outputs.is_work(&outputs), is_elsewhere);
            let mut check = Box::pin(node.checked(outputs.clone(), &masks));
            // What is checked elsewhere may be done by the first look, what is checked here always is.
            let first = futures_util::poll!(&mut check);
            assert!(is_elsewhere || first.is_ready());
            let checked = match first {
                std::task::Poll::Ready(checked) => checked,
                std::task::Poll::Pending => check.await,
            };
            assert_eq!(checked.unwrap(), outputs);
        }
        let wrong = Map::from_iter([("rows".to_owned(), json!([vec![1; 100_000]]))]);
        assert_eq!(node.checked(wrong, &masks).await.unwrap_err().detail["reason"], "bad_outputs");
    }
}
