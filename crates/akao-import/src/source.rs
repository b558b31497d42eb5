//! What is imported: a named text, the files it may include, and the node types that exist besides the standard ones.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where included files come from. The library itself opens nothing.
pub trait Includes {
    /// The text of the file at `path`, relative to the folder of the main source; `None` when there is no such file.
    fn read(&self, path: &str) -> Option<String>;
}

impl Includes for () {
    fn read(&self, _path: &str) -> Option<String> {
        None
    }
}

impl Includes for BTreeMap<String, String> {
    fn read(&self, path: &str) -> Option<String> {
        self.get(path).cloned()
    }
}

/// One source to import.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// File name, for the report and for the workflow's id when the text gives none.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
    /// Resolves `<include path="…"/>`.
    pub includes: &'a dyn Includes,
    /// Node types that exist where the workflow will run, besides the standard ones. A type that is neither becomes a
    /// placeholder.
    pub node_types: &'a BTreeSet<String>,
}

static NO_NODE_TYPES: BTreeSet<String> = BTreeSet::new();

impl<'a> Source<'a> {
    /// A source that includes nothing and knows the standard node types only.
    pub fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, includes: &(), node_types: &NO_NODE_TYPES }
    }

    /// The source with the files that it may include.
    #[must_use]
    pub fn with_includes(self, includes: &'a dyn Includes) -> Self {
        Self { includes, ..self }
    }

    /// The source with further node types.
    #[must_use]
    pub fn with_node_types(self, node_types: &'a BTreeSet<String>) -> Self {
        Self { node_types, ..self }
    }
}

/// A way of writing workflows that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// A btree tree in YAML, in any of its spellings; also a workflow file of Akao itself.
    BtreeYaml,
    /// Akao's graph form: `nodes` and `connections`.
    AkaoGraph,
    /// Akao's stage form: `stages`.
    AkaoStages,
    /// XML of BehaviorTree.CPP 4.
    BehaviorTreeCpp,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 4] = [Self::BtreeYaml, Self::AkaoGraph, Self::AkaoStages, Self::BehaviorTreeCpp];

    /// The word used on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BtreeYaml => "btree",
            Self::AkaoGraph => "graph",
            Self::AkaoStages => "stages",
            Self::BehaviorTreeCpp => "btcpp",
        }
    }

    /// The dialect's name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::BtreeYaml => "btree YAML",
            Self::AkaoGraph => "Akao graph form",
            Self::AkaoStages => "Akao stage form",
            Self::BehaviorTreeCpp => "BehaviorTree.CPP 4 XML",
        }
    }
}

impl std::str::FromStr for Dialect {
    type Err = crate::ImportError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|dialect| dialect.as_str() == text);
        found.ok_or_else(|| crate::ImportError::NoSuchDialect(text.to_owned()))
    }
}
