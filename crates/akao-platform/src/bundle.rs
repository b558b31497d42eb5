//! From the text of a workflow to what is run: the definition, checked against the node types that a tenant may use, with the
//! tenant's workflows that it starts. Those are pinned: what runs is what was there when the version was made. So are custom nodes
//! of the tenant, and nodes of packages that the operator has installed for all tenants.

use crate::{
    Resolved,
    catalogue::CUSTOM,
    custom_nodes::{is_let_in, version_of},
    workflows::BUNDLE_BYTES_MAX,
};
use akao_contract::{NodeType, manifest::PinnedNode};
use akao_engine::{BUNDLE_DEPTH_MAX, Bundle};
use akao_flow::{Catalogue, Draft, Parsed, Problem, ProblemCode, Refusal, Severity, StartedWorkflow, canonicalise};
use akao_store::{CustomNodeState, CustomNodes, Scoped, StoreError, Workflows};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a text turned out to be.
#[derive(Debug)]
pub struct Checked {
    /// What is run; none when some problem is an error.
    pub bundle: Option<Bundle>,
    /// Every problem, in the order of the text.
    pub problems: Vec<Problem>,
    /// The custom nodes that it uses, by their ids.
    pub(crate) uses: Vec<String>,
}

/// Why a node's workflow cannot be started: message and suggestion.
type Unfit = (String, &'static str);

/// A text that was read, with the names in it that are not the program's.
pub(crate) struct Draught<'t> {
    text: &'t str,
    draft: Draft,
    names: Names,
}

impl<'t> Draught<'t> {
    /// Reads a text, whose names of packages stand for what `resolve` says. Blocks.
    pub(crate) fn read(text: &'t str, catalogue: &Catalogue, resolve: &dyn Fn(&str) -> Resolved) -> Self {
        let draft = Draft::read(text);
        let names = Names::read(draft.types(), catalogue, resolve);
        Self { text, draft, names }
    }
}

/// Names of node types that are not the program's, with what they mean of packages. That is looked up before the database is
/// asked, since it reads files.
pub(crate) struct Names {
    unknown: Vec<String>,
    packages: BTreeMap<String, Result<Arc<NodeType>, Refusal>>,
}

/// What such names stand for.
#[derive(Default)]
pub(crate) struct Found {
    /// Node types of pinned names; the aliases are what they were called.
    pub(crate) types: Vec<Arc<NodeType>>,
    /// Why the others cannot be used, where they are names of packages, custom nodes or folders at all.
    pub(crate) refused: BTreeMap<String, Refusal>,
    /// The custom nodes among them, by their ids.
    uses: Vec<String>,
    /// Custom nodes that are retired, by what they were called.
    retired: Vec<(String, CustomNodeState)>,
}

impl Names {
    /// Looks names of packages up. Blocks.
    pub(crate) fn read<'n>(
        names: impl IntoIterator<Item = &'n str>,
        catalogue: &Catalogue,
        resolve: &dyn Fn(&str) -> Resolved,
    ) -> Self {
        let unknown = names.into_iter().filter(|named| catalogue.get(named).is_none());
        let unknown: Vec<String> = unknown.map(str::to_owned).collect();
        let packages = unknown.iter().filter_map(|named| Some((named.clone(), resolve(named)?))).collect();
        Self { unknown, packages }
    }

    /// Looks the others up among the custom nodes of a tenant, and of no other.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn find(&self, nodes: &CustomNodes<'_>) -> Result<Found, StoreError> {
        let mut found = Found { refused: self.folders(), ..Found::default() };
        found.add_custom(&self.unknown, nodes)?;
        found.add_packages(&self.packages);
        Ok(found)
    }

    /// Folders are files of the host, and there is none for a tenant.
    fn folders(&self) -> BTreeMap<String, Refusal> {
        let folders = self.unknown.iter().filter(|name| name.starts_with("./") || name.starts_with("../"));
        let refusal = |name: &String| Refusal {
            message: format!("`{name}` names a folder, and workflows of a server have none"),
            suggestion: "Use a node type by its name.".to_owned(),
        };
        folders.map(|name| (name.clone(), refusal(name))).collect()
    }
}

/// Checks a text.
///
/// # Errors
/// The tenant's workflows cannot be read.
pub(crate) fn check(
    Draught { text, draft, names }: Draught<'_>,
    catalogue: &Catalogue,
    tenant: Scoped<'_>,
) -> Result<Checked, StoreError> {
    let Found { types, refused, uses, retired } = names.find(&tenant.custom_nodes())?;
    let own;
    let catalogue = match types.is_empty() {
        true => catalogue,
        false => {
            own = catalogue.and(&types);
            &own
        }
    };
    let (parsed, mut problems) = draft.check(catalogue, &refused);
    problems.extend(retired.iter().map(|(named, node)| deprecated(named, node, text)));
    let Some(mut parsed) = parsed else { return Ok(Checked { bundle: None, problems, uses }) };
    canonicalise(&mut parsed.definition, catalogue);
    let children = children(&parsed, &tenant.workflows(), &mut problems)?;
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    let nameless =
        |node_type: Arc<NodeType>| Arc::new(NodeType { aliases: Vec::new(), ..Arc::unwrap_or_clone(node_type) });
    let nodes = types.into_iter().map(nameless).collect();
    let bundle = Bundle { definition: parsed.definition, children, nodes };
    Ok(Checked { bundle: sound.then_some(bundle), problems, uses })
}

impl Found {
    /// The node types of packages, each with the names by which it is called.
    fn add_packages(&mut self, packages: &BTreeMap<String, Result<Arc<NodeType>, Refusal>>) {
        let mut found: BTreeMap<&str, NodeType> = BTreeMap::new();
        for (named, resolved) in packages {
            match resolved {
                Ok(node_type) => {
                    let bare = || NodeType { aliases: Vec::new(), ..NodeType::clone(node_type) };
                    found.entry(&node_type.name).or_insert_with(bare).aliases.push(named.clone());
                }
                Err(refusal) => drop(self.refused.insert(named.clone(), refusal.clone())),
            }
        }
        self.types.extend(found.into_values().map(Arc::new));
    }

    fn add_custom(&mut self, names: &[String], nodes: &CustomNodes<'_>) -> Result<(), StoreError> {
        let mut found: BTreeMap<String, (Arc<NodeType>, Vec<String>)> = BTreeMap::new();
        for named in names {
            let (name, version) = name_and_version(named);
            // A dot is a publisher's, `#` a content's: neither is a tenant's.
            if name.contains(['.', '#', '/']) {
                continue;
            }
            let node = match usable(nodes, name, version)? {
                None => continue,
                Some(Ok(node)) => node,
                Some(Err(refusal)) => {
                    self.refused.insert(named.clone(), refusal);
                    continue;
                }
            };
            let Some(body) = nodes.body(&node.id)? else { continue };
            let Ok(node_type) = serde_json::from_str::<NodeType>(&body.node_type) else { continue };
            let entry = found.entry(node_type.name.clone()).or_insert_with(|| {
                self.uses.push(node.id.clone());
                (Arc::new(node_type), Vec::new())
            });
            entry.1.push(named.clone());
            if node.status == "deprecated" {
                self.retired.push((named.clone(), node));
            }
        }
        let with_aliases = |(node_type, aliases)| Arc::new(NodeType { aliases, ..Arc::unwrap_or_clone(node_type) });
        self.types.extend(found.into_values().map(with_aliases));
        Ok(())
    }
}

/// A custom node's name, and the version where one is named.
fn name_and_version(named: &str) -> (&str, Option<&str>) {
    named.split_once('@').map_or((named, None), |(name, version)| (name, Some(version)))
}

/// The version of a tenant's node that a name stands for; none where the tenant has no such node.
fn usable(
    nodes: &CustomNodes<'_>,
    name: &str,
    version: Option<&str>,
) -> Result<Option<Result<CustomNodeState, Refusal>>, StoreError> {
    let refusal = |message: String, suggestion: &str| Refusal { message, suggestion: suggestion.to_owned() };
    let all = nodes.states(name)?;
    if all.is_empty() {
        return Ok(None);
    }
    let Some(version) = version else {
        let newest = all.into_iter().filter(|node| node.status == "active").max_by_key(version_of);
        let none = || refusal(format!("no version of the custom node `{name}` is active"), "Activate one first.");
        return Ok(Some(newest.ok_or_else(none)));
    };
    let known: Vec<String> = all.iter().map(|node| node.version.clone()).collect();
    let found = all.into_iter().find(|node| node.version == version);
    Ok(Some(match found {
        Some(node) if is_let_in(&node.status) => Ok(node),
        Some(node) if node.status == "withdrawn" => {
            let said = node.message.map(|message| format!(": {message}")).unwrap_or_default();
            Err(refusal(format!("`{name}@{version}` was withdrawn{said}"), "Use another version."))
        }
        Some(node) => {
            let message = format!("`{name}@{version}` is not active yet: its status is {}", node.status);
            Err(refusal(message, "Activate the version first."))
        }
        None => {
            let message = format!("the custom node `{name}` has no version {version}");
            Err(refusal(message, &format!("There is {}.", known.join(", "))))
        }
    }))
}

/// That a version is retired, at the place where the text names it.
fn deprecated(named: &str, node: &CustomNodeState, text: &str) -> Problem {
    let said = node.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    let at = text.find(named).unwrap_or_default();
    let before = text.get(..at).unwrap_or_default();
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let position = akao_flow::Position {
        line: count(before.matches('\n').count()),
        column: count(before[line_start..].chars().count()),
    };
    let (name, _) = name_and_version(named);
    Problem {
        severity: Severity::Warning,
        code: "deprecated-node".to_owned(),
        message: format!("`{}` is deprecated{said}", PinnedNode::shown(named)),
        position,
        path: String::new(),
        suggestion: node.successor.as_ref().map(|next| format!("Use `{name}@{next}`.")),
    }
}

/// What is to be said at a start of the custom nodes that a bundle was pinned to, and of those of the workflows in it.
pub(crate) fn warnings(bundle: &Bundle, nodes: &CustomNodes<'_>) -> Result<Vec<String>, StoreError> {
    let mut names = BTreeSet::new();
    pinned_names(bundle, &mut names);
    let mut warnings = Vec::new();
    for name in names.into_iter().filter(|name| name.starts_with(CUSTOM)) {
        let Some(node) = nodes.deprecated(name)? else { continue };
        let said = node.message.map(|message| format!(": {message}")).unwrap_or_default();
        let next = node.successor.map(|next| format!("; use `{}@{next}`", node.name)).unwrap_or_default();
        warnings.push(format!("`{}@{}` is deprecated{said}{next}", node.name, node.version));
    }
    Ok(warnings)
}

fn pinned_names<'b>(bundle: &'b Bundle, names: &mut BTreeSet<&'b str>) {
    names.extend(bundle.nodes.iter().map(|node_type| &*node_type.name));
    bundle.children.values().for_each(|child| pinned_names(child, names));
}

fn children(
    parsed: &Parsed,
    workflows: &Workflows<'_>,
    problems: &mut Vec<Problem>,
) -> Result<BTreeMap<String, Bundle>, StoreError> {
    let (mut children, mut bytes_left) = (BTreeMap::new(), BUNDLE_BYTES_MAX);
    for started in parsed.started_workflows() {
        if children.contains_key(&started.workflow) {
            continue;
        }
        match child(&parsed.definition.id, &started.workflow, workflows, &mut bytes_left)? {
            Ok(bundle) => {
                children.insert(started.workflow, bundle);
            }
            Err((message, suggestion)) => problems.push(problem(&started, message, suggestion)),
        }
    }
    Ok(children)
}

/// What `WORKFLOW` or `WORKFLOW@VERSION` stands for. It is read while all that were read before leave room for it.
fn child(
    own: &str,
    named: &str,
    workflows: &Workflows<'_>,
    bytes_left: &mut usize,
) -> Result<Result<Bundle, Unfit>, StoreError> {
    let (id, version) = match named.split_once('@') {
        Some((id, version)) => (id, Some(version)),
        None => (named, None),
    };
    if id == own {
        return Ok(Err((format!("`{own}` starts itself"), "Repeat with a loop inside one workflow.")));
    }
    let too_long = || {
        let message = format!("with `{named}` the workflows that are started are longer than 8 MiB");
        Ok(Err((message, "Start fewer or shorter ones.")))
    };
    if *bytes_left == 0 {
        return too_long();
    }
    let found = match version {
        Some(version) => workflows.version(id, version)?,
        None => workflows.get(id)?.map(|workflow| workflow.latest),
    };
    let body = match found {
        Some(version) => workflows.bundle(id, version.number)?,
        None => None,
    };
    let Some(body) = body else {
        return Ok(Err((format!("there is no workflow `{named}`"), "Save the workflow that is started first.")));
    };
    match bytes_left.checked_sub(body.len()) {
        Some(left) => *bytes_left = left,
        None => {
            // Those that follow are not read either.
            *bytes_left = 0;
            return too_long();
        }
    }
    Ok(match serde_json::from_str::<Bundle>(&body) {
        Ok(bundle) if bundle.depth() < BUNDLE_DEPTH_MAX => Ok(bundle),
        Ok(_) => Err((format!("`{named}` is one level of workflows too many"), "Put parts of it under `trees:`.")),
        Err(problem) => {
            tracing::error!("version {version:?} of workflow {id} cannot be read: {problem}");
            Err((format!("`{named}` cannot be read by this version of the server"), "Save it again."))
        }
    })
}

fn problem(started: &StartedWorkflow, message: String, suggestion: &str) -> Problem {
    let code = ProblemCode::UnknownWorkflow;
    Problem {
        severity: code.severity(),
        code: code.as_str().to_owned(),
        message,
        position: started.position,
        path: started.path.clone(),
        suggestion: Some(suggestion.to_owned()),
    }
}
