//! What workflows may be made of: node types, and what the operator has installed on this server. Every tenant reads it and
//! may use it; `packages.rs` is where the operator changes it.

use crate::{Actor, Code, Error, Platform, bundle::Names};
use akao_contract::{NodeType, Tenant};
use akao_engine::{Bundle, StoredVersion};
use akao_flow::Refusal;
use akao_journal::ExecutionRow;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Most names that are looked up at once, and the longest one in bytes.
const NAMES_MAX: usize = 200;
const NAME_BYTES_MAX: usize = 400;

/// What a name in a workflow stands for: a node type whose name is pinned to one content, or why it cannot be used. None where
/// the name is not one of a package.
pub type Resolved = Option<Result<Arc<NodeType>, Refusal>>;

/// What says for what names in a workflow stand. Blocks when it is asked.
pub type Resolve<'s> = Box<dyn Fn(&str) -> Resolved + 's>;

/// What names that are not the program's stand for.
#[derive(Debug)]
pub struct NamedTypes {
    /// Node types of pinned names; the aliases are what they were called.
    pub types: Vec<Arc<NodeType>>,
    /// Why the others cannot be used. A name that is none of a package or a custom node stands in neither.
    pub refused: BTreeMap<String, Refusal>,
}

/// What the operator has put on this server beside the program itself.
pub trait Shelf: Send + Sync {
    /// The installed packages: id, version, status, and how their processes for a tenant are.
    ///
    /// # Errors
    /// The records cannot be read.
    fn packages(&self, tenant: &Tenant) -> Result<Vec<Value>, Error>;

    /// The node types of the packages that may be used, under the names by which workflows know them.
    ///
    /// # Errors
    /// The records cannot be read.
    fn node_types(&self) -> Result<Vec<Arc<NodeType>>, Error>;

    /// What a name in a workflow stands for now. Blocks.
    fn resolve(&self, named: &str) -> Resolved;

    /// The same beside a lock file, whose text this is: what it names stands for exactly the version that it names, with the
    /// content and the publisher that it names, or for nothing.
    ///
    /// # Errors
    /// The text is no lock file.
    fn resolve_locked(&self, lock: &str) -> Result<Resolve<'_>, Error>;

    /// Why nothing new may be started of the content that a node is pinned to; none when it may. Blocks.
    fn refuses(&self, pinned: &str) -> Option<String>;

    /// The environments of scripts: name, language, packages; with what each language has of its own.
    ///
    /// # Errors
    /// The records cannot be read.
    fn environments(&self) -> Result<Vec<Value>, Error>;
}

/// A shelf on which there is nothing.
pub struct EmptyShelf;

impl Shelf for EmptyShelf {
    fn packages(&self, _: &Tenant) -> Result<Vec<Value>, Error> {
        Ok(Vec::new())
    }

    fn node_types(&self) -> Result<Vec<Arc<NodeType>>, Error> {
        Ok(Vec::new())
    }

    fn resolve(&self, _: &str) -> Resolved {
        None
    }

    fn resolve_locked(&self, _: &str) -> Result<Resolve<'_>, Error> {
        Ok(Box::new(|_| None))
    }

    fn refuses(&self, _: &str) -> Option<String> {
        Some("no packages are kept here".to_owned())
    }

    fn environments(&self) -> Result<Vec<Value>, Error> {
        Ok(Vec::new())
    }
}

/// The beginning of the ids of custom nodes, which belong to their tenants and not to the shelf.
pub(crate) const CUSTOM: &str = "custom.t-";

impl Platform {
    /// The node types of a category, or all of them: the program's, then those of packages. Blocks.
    ///
    /// # Errors
    /// What is installed cannot be read.
    pub fn node_types(&self, category: Option<&str>) -> Result<Vec<Arc<NodeType>>, Error> {
        let named = |node_type: &NodeType| serde_json::to_value(node_type.category).unwrap_or_default();
        let is_wanted = |node_type: &Arc<NodeType>| category.is_none_or(|wanted| named(node_type) == wanted);
        let catalogue = &self.parts().catalogue;
        let installed = self.shelf().node_types()?.into_iter();
        // A standard name stays with what has it, as where workflows are checked.
        let installed = installed.filter(|node_type| catalogue.get(&node_type.name).is_none());
        Ok(catalogue.types().iter().cloned().chain(installed).filter(is_wanted).collect())
    }

    /// The node type of a name or alias. Blocks.
    ///
    /// # Errors
    /// There is none.
    pub fn node_type(&self, name: &str) -> Result<Arc<NodeType>, Error> {
        let is_called =
            |node_type: &Arc<NodeType>| node_type.name == name || node_type.aliases.iter().any(|alias| alias == name);
        let found = self.node_types(None)?.into_iter().find(is_called);
        found.ok_or_else(|| {
            Error::not_found(format_args!("node type `{}`", akao_contract::shortened(name.to_owned(), 60)))
        })
    }

    /// What names in a text of the tenant stand for now, as when the text is saved: packages by a range, and custom nodes.
    /// Blocks.
    ///
    /// # Errors
    /// They are too many or too long, or cannot be looked up.
    pub fn named_types(&self, actor: &Actor, names: &[String]) -> Result<NamedTypes, Error> {
        if names.len() > NAMES_MAX || names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
            let message = format!("at most {NAMES_MAX} names of at most {NAME_BYTES_MAX} bytes are looked up at once");
            return Err(Error::invalid(message));
        }
        let resolve = |named: &str| self.shelf().resolve(named);
        let names = Names::read(names.iter().map(String::as_str), &self.parts().catalogue, &resolve);
        let found = self.read(|work| Ok(names.find(&work.of(&actor.tenant).custom_nodes())?))?;
        Ok(NamedTypes { types: found.types, refused: found.refused })
    }

    /// What the operator has installed. Blocks.
    pub fn shelf(&self) -> &dyn Shelf {
        self.parts().shelf.as_ref()
    }

    /// Refuses what uses a package that is disabled, must not run, or is not installed any more: it cannot be `done`. Blocks.
    pub(crate) fn check_packages(&self, bundle: &Bundle, done: &str) -> Result<(), Error> {
        self.check_nodes(&bundle.definition.id, &bundle.nodes, done)?;
        bundle.children.values().try_for_each(|child| self.check_packages(child, done))
    }

    /// The same for the version that an execution is of, with what that starts. Blocks.
    pub(crate) fn check_packages_of(&self, row: &ExecutionRow, done: &str) -> Result<(), Error> {
        let versions = self.journal(|reader| StoredVersion::with_children(reader, &row.tenant, row.definition))?;
        versions.iter().try_for_each(|version| self.check_nodes(&version.definition.id, &version.nodes, done))
    }

    fn check_nodes(&self, workflow: &str, nodes: &[Arc<NodeType>], done: &str) -> Result<(), Error> {
        let mut of_packages = nodes.iter().filter(|node_type| !node_type.name.starts_with(CUSTOM));
        match of_packages.find_map(|node_type| self.shelf().refuses(&node_type.name)) {
            None => Ok(()),
            Some(reason) => Err(Error::new(Code::Conflict, format!("`{workflow}` cannot be {done}: {reason}"))
                .hint("Ask the operator of the server for the package, or use a version of the workflow without it.")),
        }
    }
}
