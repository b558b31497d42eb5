//! The node types that a workflow may use, given from outside.

use akao_contract::NodeType;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// Node types by name and alias. It must hold the control nodes ([`crate::control_types`]) as well as the leaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<NodeType>", into = "Vec<NodeType>")]
pub struct Catalogue {
    types: Vec<Arc<NodeType>>,
    names: BTreeMap<String, usize>,
}

impl<T: Into<Arc<NodeType>>> From<Vec<T>> for Catalogue {
    fn from(types: Vec<T>) -> Self {
        let types: Vec<Arc<NodeType>> = types.into_iter().map(Into::into).collect();
        let mut names = BTreeMap::new();
        for (at, node_type) in types.iter().enumerate() {
            for name in std::iter::once(&node_type.name).chain(&node_type.aliases) {
                names.entry(name.clone()).or_insert(at);
            }
        }
        Self { types, names }
    }
}

impl From<Catalogue> for Vec<NodeType> {
    fn from(catalogue: Catalogue) -> Self {
        catalogue.types.into_iter().map(Arc::unwrap_or_clone).collect()
    }
}

impl Catalogue {
    /// The node type of this name or alias.
    pub fn get(&self, name: &str) -> Option<&NodeType> {
        self.types.get(*self.names.get(name)?).map(AsRef::as_ref)
    }

    /// This catalogue and some more node types. A name that is taken stays with who has it.
    #[must_use]
    pub fn and(&self, more: &[Arc<NodeType>]) -> Self {
        Self::from([&self.types[..], more].concat())
    }

    /// Every node type, in the order given.
    pub fn types(&self) -> &[Arc<NodeType>] {
        &self.types
    }

    /// Every name and alias, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}
