//! From the text of a workflow to what is run: the definition, checked against the node types that a tenant may use, with the
//! tenant's workflows that it starts. Those are pinned: what runs is what was there when the version was made.

use crate::workflows::BUNDLE_BYTES_MAX;
use akao_engine::{BUNDLE_DEPTH_MAX, Bundle};
use akao_flow::{Catalogue, Draft, Parsed, Problem, ProblemCode, Refusal, Severity, StartedWorkflow, canonicalise};
use akao_store::{StoreError, Workflows};
use std::collections::BTreeMap;

/// What a text turned out to be.
#[derive(Debug)]
pub struct Checked {
    /// What is run; none when some problem is an error.
    pub bundle: Option<Bundle>,
    /// Every problem, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Why a node's workflow cannot be started: message and suggestion.
type Unfit = (String, &'static str);

/// Reads and checks a text.
///
/// # Errors
/// The tenant's workflows cannot be read.
pub(crate) fn check(text: &str, catalogue: &Catalogue, workflows: &Workflows<'_>) -> Result<Checked, StoreError> {
    let draft = Draft::read(text);
    let refused = refused(&draft, catalogue);
    let (parsed, mut problems) = draft.check(catalogue, &refused);
    let Some(mut parsed) = parsed else { return Ok(Checked { bundle: None, problems }) };
    canonicalise(&mut parsed.definition, catalogue);
    let children = children(&parsed, workflows, &mut problems)?;
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    let bundle = Bundle { definition: parsed.definition, children, nodes: Vec::new() };
    Ok(Checked { bundle: sound.then_some(bundle), problems })
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
