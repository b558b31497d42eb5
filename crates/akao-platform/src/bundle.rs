//! From the text of a workflow to what is run: the definition, checked against the node types that a tenant may use, with the
//! tenant's workflows that it starts. Those are pinned: what runs is what was there when the version was made. So are custom nodes
//! of the tenant, and nodes of packages that the operator has installed for all tenants.

use crate::{
    Shelf,
    custom_nodes::{is_let_in, version_of},
    workflows::BUNDLE_BYTES_MAX,
};
use akao_contract::{NodeType, manifest::PinnedNode};
use akao_engine::{BUNDLE_DEPTH_MAX, Bundle};
use akao_flow::{Catalogue, Draft, Parsed, Problem, ProblemCode, Refusal, Severity, StartedWorkflow, canonicalise};
use akao_store::{CustomNodeState, CustomNodes, Scoped, StoreError, Workflows};
use std::{collections::BTreeMap, sync::Arc};

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

/// A text that was read, with what it names of packages. Those are looked up before the database is asked, since that reads
/// files.
pub(crate) struct Draught<'t> {
    text: &'t str,
    draft: Draft,
    packages: BTreeMap<String, Result<Arc<NodeType>, Refusal>>,
}

impl<'t> Draught<'t> {
    /// Reads a text. Blocks.
    pub(crate) fn read(text: &'t str, catalogue: &Catalogue, shelf: &dyn Shelf) -> Self {
        let draft = Draft::read(text);
        let unknown = draft.types().into_iter().filter(|named| catalogue.get(named).is_none());
        let packages = unknown.filter_map(|named| Some((named.to_owned(), shelf.resolve(named)?))).collect();
        Self { text, draft, packages }
    }
}

/// Checks a text.
///
/// # Errors
/// The tenant's workflows cannot be read.
pub(crate) fn check(
    Draught { text, draft, packages }: Draught<'_>,
    catalogue: &Catalogue,
    tenant: Scoped<'_>,
) -> Result<Checked, StoreError> {
    let mut refused = refused(&draft, catalogue);
    let mut custom = Custom::find(&draft, catalogue, &tenant.custom_nodes(), text, &mut refused)?;
    custom.types.extend(of_packages(&packages, &mut refused));
    let own;
    let catalogue = match custom.types.is_empty() {
        true => catalogue,
        false => {
            own = catalogue.and(&custom.types);
            &own
        }
    };
    let (parsed, mut problems) = draft.check(catalogue, &refused);
    problems.extend(custom.warnings);
    let Some(mut parsed) = parsed else { return Ok(Checked { bundle: None, problems, uses: custom.uses }) };
    canonicalise(&mut parsed.definition, catalogue);
    let children = children(&parsed, &tenant.workflows(), &mut problems)?;
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    let nameless =
        |node_type: Arc<NodeType>| Arc::new(NodeType { aliases: Vec::new(), ..Arc::unwrap_or_clone(node_type) });
    let nodes = custom.types.into_iter().map(nameless).collect();
    let bundle = Bundle { definition: parsed.definition, children, nodes };
    Ok(Checked { bundle: sound.then_some(bundle), problems, uses: custom.uses })
}

/// The node types of packages that a text names, each with the names by which it is called.
fn of_packages(
    packages: &BTreeMap<String, Result<Arc<NodeType>, Refusal>>,
    refused: &mut BTreeMap<String, Refusal>,
) -> Vec<Arc<NodeType>> {
    let mut found: BTreeMap<&str, NodeType> = BTreeMap::new();
    for (named, resolved) in packages {
        match resolved {
            Ok(node_type) => {
                let bare = || NodeType { aliases: Vec::new(), ..NodeType::clone(node_type) };
                found.entry(&node_type.name).or_insert_with(bare).aliases.push(named.clone());
            }
            Err(refusal) => drop(refused.insert(named.clone(), refusal.clone())),
        }
    }
    found.into_values().map(Arc::new).collect()
}

/// What of a text are custom nodes of the tenant, and of no other.
#[derive(Default)]
struct Custom {
    types: Vec<Arc<NodeType>>,
    uses: Vec<String>,
    warnings: Vec<Problem>,
}

impl Custom {
    fn find(
        draft: &Draft,
        catalogue: &Catalogue,
        nodes: &CustomNodes<'_>,
        text: &str,
        refused: &mut BTreeMap<String, Refusal>,
    ) -> Result<Self, StoreError> {
        let mut found: BTreeMap<String, (Arc<NodeType>, Vec<String>)> = BTreeMap::new();
        let mut custom = Self::default();
        for named in draft.types().into_iter().filter(|named| catalogue.get(named).is_none()) {
            // A dot is a publisher's, `#` a content's: neither is a tenant's.
            let (name, version) = named.split_once('@').map_or((named, None), |(name, version)| (name, Some(version)));
            if name.contains(['.', '#', '/']) {
                continue;
            }
            let node = match usable(nodes, name, version)? {
                None => continue,
                Some(Ok(node)) => node,
                Some(Err(refusal)) => {
                    refused.insert(named.to_owned(), refusal);
                    continue;
                }
            };
            let Some(body) = nodes.body(&node.id)? else { continue };
            let Ok(node_type) = serde_json::from_str::<NodeType>(&body.node_type) else { continue };
            custom.warnings.extend(deprecated(name, &node, named, text));
            let entry = found.entry(node_type.name.clone()).or_insert_with(|| {
                custom.uses.push(node.id.clone());
                (Arc::new(node_type), Vec::new())
            });
            entry.1.push(named.to_owned());
        }
        let with_aliases = |(node_type, aliases)| Arc::new(NodeType { aliases, ..Arc::unwrap_or_clone(node_type) });
        custom.types = found.into_values().map(with_aliases).collect();
        Ok(custom)
    }
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
fn deprecated(name: &str, node: &CustomNodeState, named: &str, text: &str) -> Option<Problem> {
    if node.status != "deprecated" {
        return None;
    }
    let said = node.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    let at = text.find(named).unwrap_or_default();
    let before = text.get(..at).unwrap_or_default();
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let position = akao_flow::Position {
        line: count(before.matches('\n').count()),
        column: count(before[line_start..].chars().count()),
    };
    Some(Problem {
        severity: Severity::Warning,
        code: "deprecated-node".to_owned(),
        message: format!("`{}` is deprecated{said}", PinnedNode::shown(named)),
        position,
        path: String::new(),
        suggestion: node.successor.as_ref().map(|next| format!("Use `{name}@{next}`.")),
    })
}

/// Folders are files of the host, and there is none for a tenant.
fn refused(draft: &Draft, catalogue: &Catalogue) -> BTreeMap<String, Refusal> {
    let unknown = draft.types().into_iter().filter(|name| catalogue.get(name).is_none());
    let folders = unknown.filter(|name| name.starts_with("./") || name.starts_with("../"));
    folders
        .map(|name| {
            let message = format!("`{name}` names a folder, and workflows of a server have none");
            (name.to_owned(), Refusal { message, suggestion: "Use a node type by its name.".to_owned() })
        })
        .collect()
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
