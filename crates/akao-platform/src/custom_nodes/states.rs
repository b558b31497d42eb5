//! What becomes of a version after its upload, and who may decide it.
//!
//! | from | to | by |
//! |---|---|---|
//! | draft, review | active | whoever the tenant's policy lets; for others the version waits in review |
//! | deprecated | active | the same people; others are refused, because workflows still use it |
//! | withdrawn | active | whoever may approve |
//! | active | deprecated | whoever may write: workflows that use it are warned and go on |
//! | every other | withdrawn | whoever may approve: its grants are gone, and no step of it begins |

use super::{Approval, TEXT_BYTES_MAX, missing};
use crate::{Actor, Code, Error, Expected, Permission, Platform};
use akao_store::{CustomNode, CustomNodeState, CustomNodes, Work};
use semver::Version;
use serde_json::{Value, json};

impl Platform {
    /// Makes a version usable, or has it wait for somebody who may. Says what came of it. Blocks.
    ///
    /// # Errors
    /// There is no such node, it is not what was expected, or it is one that does not wait.
    pub fn activate_custom_node(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
    ) -> Result<(CustomNode, &'static str), Error> {
        self.write_beside(|work| {
            let nodes = work.of(&actor.tenant).custom_nodes();
            let node = expected_node(&nodes, id, expected)?;
            if node.status == "active" {
                return Ok((node, "The version is active already."));
            }
            if may_let_in(actor, &nodes, &node)? {
                let active = self.let_in(actor, work, &node)?;
                return Ok((active, "The version is active: workflows can use it."));
            }
            match node.status.as_str() {
                "draft" => {
                    let waits = self.moved(actor, work, &node, "review", None, None)?;
                    Ok((waits, "The version waits for somebody who may approve it."))
                }
                "review" => Ok((node, "The version waits for somebody who may approve it.")),
                _ => Err(not_yours(&node)),
            }
        })
    }

    /// Retires a version: whoever still uses it is warned, and goes on. Blocks.
    ///
    /// # Errors
    /// There is no such node, it is not what was expected, it is not active, or the successor is none.
    pub fn deprecate_custom_node(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        message: Option<&str>,
        successor: Option<&str>,
    ) -> Result<CustomNode, Error> {
        short(message)?;
        self.write_beside(|work| {
            let nodes = work.of(&actor.tenant).custom_nodes();
            let node = expected_node(&nodes, id, expected)?;
            if successor == Some(node.version.as_str()) {
                return Err(Error::invalid("`successor` is the version that is to be retired")
                    .hint("Name another active version, or none."));
            }
            if let Some(successor) = successor {
                let states = nodes.states(&node.name)?;
                if !states.iter().any(|state| state.version == successor && state.status == "active") {
                    return Err(Error::invalid(format!("`{}@{successor}` is not active", node.name)));
                }
            }
            if node.status != "active" {
                let message = format!("`{}@{}` is not active but {}", node.name, node.version, node.status);
                return Err(Error::new(Code::Conflict, message));
            }
            self.moved(actor, work, &node, "deprecated", message, successor)
        })
    }

    /// Takes back that a version was let in: what it was granted is gone, and no step of it begins any more, also of
    /// workflows that were saved with it. Blocks.
    ///
    /// # Errors
    /// There is no such node, or it is not what was expected.
    pub fn withdraw_custom_node(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        message: Option<&str>,
    ) -> Result<CustomNode, Error> {
        short(message)?;
        self.write_beside(|work| {
            let nodes = work.of(&actor.tenant).custom_nodes();
            let node = expected_node(&nodes, id, expected)?;
            let withdrawn = match node.status.as_str() {
                "withdrawn" => node,
                _ => self.moved(actor, work, &node, "withdrawn", message, None)?,
            };
            // Also where it is withdrawn already: the disk may have refused it then.
            self.parts().nodes.withdraw(&actor.tenant, &withdrawn.pinned)?;
            Ok(withdrawn)
        })
    }

    /// Retires the newest active version of a node in favour of the one before it. Blocks.
    ///
    /// # Errors
    /// There is no such node, no version before, or somebody else has to let that in again.
    pub fn rollback_custom_node(&self, actor: &Actor, name: &str) -> Result<(CustomNode, CustomNode), Error> {
        self.write_beside(|work| {
            let nodes = work.of(&actor.tenant).custom_nodes();
            let (newest, before) = two_newest(name, nodes.states(name)?)?;
            let get = |state: &CustomNodeState| -> Result<CustomNode, Error> {
                nodes.get(&state.id)?.ok_or_else(|| missing(&state.id))
            };
            let (newest, before) = (get(&newest)?, get(&before)?);
            let back = match before.status.as_str() {
                "active" => before,
                _ if may_let_in(actor, &nodes, &before)? => self.let_in(actor, work, &before)?,
                _ => return Err(not_yours(&before)),
            };
            let message = format!("rolled back to {}", back.version);
            let gone = self.moved(actor, work, &newest, "deprecated", Some(&message), Some(&back.version))?;
            Ok((back, gone))
        })
    }

    /// How versions come to be active in the tenant. Blocks.
    ///
    /// # Errors
    /// The database failed.
    pub fn custom_node_approval(&self, actor: &Actor) -> Result<Approval, Error> {
        self.read(|work| approval(&work.of(&actor.tenant).custom_nodes()))
    }

    /// Decides it. Its word is its tag. Blocks.
    ///
    /// # Errors
    /// It is not what was expected.
    pub fn set_custom_node_approval(
        &self,
        actor: &Actor,
        approval: Approval,
        expected: &Expected,
    ) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write_beside(|work| {
            let nodes = work.of(&actor.tenant).custom_nodes();
            expected.allows("the policy", Some(self::approval(&nodes)?.as_str()))?;
            nodes.set_approval(approval.as_str())?;
            actor.record(work, now_ms, "custom_node.policy", json!({"approval": approval.as_str()}))
        })
    }

    fn moved(
        &self,
        actor: &Actor,
        work: &Work<'_>,
        node: &CustomNode,
        status: &str,
        message: Option<&str>,
        successor: Option<&str>,
    ) -> Result<CustomNode, Error> {
        let now_ms = self.now_ms();
        let to = CustomNode {
            status: status.to_owned(),
            message: message.map(str::to_owned),
            successor: successor.map(str::to_owned),
            changed_by: actor.user.as_str().to_owned(),
            changed_ms: now_ms,
            ..node.clone()
        };
        if !work.of(&actor.tenant).custom_nodes().set_status(&node.status, &to)? {
            return Err(Error::new(Code::Changed, "the version was changed meanwhile"));
        }
        let details = json!({
            "node": node.id, "name": node.name, "version": node.version, "from": node.status, "to": status,
            "permissions": node.permissions,
        });
        actor.record(work, now_ms, "custom_node.moved", details)?;
        Ok(to)
    }

    /// Makes a version active: whoever does so lets it use what it asks for.
    fn let_in(&self, actor: &Actor, work: &Work<'_>, node: &CustomNode) -> Result<CustomNode, Error> {
        let active = self.moved(actor, work, node, "active", None, None)?;
        let permissions = permissions(&active.permissions)?;
        self.parts().nodes.grant(&actor.tenant, &active.pinned, &permissions)?;
        Ok(active)
    }
}

/// The tag of a version: of all that is shown of it, what becomes of it alone changes.
pub fn custom_node_tag(node: &CustomNode) -> String {
    format!("{}-{}", node.status, node.changed_ms)
}

/// A version that is what a change expects.
fn expected_node(nodes: &CustomNodes<'_>, id: &str, expected: &Expected) -> Result<CustomNode, Error> {
    let node = nodes.get(id)?.ok_or_else(|| missing(id))?;
    expected.allows(&format!("`{}@{}`", node.name, node.version), Some(&custom_node_tag(&node)))?;
    Ok(node)
}

/// Whether somebody may make a version active, by the tenant's policy.
fn may_let_in(actor: &Actor, nodes: &CustomNodes<'_>, node: &CustomNode) -> Result<bool, Error> {
    if actor.may(Permission::CustomNodesApprove) {
        return Ok(true);
    }
    // What somebody took back on purpose, a policy does not give again.
    if node.status == "withdrawn" {
        return Ok(false);
    }
    Ok(match approval(nodes)? {
        Approval::Off => true,
        Approval::Manual => false,
        Approval::Clean => {
            is_clean(&node.scan) && (actor.may(Permission::ExecutionsGrant) || asks_nothing_new(nodes, node)?)
        }
    })
}

/// Whether a version asks for nothing that no version of the node was let in with.
fn asks_nothing_new(nodes: &CustomNodes<'_>, node: &CustomNode) -> Result<bool, Error> {
    let asked = permissions(&node.permissions)?;
    if asked.is_empty() {
        return Ok(true);
    }
    let mut known = Vec::new();
    for state in nodes.states(&node.name)?.iter().filter(|state| is_let_in(&state.status)) {
        known.extend(permissions(&state.permissions)?);
    }
    Ok(asked.iter().all(|permission| known.contains(permission)))
}

/// Whether somebody has let in a version of this status.
pub(crate) fn is_let_in(status: &str) -> bool {
    matches!(status, "active" | "deprecated")
}

fn permissions(text: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(text).map_err(|error| Error::internal(&error))
}

fn approval(nodes: &CustomNodes<'_>) -> Result<Approval, Error> {
    Ok(nodes.approval()?.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// Whether a scan holds nothing but what the code asks for.
fn is_clean(scan: &str) -> bool {
    let scan: Value = serde_json::from_str(scan).unwrap_or_default();
    scan.as_array().is_some_and(|all| all.iter().all(|finding| finding["weight"] == "asks"))
}

/// The newest active version of a node, and the one before it.
fn two_newest(name: &str, all: Vec<CustomNodeState>) -> Result<(CustomNodeState, CustomNodeState), Error> {
    if all.is_empty() {
        return Err(Error::not_found(format_args!("custom node `{name}`")));
    }
    let conflict = |message: String| Error::new(Code::Conflict, message);
    let mut usable: Vec<CustomNodeState> = all.into_iter().filter(|state| is_let_in(&state.status)).collect();
    usable.sort_by_cached_key(version_of);
    let newest = usable.iter().rposition(|state| state.status == "active");
    let newest = newest.ok_or_else(|| conflict(format!("`{name}` has no active version")))?;
    let before = newest.checked_sub(1).and_then(|at| usable.get(at).cloned());
    let before = before.ok_or_else(|| conflict(format!("`{name}` has no version before the active one")))?;
    Ok((usable.swap_remove(newest), before))
}

pub(crate) fn version_of(state: &CustomNodeState) -> Option<Version> {
    state.version.parse().ok()
}

fn short(message: Option<&str>) -> Result<(), Error> {
    match message.is_some_and(|message| message.len() > TEXT_BYTES_MAX) {
        true => Err(Error::invalid(format!("the message is longer than {TEXT_BYTES_MAX} bytes"))),
        false => Ok(()),
    }
}

fn not_yours(node: &CustomNode) -> Error {
    let message = format!(
        "`{}@{}` is {}: letting it in again needs the permission `{}`",
        node.name,
        node.version,
        node.status,
        Permission::CustomNodesApprove
    );
    Error::new(Code::Forbidden, message).hint("Ask somebody who may approve custom nodes, or deploy another version.")
}
