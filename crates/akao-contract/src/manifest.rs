//! The manifest of a package of external nodes (`_.yaml`) as plain data: who it is, how it is run, which nodes it holds,
//! what it asks for. Everything that can be listed comes from here; listing, searching and installing never run code.
//!
//! Reading the text with its problems is `akao-manifest`'s work. What is here is the form after reading: complete,
//! checked, with defaults filled in. As JSON or YAML it is a manifest again.

mod declaration;
mod id;
mod permissions;
mod pinned;
mod quantity;
mod resources;
mod runtime;
mod schema;
mod versions;

pub use declaration::NodeDeclaration;
pub use id::{Capability, PackageId, PackageIdError};
pub use permissions::Permissions;
pub use pinned::{PinnedNode, PinnedNodeError};
pub use quantity::{QuantityError, format_bytes, format_cpu, parse_bytes, parse_cpu_millis};
pub use resources::{Limit, ResourceCaps, Resources};
pub use runtime::{Instances, Runtime, RuntimeKind, Transport};
pub use schema::manifest_schema;
pub use versions::is_forbidden_by;

use crate::NodeType;
use serde::{Deserialize, Serialize};

/// The only value of `manifest:` that this version reads.
pub const MANIFEST_FORMAT: u32 = 1;

/// Most memory that a compiled `pattern` of a schema takes, in bytes. Compiling takes as long as what it makes is large. Who
/// reads a manifest and who checks values by it hold to the same bound.
pub const PATTERN_BYTES_MAX: usize = 2 << 20;

/// The name of the manifest's file in its package.
pub const MANIFEST_FILE: &str = "_.yaml";

/// One version of a package of nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of the file.
    pub manifest: u32,
    /// The package's id, a reversed DNS name.
    pub id: PackageId,
    /// Name for people.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// What the package is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is run.
    pub runtime: Runtime,
    /// The nodes it holds; at least one.
    pub nodes: Vec<NodeDeclaration>,
    /// Capabilities that its nodes provide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Provision>,
    /// Packages it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// What it asks for.
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub permissions: Permissions,
    /// What it needs at most.
    #[serde(default)]
    pub resources: Resources,
    /// Whether a process is started before the first step needs one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preload: bool,
}

/// A capability that a node of the package provides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// The capability, such as `inventory.list`.
    pub capability: Capability,
    /// Which of several providers is asked: the one with the highest number.
    #[serde(default)]
    pub priority: u32,
    /// The node that provides it.
    pub node: PackageId,
}

/// A package that this one needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// Its id.
    pub id: PackageId,
    /// The versions that will do, such as `>=1.0.0, <2`.
    pub version: String,
}

impl Manifest {
    /// The nodes as a workflow's catalogue takes them, in the order of the manifest.
    pub fn node_types(&self) -> Vec<NodeType> {
        self.nodes.iter().map(|node| node.to_node_type(self)).collect()
    }

    /// The declaration of a node.
    pub fn node(&self, id: &PackageId) -> Option<&NodeDeclaration> {
        self.nodes.iter().find(|node| node.id == *id)
    }
}
