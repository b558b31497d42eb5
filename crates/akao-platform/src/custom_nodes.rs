//! Custom nodes of a tenant: uploaded, looked through, approved, used by workflows, replaced and retired. Who makes a bundle
//! of a text, and keeps it, is whoever the program gives: nothing here reads what was uploaded. What becomes of a version
//! afterwards is in `states`.

mod states;

pub use states::custom_node_tag;
pub(crate) use states::{is_let_in, version_of};

use crate::{Actor, Code, Error, Page, PageRequest, Platform};
use akao_contract::{NodeType, Tenant};
use akao_step::BoxFuture;
use akao_store::{CustomNode, CustomNodeBody, CustomNodeUse, CustomNodes, Scoped, StoreError};
use semver::Version;
use serde_json::{Value, json};
use std::{collections::BTreeMap, str::FromStr};
use ulid::Ulid;

/// Most versions of a tenant's nodes.
const NODES_MAX: i64 = 10_000;
/// Longest name, version, and description or message, in bytes.
const NAME_BYTES_MAX: usize = 255;
const VERSION_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 4_000;
/// Most files of one node, and the bytes of all together.
const FILES_MAX: usize = 5_000;
const FILES_BYTES_MAX: usize = 4 << 20;

/// Makes the package of a node that was compiled, and puts it into the store. Blocks, and is called where nobody can leave before a
/// version is what was made, or it is discarded. The version is nobody's yet: its name is taken with [`NodeMaker::keep`].
pub type CompiledNode = Box<dyn FnOnce() -> Result<MadeNode, Error> + Send>;

/// Makes packages of what was uploaded.
pub trait NodeMaker: Send + Sync {
    /// Compiles a node. Whoever waits for it may leave at any time: nothing of it is kept yet.
    fn compile<'a>(&'a self, tenant: &'a Tenant, order: &'a NodeOrder) -> BoxFuture<'a, Result<CompiledNode, Error>>;

    /// Puts a node that was made under its tenant, name and version, in the place of what an upload that broke off may have
    /// left there. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    fn keep(&self, tenant: &Tenant, order: &NodeOrder, made: &MadeNode) -> Result<(), Error>;

    /// Removes a node that was made and that no version is, with what may have been decided of it before. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    fn discard(&self, pinned: &str) -> Result<(), Error>;

    /// Lets the steps of a node run and use what it asks for. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    fn grant(&self, tenant: &Tenant, pinned: &str, permissions: &[String]) -> Result<(), Error>;

    /// Takes back what was granted, and lets no step of the node begin any more. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    fn withdraw(&self, tenant: &Tenant, pinned: &str) -> Result<(), Error>;
}

/// A node to be made.
#[derive(Debug, Clone, Default)]
pub struct NodeOrder {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does, where the source does not say.
    pub description: Option<String>,
    /// The files by their paths.
    pub files: BTreeMap<String, String>,
    /// The file that is entered.
    pub entry: String,
    /// The schema of its props, where the source does not say.
    pub schema: Option<Value>,
}

/// A node that was made.
#[derive(Debug, Clone)]
pub struct MadeNode {
    /// The name under which its steps run.
    pub pinned: String,
    /// The digest of its bundle.
    pub bundle: String,
    /// Its node type.
    pub node_type: NodeType,
    /// What it does.
    pub description: Option<String>,
    /// The schema of its props.
    pub schema: Option<Value>,
    /// What it asks for.
    pub permissions: Vec<String>,
    /// What a reviewer should see.
    pub scan: Value,
}

/// A version with what of it is not in lists.
#[derive(Debug, Clone)]
pub struct CustomNodeWithBody {
    /// The version.
    pub node: CustomNode,
    /// What was uploaded, and its schema.
    pub body: CustomNodeBody,
}

/// How versions come to be active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Approval {
    /// Whoever may upload may activate, whatever the version asks for.
    Off,
    /// Somebody who may approve looks at each version.
    Manual,
    /// A version whose scan is clean, and that asks for nothing new, needs nobody; the others do.
    #[default]
    Clean,
}

impl Approval {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Off, Self::Manual, Self::Clean];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Manual => "manual",
            Self::Clean => "clean",
        }
    }
}

impl FromStr for Approval {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|way| way.as_str() == text).ok_or(())
    }
}

/// The states of a version.
pub const NODE_STATUSES: [&str; 5] = ["draft", "review", "active", "deprecated", "withdrawn"];

/// What a tenant stores beside its large values, in bytes: its workflows and its custom nodes.
pub(crate) fn stored_beside(scope: Scoped<'_>) -> Result<u64, StoreError> {
    Ok(scope.workflows().bytes()?.saturating_add(scope.custom_nodes().bytes()?))
}

impl Platform {
    /// Uploads a version of a node; it starts as a draft.
    ///
    /// # Errors
    /// It cannot be compiled, the version is taken, or there are too many.
    pub async fn add_custom_node(&self, actor: &Actor, order: NodeOrder) -> Result<CustomNodeWithBody, Error> {
        bounded(&order)?;
        self.is_no_standard_name(&order.name)?;
        self.free_version(actor, &order).await?;
        let compiled = self.parts().nodes.compile(&actor.tenant, &order).await?;
        let actor = actor.clone();
        // What has begun here comes to its end, whether or not the client is still there.
        self.blocking(move |platform| {
            let made = compiled()?;
            let written = platform.write_node(&actor, &order, &made);
            if written.is_err() {
                platform.discard_node(&actor.tenant, &made.pinned);
            }
            written
        })
        .await
    }

    /// Writes down the version that was made.
    fn write_node(&self, actor: &Actor, order: &NodeOrder, made: &MadeNode) -> Result<CustomNodeWithBody, Error> {
        let now_ms = self.now_ms();
        let new = CustomNode {
            id: new_id(now_ms)?,
            number: 0,
            name: order.name.clone(),
            version: order.version.clone(),
            description: made.description.clone(),
            status: "draft".to_owned(),
            bundle: made.bundle.clone(),
            pinned: made.pinned.clone(),
            permissions: json!(made.permissions).to_string(),
            scan: made.scan.to_string(),
            message: None,
            successor: None,
            created_by: actor.user.as_str().to_owned(),
            created_ms: now_ms,
            changed_by: actor.user.as_str().to_owned(),
            changed_ms: now_ms,
        };
        let body = CustomNodeBody {
            source: source_of(order),
            node_type: serde_json::to_string(&made.node_type).map_err(|error| Error::internal(&error))?,
            schema: made.schema.as_ref().map(Value::to_string),
        };
        let (node, stored) = self.write_beside(|work| {
            let scope = work.of(&actor.tenant);
            let nodes = scope.custom_nodes();
            taken(&nodes, &new.name, &new.version)?;
            let number = nodes.add(&new, &body)?;
            let stored = stored_beside(scope)?;
            self.has_room(&actor.tenant, stored, 0)?;
            let details = json!({"node": new.id, "name": new.name, "version": new.version, "bundle": new.bundle});
            actor.record(work, now_ms, "custom_node.added", details)?;
            // Last: what is refused before leaves nothing behind.
            self.parts().nodes.keep(&actor.tenant, order, made)?;
            Ok((CustomNode { number, ..new.clone() }, stored))
        })?;
        self.parts().allowances.stores_beside(&actor.tenant, stored);
        Ok(CustomNodeWithBody { node, body })
    }

    /// Removes what was made of an upload that was refused then; not what another one has made of the same text. It looks and removes
    /// in one transaction, so that no row of it comes in between.
    fn discard_node(&self, tenant: &Tenant, pinned: &str) {
        let discarded = self.write_beside(|work| match work.of(tenant).custom_nodes().is_pinned(pinned)? {
            true => Ok(()),
            false => self.parts().nodes.discard(pinned),
        });
        if let Err(error) = discarded {
            tracing::warn!(%tenant, "what was made of a custom node that was refused stays: {}", error.message);
        }
    }

    /// Refuses a name that stands for something else in every workflow: a node of it could never be used.
    fn is_no_standard_name(&self, name: &str) -> Result<(), Error> {
        match self.parts().catalogue.get(name) {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::Conflict, format!("`{name}` is the name of a standard node type"))
                .hint("Give the custom node another name.")),
        }
    }

    /// Said before anything is compiled.
    async fn free_version(&self, actor: &Actor, order: &NodeOrder) -> Result<(), Error> {
        let (tenant, name, version) = (actor.tenant.clone(), order.name.clone(), order.version.clone());
        let bytes: usize = order.files.values().map(String::len).sum();
        self.blocking(move |platform| {
            platform.read(|work| {
                let scope = work.of(&tenant);
                taken(&scope.custom_nodes(), &name, &version)?;
                platform.has_room(&tenant, stored_beside(scope)?, bytes as u64)
            })
        })
        .await
    }

    /// A page of the tenant's nodes, newest first. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn custom_nodes(&self, actor: &Actor, page: &PageRequest) -> Result<Page<CustomNode>, Error> {
        let before = page.after_number()?.unwrap_or(i64::MAX);
        let found = self.read(|work| Ok(work.of(&actor.tenant).custom_nodes().page(before, page.one_more())?))?;
        Ok(page.page(found, |node| node.number.to_string()))
    }

    /// One of them, with what was uploaded. Blocks.
    ///
    /// # Errors
    /// There is no such node.
    pub fn custom_node(&self, actor: &Actor, id: &str) -> Result<CustomNodeWithBody, Error> {
        self.read(|work| {
            let nodes = work.of(&actor.tenant).custom_nodes();
            let node = nodes.get(id)?.ok_or_else(|| missing(id))?;
            let body = nodes.body(id)?.ok_or_else(|| missing(id))?;
            Ok(CustomNodeWithBody { node, body })
        })
    }

    /// The name of a node of which a version has this id. Blocks.
    ///
    /// # Errors
    /// There is no such node.
    pub fn custom_node_name(&self, actor: &Actor, id: &str) -> Result<String, Error> {
        let found = self.read(|work| Ok(work.of(&actor.tenant).custom_nodes().get(id)?))?;
        found.map(|node| node.name).ok_or_else(|| missing(id))
    }

    /// The versions of a node, newest first. Blocks.
    ///
    /// # Errors
    /// There is no such node.
    pub fn custom_node_versions(&self, actor: &Actor, name: &str) -> Result<Vec<CustomNode>, Error> {
        let found = self.read(|work| Ok(work.of(&actor.tenant).custom_nodes().versions(name)?))?;
        if found.is_empty() { Err(Error::not_found(format_args!("custom node `{name}`"))) } else { Ok(found) }
    }

    /// Which workflows use a node. Blocks.
    ///
    /// # Errors
    /// There is no such node.
    pub fn custom_node_uses(&self, actor: &Actor, name: &str) -> Result<Vec<CustomNodeUse>, Error> {
        self.custom_node_versions(actor, name)?;
        self.read(|work| Ok(work.of(&actor.tenant).custom_nodes().uses(name)?))
    }
}

/// What was uploaded, as one text.
fn source_of(order: &NodeOrder) -> String {
    match order.files.get(&order.entry) {
        Some(only) if order.files.len() == 1 => only.clone(),
        _ => json!({"entry": order.entry, "files": order.files}).to_string(),
    }
}

fn new_id(now_ms: i64) -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::internal(&error))?;
    Ok(Ulid::from_parts(u64::try_from(now_ms).unwrap_or(0), u128::from_ne_bytes(random)).to_string())
}

fn missing(id: &str) -> Error {
    Error::not_found(format_args!("custom node `{id}`"))
}

fn taken(nodes: &CustomNodes<'_>, name: &str, version: &str) -> Result<(), Error> {
    if nodes.has_version(name, version)? {
        return Err(Error::new(Code::VersionTaken, format!("`{name}@{version}` is there already"))
            .hint("A version never changes; raise the version."));
    }
    match nodes.count()? >= NODES_MAX {
        true => Err(Error::new(Code::Conflict, format!("the tenant has {NODES_MAX} versions of custom nodes already"))
            .hint("Versions are kept for good, because executions name them; another tenant begins anew.")),
        false => Ok(()),
    }
}

fn bounded(order: &NodeOrder) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let name = &order.name;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(fits);
    if !is_name || name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!(
            "`name` has 1 to {NAME_BYTES_MAX} letters, digits, `_` and `-` after a letter"
        )));
    }
    if order.version.len() > VERSION_BYTES_MAX {
        return Err(Error::invalid(format!("`version` is longer than {VERSION_BYTES_MAX} bytes")));
    }
    if order.version.parse::<Version>().is_err() {
        return Err(Error::invalid("`version` is not a semantic version").hint("Write three numbers, such as 1.0.0."));
    }
    if order.description.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Error::invalid(format!("`description` is longer than {TEXT_BYTES_MAX} bytes")));
    }
    let bytes: usize = order.files.iter().map(|(path, text)| path.len() + text.len()).sum();
    if order.files.len() > FILES_MAX || bytes > FILES_BYTES_MAX {
        let message = format!("a node has at most {FILES_MAX} files of {} MiB together", FILES_BYTES_MAX >> 20);
        return Err(Error::new(Code::TooLarge, message));
    }
    let is_path = |path: &String| path.len() <= 500 && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if let Some(path) = order.files.keys().find(|path| !is_path(path)) {
        let path = akao_contract::shortened(path.clone(), 100);
        return Err(Error::invalid(format!("`{path}` is not a path within a project")));
    }
    match order.files.contains_key(&order.entry) {
        true => Ok(()),
        false => Err(Error::invalid(format!("`{}` is not among the files", order.entry))),
    }
}
