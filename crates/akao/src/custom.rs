//! What makes custom nodes of a server's uploads: compiled in the sandbox, kept in the store of packages by their content and
//! under their tenant's folder, granted what somebody approved, and stopped when that is taken back.

use crate::{replace::replace_file, tenant_files::remove_node, wiring};
use akao_contract::{Digest, ErrorKind, Permission, StepError, Tenant, manifest::PinnedNode};
use akao_custom::{Compiled, Compiler, Draft, DraftError, NodeName, Options, Sources};
use akao_nodes::{ExternalNodes, Pinned};
use akao_package::Store;
use akao_platform::{Code, CompiledNode, Error, MadeNode, NodeMaker, NodeOrder};
use akao_step::BoxFuture;
use serde_json::json;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// See the module.
pub(crate) struct Custom {
    folder: PathBuf,
    packages: Store,
    nodes: Arc<ExternalNodes>,
    compiler: Compiler,
}

/// The folder of what was granted to custom nodes, a file for each content.
fn grants_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("nodes").join("custom").join(".grants")
}

/// The file of what was granted to one content.
pub(crate) fn grants_file(data_dir: &Path, digest: &Digest) -> PathBuf {
    grants_folder(data_dir).join(digest.hex())
}

/// What was decided of a custom node. It belongs to one tenant and one content, as its name says.
enum Decided {
    /// Nothing, or nothing of this one.
    Nothing,
    /// It was let in, with these permissions.
    Granted(Vec<Permission>),
    /// It was withdrawn.
    Withdrawn,
    /// What was decided cannot be read.
    Unreadable,
}

fn decided(data_dir: &Path, node: &PinnedNode) -> Decided {
    if !node.node.as_str().starts_with("custom.t-") {
        return Decided::Nothing;
    }
    let text = match fs::read(grants_file(data_dir, &node.digest)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Decided::Nothing,
        Err(_) => return Decided::Unreadable,
    };
    match serde_json::from_slice::<(String, Option<Vec<Permission>>)>(&text) {
        Err(_) => Decided::Unreadable,
        Ok((name, _)) if name != node.to_string() => Decided::Nothing,
        Ok((_, Some(permissions))) => Decided::Granted(permissions),
        Ok((_, None)) => Decided::Withdrawn,
    }
}

/// What was granted to a custom node.
pub(crate) fn grants(data_dir: &Path, node: &PinnedNode) -> Vec<Permission> {
    match decided(data_dir, node) {
        Decided::Granted(permissions) => permissions,
        Decided::Nothing | Decided::Withdrawn | Decided::Unreadable => Vec::new(),
    }
}

/// Why no step of a custom node may begin. What cannot be read may say that it was withdrawn.
pub(crate) fn withdrawn(data_dir: &Path, node: &PinnedNode) -> Option<String> {
    match decided(data_dir, node) {
        Decided::Nothing | Decided::Granted(_) => None,
        Decided::Withdrawn => Some("the version was withdrawn".to_owned()),
        Decided::Unreadable => Some("what was decided of the version cannot be read; decide it again".to_owned()),
    }
}

impl Custom {
    /// Starts nothing yet.
    pub(crate) fn new(folder: &Path, nodes: Arc<ExternalNodes>) -> Self {
        let compiler = wiring::compiler(folder, Arc::clone(&nodes));
        Self { folder: folder.to_owned(), packages: wiring::packages(folder), nodes, compiler }
    }

    async fn compiled(&self, tenant: &Tenant, order: &NodeOrder) -> Result<CompiledNode, Error> {
        let (name, version) = named(order)?;
        let sources = Sources { files: order.files.clone(), entry: order.entry.clone() };
        let compiled = self.compiler.compile(tenant, &sources, Options::default()).await;
        let compiled = compiled.map_err(|error| not_compiled(&error))?;
        if let Some(failure) = compiled.failure() {
            let problems = compiled.problems.iter().map(|problem| json!(problem)).collect();
            let suggestion = compiled.problems.iter().find_map(|problem| problem.suggestion.clone());
            return Err(Error { problems, suggestion, ..Error::invalid(failure) });
        }
        let is_to_be_worked_out = order.schema.is_none() && compiled.says(&name).unread.contains_key("schema");
        let worked_out = match is_to_be_worked_out {
            true => Some(self.compiler.schema(tenant, &sources, &name).await.map_err(|error| no_schema(&error))?),
            false => None,
        };
        let packages = self.packages.clone();
        let (tenant, order) = (tenant.clone(), order.clone());
        Ok(Box::new(move || {
            let (description, schema) = (order.description.as_deref(), order.schema.as_ref().or(worked_out.as_ref()));
            let draft = Draft {
                tenant: &tenant,
                name: &name,
                version: &version,
                description,
                schema,
                compiled: &compiled,
                sources: &sources,
            };
            stored(&packages, &draft, &compiled)
        }))
    }

    /// Writes down what was decided of a node, which its next step reads.
    fn decide(&self, pinned: &str, permissions: Option<&[Permission]>) -> Result<(), Error> {
        let node = pinned.parse::<PinnedNode>().map_err(|error| Error::internal(&error))?;
        let folder = grants_folder(&self.folder);
        let text = json!([pinned, permissions]).to_string();
        fs::create_dir_all(&folder).map_err(|error| Error::internal(&error))?;
        replace_file(&folder.join(node.digest.hex()), text.as_bytes()).map_err(|failure| {
            tracing::error!("a decision on a custom node cannot be kept: {}", failure.full_message());
            Error::new(Code::Unavailable, "what was decided cannot be kept now")
        })?;
        self.nodes.forget(&[node.node]);
        Ok(())
    }
}

/// Name and version of what was uploaded.
fn named(order: &NodeOrder) -> Result<(NodeName, semver::Version), Error> {
    let name = order.name.parse::<NodeName>().map_err(|error| Error::invalid(error.to_string()))?;
    let version = order.version.parse().map_err(|_| Error::invalid("`version` is not a semantic version"))?;
    Ok((name, version))
}

/// A version as a package that can be run, in the store of packages.
fn stored(packages: &Store, draft: &Draft<'_>, compiled: &Compiled) -> Result<MadeNode, Error> {
    let folder = tempfile::tempdir().map_err(|error| Error::internal(&error))?;
    draft.write(folder.path()).map_err(|error| refused(&error))?;
    let stored = packages.put(folder.path());
    let stored = stored.map_err(|error| Error::invalid(format!("the node is no package: {error}")))?;
    let pinned = Pinned { folder: stored.folder, digest: stored.digest };
    let node_type = pinned.node_types().into_iter().next();
    let node_type = node_type.ok_or_else(|| Error::invalid("the package holds no node"))?;
    let permissions = draft.permissions().map_err(|error| refused(&error))?;
    Ok(MadeNode {
        pinned: node_type.name.clone(),
        bundle: akao_contract::Digest::of(compiled.code.as_deref().unwrap_or_default().as_bytes()).to_string(),
        node_type: Arc::unwrap_or_clone(node_type),
        description: draft.description(),
        schema: draft.schema(),
        permissions: permissions.iter().map(ToString::to_string).collect(),
        scan: json!(compiled.scan),
    })
}

fn refused(error: &DraftError) -> Error {
    match error {
        DraftError::Io(cause) => Error::internal(cause),
        error => Error::invalid(error.to_string()).hint("docs/custom-nodes.md says what a node says of itself."),
    }
}

fn no_schema(error: &StepError) -> Error {
    match error.kind {
        ErrorKind::Internal | ErrorKind::Connection => not_compiled(error),
        _ => {
            let refused = Error::invalid(error.message.clone());
            error.suggestion().map_or(refused.clone(), |suggestion| refused.hint(suggestion))
        }
    }
}

fn not_compiled(error: &StepError) -> Error {
    match error.kind {
        ErrorKind::Input | ErrorKind::Timeout | ErrorKind::Resource => {
            Error::invalid(format!("TypeScript compilation failed: {}", error.message))
        }
        _ => {
            tracing::error!("a custom node was not compiled: {}", error.message);
            Error::new(Code::Unavailable, "nodes cannot be compiled now")
        }
    }
}

impl NodeMaker for Custom {
    fn compile<'a>(&'a self, tenant: &'a Tenant, order: &'a NodeOrder) -> BoxFuture<'a, Result<CompiledNode, Error>> {
        Box::pin(self.compiled(tenant, order))
    }

    fn keep(&self, tenant: &Tenant, order: &NodeOrder, made: &MadeNode) -> Result<(), Error> {
        let node = made.pinned.parse::<PinnedNode>().map_err(|error| Error::internal(&error))?;
        let (name, version) = named(order)?;
        let shelf = wiring::shelf(&self.folder, tenant);
        shelf.adopt(&name, &version, &self.packages.path(&node.digest)).map_err(|error| Error::internal(&error))
    }

    fn discard(&self, pinned: &str) -> Result<(), Error> {
        remove_node(&self.folder, &self.nodes, pinned).map_err(|error| Error::internal(&error))
    }

    fn grant(&self, _: &Tenant, pinned: &str, permissions: &[String]) -> Result<(), Error> {
        let read = permissions.iter().map(|text| text.parse::<Permission>().map_err(|error| Error::internal(&error)));
        let mut granted = read.collect::<Result<Vec<_>, Error>>()?;
        // Secrets are given by whoever starts an execution.
        granted.retain(|permission| permission.name() != "secrets");
        self.decide(pinned, Some(&granted))
    }

    fn withdraw(&self, _: &Tenant, pinned: &str) -> Result<(), Error> {
        self.decide(pinned, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_holds_for_one_name_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let node = |tenant: &str, content: &str| -> PinnedNode {
            let digest = akao_contract::Digest::of(content.as_bytes());
            format!("custom.t-{tenant}.greet@1.0.0#{digest}").parse().unwrap()
        };
        let write = |node: &PinnedNode, text: String| {
            fs::create_dir_all(grants_folder(folder.path())).unwrap();
            fs::write(grants_folder(folder.path()).join(node.digest.hex()), text).unwrap();
        };
        let (one, other) = (node("acme", "1"), node("globex", "1"));
        assert_eq!((grants(folder.path(), &one), withdrawn(folder.path(), &one)), (Vec::new(), None));
        write(&one, json!([one.to_string(), ["network.http=example.com:443"]]).to_string());
        assert_eq!((grants(folder.path(), &one).len(), grants(folder.path(), &other).len()), (1, 0));
        write(&one, json!([one.to_string(), null]).to_string());
        assert!(grants(folder.path(), &one).is_empty() && withdrawn(folder.path(), &one).is_some());
        assert!(withdrawn(folder.path(), &other).is_none());
        write(&one, "what nobody wrote".to_owned());
        assert!(grants(folder.path(), &one).is_empty() && withdrawn(folder.path(), &one).is_some());
    }
}
