//! What the operator has installed in the data directory, as a server shows it to its tenants and as their workflows use it:
//! packages of nodes and environments of scripts. Nothing of where they lie is told.

use crate::{
    commands::packages::lock::{self, LockedVersion},
    owner::PoolState,
    wiring,
};
use akao_contract::{Digest, NodeType, Tenant, manifest::PinnedNode};
use akao_flow::Refusal;
use akao_install::{Installed, LockNeed, LookupError, Places, Record, RecordError};
use akao_nodes::{ExternalNodes, Pinned};
use akao_package::{Lock, Store};
use akao_platform::{Error, Resolve, Resolved, Shelf};
use akao_script::{EnvironmentPackage, Environments, ListedEnvironment};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// The beginning of ids that no package for everybody has: those of what belongs to one tenant.
const OWN: &str = "custom.";

/// The data directory's shelf.
pub(crate) struct DataShelf {
    places: Places,
    packages: Store,
    environments: Environments,
    nodes: Arc<ExternalNodes>,
    /// The node types of contents that were looked at, by pinned names.
    known: Mutex<BTreeMap<Digest, Arc<Vec<Arc<NodeType>>>>>,
}

impl DataShelf {
    /// Of a data directory whose nodes this process runs.
    pub(crate) fn new(folder: &Path, environments: Environments, nodes: Arc<ExternalNodes>) -> Self {
        let (places, packages) = (Places::new(folder), wiring::packages(folder));
        Self { places, packages, environments, nodes, known: Mutex::default() }
    }

    fn records(&self) -> Result<Vec<Record>, Error> {
        let all = Installed::of(&self.places).all().map_err(|error| Error::internal(&error))?;
        // A record that cannot be used is told to the operator by `akao verify`.
        Ok(all.into_iter().filter_map(|(_, record)| record.ok()).collect())
    }

    /// The node types of an installed content, which is held against its digest when it is looked at first. Why it cannot be
    /// used is for the log: tenants can do nothing about it.
    fn types_of(&self, content: &Digest) -> Option<Arc<Vec<Arc<NodeType>>>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(types) = known().get(content) {
            return Some(Arc::clone(types));
        }
        let unusable = |error: &dyn std::error::Error| tracing::warn!("the package {content} cannot be used: {error}");
        let stored = self.packages.get(content).inspect_err(|error| unusable(error)).ok()?;
        let pinned = Pinned { folder: stored.folder, digest: stored.digest };
        pinned.check().inspect_err(|error| unusable(error)).ok()?;
        let types = Arc::new(pinned.node_types());
        known().insert(*content, Arc::clone(&types));
        Some(types)
    }

    /// The need that a name in a workflow is; none for what is no package, and for what is not a tenant's to name: a folder, a
    /// content, and what belongs to another tenant.
    fn need(named: &str) -> Option<LockNeed> {
        if named.contains(['/', '#']) || named.starts_with(OWN) {
            return None;
        }
        lock::named(named)
    }

    /// What a need stands for, by the lock that stands beside its workflow if there is one.
    fn resolved(&self, need: &LockNeed, lock: Option<&Lock>) -> Result<Arc<NodeType>, Refusal> {
        let locked = lock.map(|lock| LockedVersion::of(lock, need)).transpose()?.flatten();
        let (node, range) = (&need.node, locked.as_ref().map_or(&need.range, |locked| &locked.range));
        let found = Installed::of(&self.places).find(node, range).map_err(|error| not_found(&error))?;
        if let Some(message) = locked.and_then(|locked| locked.difference(&found)) {
            let suggestion = "Ask the operator of the server to install what the lock names, or make the lock anew with \
                              `akao lock FILE`.";
            return Err(Refusal { message, suggestion: suggestion.to_owned() });
        }
        let (package, version) = (&found.package, &found.version.version);
        let types = self.types_of(&found.version.content).ok_or_else(|| Refusal {
            message: format!("`{package}` {version} cannot be used as it is installed"),
            suggestion: "Ask the operator of the server to look at it with `akao verify`.".to_owned(),
        })?;
        let is_it = |node_type: &&Arc<NodeType>| name_of(node_type).is_some_and(|pinned| pinned.node == *node);
        types.iter().find(is_it).cloned().ok_or_else(|| {
            let nodes: Vec<String> = found.version.nodes.iter().map(|node| format!("`{node}`")).collect();
            let message = format!("`{package}` {version} holds no node `{node}`");
            Refusal { message, suggestion: format!("It holds {}.", nodes.join(", ")) }
        })
    }
}

/// What a pinned node type is called.
fn name_of(node_type: &NodeType) -> Option<PinnedNode> {
    node_type.name.parse().ok()
}

/// Why a name of a package means nothing here, for somebody who cannot install anything.
fn not_found(error: &LookupError) -> Refusal {
    let message = match error {
        // Where the record lies is the operator's business.
        LookupError::Record(error) => {
            tracing::warn!("a package cannot be looked up: {error}");
            "what is installed cannot be read now".to_owned()
        }
        error => error.to_string(),
    };
    let suggestion = match error {
        LookupError::Absent { .. } | LookupError::Version { .. } => "Ask the operator of the server to install it.",
        LookupError::Disabled { .. } => "Ask the operator of the server to enable it.",
        LookupError::Blocked { .. } => "Ask the operator of the server to update it.",
        LookupError::Node { .. } => "`GET /api/v1/packages` tells which nodes a package has.",
        LookupError::Record(_) => "Ask the operator of the server to look at the log.",
    };
    Refusal { message, suggestion: suggestion.to_owned() }
}

impl Shelf for DataShelf {
    fn packages(&self, tenant: &Tenant) -> Result<Vec<Value>, Error> {
        let pools = self.nodes.snapshot();
        let own: Vec<PoolState> = pools.iter().filter(|pool| pool.tenant == *tenant).map(PoolState::of).collect();
        Ok(self.records()?.iter().map(|record| package(record, &own)).collect())
    }

    fn node_types(&self) -> Result<Vec<Arc<NodeType>>, Error> {
        let (mut types, mut contents) = (Vec::new(), BTreeSet::new());
        for record in self.records()? {
            contents.extend(record.versions.iter().map(|version| version.content));
            let usable = record.disabled.is_none() && !record.id.as_str().starts_with(OWN);
            let active = record.active_version().filter(|version| usable && version.blocked.is_none());
            let of_active = active.and_then(|version| self.types_of(&version.content));
            types.extend(of_active.iter().flat_map(|types| types.iter()).filter_map(as_named));
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|content, _| contents.contains(content));
        Ok(types)
    }

    fn resolve(&self, named: &str) -> Resolved {
        Some(self.resolved(&Self::need(named)?, None))
    }

    fn resolve_locked(&self, lock: &str) -> Result<Resolve<'_>, Error> {
        let lock = Lock::read(lock).map_err(|error| Error::invalid(error.to_string()).hint(error.suggestion()))?;
        Ok(Box::new(move |named| Some(self.resolved(&Self::need(named)?, Some(&lock)))))
    }

    fn refuses(&self, pinned: &str) -> Option<String> {
        let Ok(pinned) = pinned.parse::<PinnedNode>() else { return Some("it uses what is no package".to_owned()) };
        match standing(&self.places, &pinned) {
            Ok(Standing::Usable) => None,
            Ok(Standing::Stopped(reason)) => Some(reason),
            Ok(Standing::Absent) => Some(format!("`{}@{}` is not installed any more", pinned.node, pinned.version)),
            Err(error) => {
                tracing::warn!("a package cannot be looked up: {error}");
                Some(format!("whether `{}` may run cannot be read now", pinned.node))
            }
        }
    }

    fn environments(&self) -> Result<Vec<Value>, Error> {
        let found = self.environments.list_with_usual().map_err(|error| Error::internal(&error))?;
        Ok(found.iter().map(environment).collect())
    }
}

/// How the content that a node is pinned to stands in a data directory.
pub(crate) enum Standing {
    /// It may be used.
    Usable,
    /// It is not installed.
    Absent,
    /// Nothing new may be begun with it, and why.
    Stopped(String),
}

/// See [`Standing`].
///
/// # Errors
/// The record of its package cannot be used.
pub(crate) fn standing(places: &Places, pinned: &PinnedNode) -> Result<Standing, RecordError> {
    let record = Installed::of(places).package_of(&pinned.node)?;
    let found = record.as_ref().and_then(|record| Some((record, record.content(&pinned.digest)?)));
    let Some((record, version)) = found else { return Ok(Standing::Absent) };
    Ok(match (&version.blocked, &record.disabled) {
        (Some(reason), _) => {
            Standing::Stopped(format!("`{}@{}` must not run any more: {reason}", pinned.node, pinned.version))
        }
        (None, Some(disabled)) => Standing::Stopped(format!("`{}` is disabled: {}", record.id, disabled.reason)),
        (None, None) => Standing::Usable,
    })
}

/// A pinned node type under the names by which workflows know it: the id means the version that is used where none is named.
fn as_named(node_type: &Arc<NodeType>) -> Option<Arc<NodeType>> {
    let PinnedNode { node, version, .. } = name_of(node_type)?;
    let aliases = vec![format!("{node}@{version}")];
    Some(Arc::new(NodeType { name: node.to_string(), aliases, ..NodeType::clone(node_type) }))
}

fn package(record: &Record, pools: &[PoolState]) -> Value {
    let active = record.active_version();
    let blocked = active.and_then(|version| version.blocked.clone());
    let (status, reason) = match (&record.disabled, blocked) {
        (_, Some(reason)) => ("blocked", Some(reason)),
        (Some(disabled), None) => ("disabled", Some(disabled.reason.clone())),
        (None, None) => ("installed", None),
    };
    let own: Vec<&PoolState> = pools.iter().filter(|pool| pool.package == record.id.as_str()).collect();
    let processes: usize = own.iter().map(|pool| pool.processes).sum();
    let health = match () {
        () if own.iter().any(|pool| pool.stopped) => "stopped",
        () if own.iter().any(|pool| pool.failure.is_some()) => "failing",
        () if own.iter().any(|pool| pool.unwell) => "unwell",
        () if processes > 0 => "ready",
        () => "idle",
    };
    let versions: Vec<String> = record.versions.iter().map(|version| version.version.to_string()).collect();
    json!({
        "package": record.id, "version": record.active, "versions": versions, "status": status, "reason": reason,
        "nodes": active.map(|version| version.nodes.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap_or_default(),
        "update": record.update(),
        "deprecated": record.offered.as_ref().and_then(|offered| offered.warning.as_ref()),
        "health": health, "processes": processes,
    })
}

fn environment(one: &ListedEnvironment) -> Value {
    let package = |package: &EnvironmentPackage| json!({"name": package.name, "version": package.version});
    let packages: Vec<Value> = one.made.iter().flat_map(|made| made.packages.iter().map(package)).collect();
    // Not where it lies on the machine.
    let interpreter = Path::new(&one.interpreter).file_name().map(|name| name.to_string_lossy());
    json!({
        "name": one.name, "language": one.language, "version": one.version, "interpreter": interpreter,
        "built_in": one.made.is_none(), "bytes": one.made.as_ref().map_or(0, |made| made.bytes), "packages": packages,
        "modules": one.modules,
    })
}
