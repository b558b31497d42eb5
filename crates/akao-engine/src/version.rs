//! Workflow versions as they are stored: a definition with the digests of the workflows it starts and the declarations of
//! the external node types it uses, so that it can be read wherever the journal or an export of it is.

use crate::request::{Bundle, CallError};
use akao_contract::{Digest, NodeType, Tenant};
use akao_flow::{Catalogue, Definition, Program, content_hash, lower};
use akao_journal::{Damage, ReadError, Reader, Write};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A definition and the digests of its children: the body of a stored definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredVersion {
    /// The workflow.
    pub definition: Definition,
    /// What `SubWorkflow` nodes name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub children: BTreeMap<String, Digest>,
    /// External node types, as they were declared when the version was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Arc<NodeType>>,
}

impl StoredVersion {
    /// A stored version and those of all workflows that it starts, each once, itself first.
    ///
    /// # Errors
    /// One of them is not there, or cannot be read.
    pub fn with_children(reader: &Reader, tenant: &Tenant, digest: Digest) -> Result<Vec<Self>, ReadError> {
        let (mut versions, mut waiting, mut seen) = (Vec::new(), vec![digest], BTreeSet::new());
        while let Some(digest) = waiting.pop() {
            if !seen.insert(digest) {
                continue;
            }
            let damaged = |what: String| {
                let file = reader.file().to_owned();
                ReadError::Damaged(Damage { file, table: Some("definition"), row: None, execution: None, what })
            };
            let body = reader.definition(tenant, digest)?;
            let body = body.ok_or_else(|| damaged(format!("definition {digest} is missing")))?;
            let version: Self = serde_json::from_slice(&body).map_err(|problem| damaged(problem.to_string()))?;
            waiting.extend(version.children.values().copied());
            versions.push(version);
        }
        Ok(versions)
    }
}

/// A version that is ready to run.
#[derive(Debug)]
pub struct Version {
    /// The definition's digest, children included.
    pub digest: Digest,
    /// The lowered definition.
    pub program: Arc<Program>,
    /// The definition itself.
    pub definition: Definition,
    /// What `SubWorkflow` nodes name.
    pub children: BTreeMap<String, Digest>,
}

/// How deep workflows may start workflows by name.
pub const BUNDLE_DEPTH_MAX: usize = 16;

impl Version {
    /// A version from its stored body.
    ///
    /// # Errors
    /// The body is damaged or names node types that are not there.
    pub fn load(digest: Digest, body: &[u8], catalogue: &Catalogue) -> Result<Self, String> {
        let stored: StoredVersion = serde_json::from_slice(body).map_err(|problem| problem.to_string())?;
        Self::new(digest, stored, catalogue).map_err(|problem| problem.to_string())
    }

    fn new(digest: Digest, stored: StoredVersion, catalogue: &Catalogue) -> Result<Self, akao_flow::LowerError> {
        let program = match &stored.nodes[..] {
            [] => lower(&stored.definition, catalogue)?,
            nodes => lower(&stored.definition, &catalogue.and(nodes))?,
        };
        Ok(Self { digest, program, definition: stored.definition, children: stored.children })
    }

    /// A bundle's versions, innermost first, with the writes that store them. The last one is the bundle's own.
    ///
    /// # Errors
    /// A definition that cannot be lowered, or bundles nested too deeply.
    pub(crate) fn of_bundle(
        tenant: &Tenant,
        bundle: Bundle,
        catalogue: &Catalogue,
    ) -> Result<(Vec<Arc<Self>>, Vec<Write>), CallError> {
        let mut versions = Vec::new();
        let mut writes = Vec::new();
        collect(tenant, bundle, catalogue, 0, &mut versions, &mut writes)?;
        Ok((versions, writes))
    }
}

impl Bundle {
    /// The digest of the version that this bundle makes: of the definition, with the workflows that it starts.
    pub fn digest(&self) -> Digest {
        let children: BTreeMap<&String, Digest> =
            self.children.iter().map(|(name, child)| (name, child.digest())).collect();
        let lock = (!children.is_empty()).then(|| serde_json::json!(children));
        content_hash(&self.definition, lock.as_ref())
    }

    /// How many levels of workflows it holds; 1 when it starts no others.
    pub fn depth(&self) -> usize {
        1 + self.children.values().map(Self::depth).max().unwrap_or(0)
    }
}

fn collect(
    tenant: &Tenant,
    bundle: Bundle,
    catalogue: &Catalogue,
    depth: usize,
    versions: &mut Vec<Arc<Version>>,
    writes: &mut Vec<Write>,
) -> Result<Digest, CallError> {
    if depth > BUNDLE_DEPTH_MAX {
        return Err(CallError::invalid("workflows start each other more than 16 levels deep"));
    }
    let mut children = BTreeMap::new();
    for (name, child) in bundle.children {
        let digest = collect(tenant, child, catalogue, depth + 1, versions, writes)?;
        children.insert(name, digest);
    }
    let lock = (!children.is_empty()).then(|| serde_json::json!(children));
    let digest = content_hash(&bundle.definition, lock.as_ref());
    let stored = StoredVersion { definition: bundle.definition, children, nodes: bundle.nodes };
    let as_value = serde_json::to_value(&stored).map_err(|problem| CallError::invalid(problem.to_string()))?;
    let body: Arc<[u8]> = plain(&as_value).into();
    writes.push(Write::PutDefinition { tenant: tenant.clone(), digest, body });
    let version = Version::new(digest, stored, catalogue).map_err(|problem| CallError::invalid(problem.to_string()))?;
    versions.push(Arc::new(version));
    Ok(digest)
}

/// Stored definitions keep the order of their keys, because rendered objects show it; the digest does not depend on it.
fn plain(value: &serde_json::Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value is JSON")
}
