//! Bundles that are run once, by a command: the same sandbox, the same program, and nothing that stays.

use crate::{exit::Exit, failure::Failure, wiring};
use akao_contract::{Invocation, Outcome, OutcomeStatus, StepContext, StepError, Tenant};
use akao_custom::{Compiled, Draft, NodeName, Sources};
use akao_nodes::{ExternalNodes, pin};
use akao_step::StepIo;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, SystemTime},
};

/// The name that such a bundle goes by.
const NAME: &str = "Trial";

/// The folder of a trial, which goes with it. The packages in it are sealed, so that removing the folder alone would stop at them.
struct Folder(tempfile::TempDir);

impl Drop for Folder {
    fn drop(&mut self) {
        // Everything was stored before that.
        let later = SystemTime::now() + Duration::from_secs(60);
        // What cannot be removed is left, as temporary files are.
        let _ = wiring::packages(self.0.path()).collect(&BTreeSet::new(), later);
    }
}

/// Runs the default export of a bundle and gives what it gave back.
///
/// # Errors
/// It failed, or was cancelled.
pub(super) async fn run(data_dir: &Path, compiled: &Compiled, sources: &Sources, io: StepIo) -> Result<Value, Failure> {
    let cancel = io.cancel.clone();
    let ended = attempt(data_dir, compiled, sources, Map::new(), io).await?;
    if cancel.is_cancelled() {
        return Err(interrupted());
    }
    ended.map_err(|error| failed(&error))
}

/// Somebody does not want it any more.
pub(super) fn interrupted() -> Failure {
    Failure::new("stopped", Exit::Cancelled, "it was interrupted")
}

/// What the project's code did not get done.
pub(super) fn failed(error: &StepError) -> Failure {
    let message = format!("the project's own code failed: {}", error.message);
    Failure::new("sdk", Exit::Failure, message).hint(error.suggestion().unwrap_or_default())
}

/// Runs the default export of a bundle with some props and gives what became of it, also where it was cancelled.
///
/// # Errors
/// It could not be run.
pub(super) async fn attempt(
    data_dir: &Path,
    compiled: &Compiled,
    sources: &Sources,
    props: Map<String, Value>,
    io: StepIo,
) -> Result<Result<Value, StepError>, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::storage(format!("the trial cannot be made: {error}"));
    let made = Folder(tempfile::tempdir().map_err(|error| failed(&error))?);
    let folder = made.0.path();
    let name = NAME.parse::<NodeName>().map_err(|error| failed(&error))?;
    let tenant = Tenant::local();
    // What the files say of themselves is the node's, and this is no node.
    let bare = compiled.bare();
    let version = semver::Version::new(1, 0, 0);
    let draft = Draft {
        tenant: &tenant,
        name: &name,
        version: &version,
        description: None,
        schema: None,
        compiled: &bare,
        sources,
    };
    let package = folder.join("package");
    std::fs::create_dir(&package).map_err(|error| failed(&error))?;
    draft.write(&package).map_err(|error| failed(&error))?;
    let pinned = pin(&package).map_err(|error| failed(&error))?;
    let nodes = wiring::trial_nodes(data_dir, folder)?;
    let store = wiring::packages(folder);
    store.put(&package).map_err(|error| failed(&error))?;
    let node_type = pinned.first_node().map(|node| node.to_string()).unwrap_or_default();
    let outcome = step(&nodes, node_type, props, io).await;
    nodes.shutdown().await;
    Ok(match outcome.status {
        OutcomeStatus::Success => Ok(outcome.outputs.get("result").cloned().unwrap_or_default()),
        _ => {
            let unsaid = || StepError::new(akao_contract::ErrorKind::Internal, "it was ended");
            Err(outcome.error.unwrap_or_else(unsaid))
        }
    })
}

async fn step(nodes: &ExternalNodes, node_type: String, props: Map<String, Value>, io: StepIo) -> Outcome {
    let context = StepContext::apart(&Tenant::local(), "trial", "trial");
    let invocation =
        Invocation { context, node_type: node_type.into(), props, blackboard: BTreeMap::new(), input: None };
    akao_step::StepRunner::run(nodes, invocation, io).await
}
