//! What an update changes: version, permissions, limits, inputs and outputs, dependencies, the publisher's key. Plain data,
//! and a text of one line a change.

mod nodes;

use crate::PublicKey;
use akao_contract::Permission;
use akao_contract::manifest::{Limit, Manifest};
use serde::Serialize;
use std::{collections::BTreeSet, fmt};

/// What a change means to whoever runs the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The package may do more, or somebody else vouches for it. It needs consent.
    Widens,
    /// Workflows that use it may have to be changed.
    Breaks,
    /// Neither.
    Neutral,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Something that was not asked for before.
    PermissionAdded {
        /// What.
        permission: Permission,
    },
    /// Something that is asked for in a wider form.
    PermissionWidened {
        /// What was asked for.
        from: Permission,
        /// What is asked for.
        to: Permission,
    },
    /// Something that is asked for in a narrower form.
    PermissionNarrowed {
        /// What was asked for.
        from: Permission,
        /// What is asked for.
        to: Permission,
    },
    /// Something that is not asked for any more.
    PermissionRemoved {
        /// What.
        permission: Permission,
    },
    /// A limit that is higher.
    LimitRaised {
        /// Which.
        limit: Limit,
        /// As people write it.
        from: String,
        /// As people write it.
        to: String,
    },
    /// A limit that is lower.
    LimitLowered {
        /// Which.
        limit: Limit,
        /// As people write it.
        from: String,
        /// As people write it.
        to: String,
    },
    /// A package that was not needed before.
    DependencyAdded {
        /// Which.
        id: String,
        /// Which versions will do.
        versions: String,
    },
    /// Other versions of a package that was needed before.
    DependencyChanged {
        /// Which.
        id: String,
        /// Which versions did.
        from: String,
        /// Which do.
        to: String,
    },
    /// A package that is not needed any more.
    DependencyRemoved {
        /// Which.
        id: String,
    },
    /// Another key has signed it, or none.
    Key {
        /// The key's fingerprint before; none when it was not signed.
        from: Option<String>,
        /// The key's fingerprint now.
        to: Option<String>,
    },
    /// It is run by something else.
    Runtime {
        /// What ran it.
        from: String,
        /// What runs it.
        to: String,
    },
    /// A capability that it provides now.
    CapabilityAdded {
        /// Which.
        capability: String,
    },
    /// A capability that it provides no more.
    CapabilityRemoved {
        /// Which.
        capability: String,
    },
    /// A node that is new.
    NodeAdded {
        /// Which.
        node: String,
    },
    /// A node that is gone.
    NodeRemoved {
        /// Which.
        node: String,
    },
    /// An input or an output of a node, or how it may be run.
    Node {
        /// Which node.
        node: String,
        /// What of it, such as ``input `a` ``.
        part: String,
        /// How it changed, as a fragment.
        how: String,
        /// Whether workflows may have to be changed.
        breaks: bool,
    },
}

impl Change {
    /// What it means.
    pub fn effect(&self) -> Effect {
        match self {
            Self::PermissionAdded { .. }
            | Self::PermissionWidened { .. }
            | Self::LimitRaised { .. }
            | Self::DependencyAdded { .. }
            | Self::Key { .. }
            | Self::CapabilityAdded { .. } => Effect::Widens,
            Self::CapabilityRemoved { .. } | Self::NodeRemoved { .. } | Self::Node { breaks: true, .. } => {
                Effect::Breaks
            }
            _ => Effect::Neutral,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |key: &Option<String>| key.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::PermissionAdded { permission } => write!(f, "permission added: {permission}"),
            Self::PermissionWidened { from, to } => write!(f, "permission widened: {from} to {to}"),
            Self::PermissionNarrowed { from, to } => write!(f, "permission narrowed: {from} to {to}"),
            Self::PermissionRemoved { permission } => write!(f, "permission removed: {permission}"),
            Self::LimitRaised { limit, from, to } => write!(f, "limit raised: {} {from} to {to}", limit.as_str()),
            Self::LimitLowered { limit, from, to } => write!(f, "limit lowered: {} {from} to {to}", limit.as_str()),
            Self::DependencyAdded { id, versions } => write!(f, "dependency added: {id} {versions}"),
            Self::DependencyChanged { id, from, to } => write!(f, "dependency changed: {id} {from} to {to}"),
            Self::DependencyRemoved { id } => write!(f, "dependency removed: {id}"),
            Self::Key { from, to } => write!(f, "publisher's key changed: {} to {}", key(from), key(to)),
            Self::Runtime { from, to } => write!(f, "run by {to}, before by {from}"),
            Self::CapabilityAdded { capability } => write!(f, "capability provided: {capability}"),
            Self::CapabilityRemoved { capability } => write!(f, "capability no longer provided: {capability}"),
            Self::NodeAdded { node } => write!(f, "node added: {node}"),
            Self::NodeRemoved { node } => write!(f, "node removed: {node}"),
            Self::Node { node, part, how, .. } => write!(f, "node {node}: {part} {how}"),
        }
    }
}

/// Everything that differs between two versions of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The version before.
    pub from: String,
    /// The version now.
    pub to: String,
    /// What changed: what widens first, then what breaks.
    pub changes: Vec<Change>,
}

impl Difference {
    /// Whether the package may do more than before, or somebody else vouches for it: whether it needs consent.
    pub fn widens(&self) -> bool {
        self.has(Effect::Widens)
    }

    /// Whether workflows that use it may have to be changed.
    pub fn breaks(&self) -> bool {
        self.has(Effect::Breaks)
    }

    /// What widens, a line each.
    pub fn widenings(&self) -> Vec<String> {
        self.changes.iter().filter(|change| change.effect() == Effect::Widens).map(Change::to_string).collect()
    }

    fn has(&self, effect: Effect) -> bool {
        self.changes.iter().any(|change| change.effect() == effect)
    }
}

impl fmt::Display for Difference {
    /// A line for the versions and one for each change: `!` widens, `~` breaks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "version {} to {}", self.from, self.to)?;
        for change in &self.changes {
            let sign = match change.effect() {
                Effect::Widens => '!',
                Effect::Breaks => '~',
                Effect::Neutral => ' ',
            };
            writeln!(f, "{sign} {change}")?;
        }
        Ok(())
    }
}

/// Compares two versions of a package, with the keys that had signed them.
pub fn difference(from: (&Manifest, Option<&PublicKey>), to: (&Manifest, Option<&PublicKey>)) -> Difference {
    let ((old, old_key), (new, new_key)) = (from, to);
    let mut changes = permissions(old, new);
    changes.extend(limits(old, new));
    changes.extend(dependencies(old, new));
    let fingerprint = |key: Option<&PublicKey>| key.map(|key| key.fingerprint().to_string());
    let (from, to) = (fingerprint(old_key), fingerprint(new_key));
    if from != to {
        changes.push(Change::Key { from, to });
    }
    let runs = |manifest: &Manifest| {
        let runtime = &manifest.runtime;
        let command = std::iter::once(&runtime.command).chain(&runtime.args);
        let command: Vec<&str> = command.map(String::as_str).collect();
        format!("{} `{}`", runtime.kind.as_str(), command.join(" "))
    };
    if runs(old) != runs(new) {
        changes.push(Change::Runtime { from: runs(old), to: runs(new) });
    }
    changes.extend(capabilities(old, new));
    changes.extend(nodes::changes(old, new));
    // A stable sort: within an effect the order is the one above.
    changes.sort_by_key(Change::effect);
    Difference { from: old.version.clone(), to: new.version.clone(), changes }
}

/// A manifest that asks for a bare permission gets whatever is granted under its name, so it asks for more than any scope.
fn asks_within(wide: &Permission, narrow: &Permission) -> bool {
    match (wide.scope(), narrow.scope()) {
        (None, Some(_)) => wide.name() == narrow.name(),
        (Some(_), None) => false,
        _ => wide.covers(narrow),
    }
}

fn permissions(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let before: BTreeSet<&Permission> = old.permissions.iter().collect();
    let after: BTreeSet<&Permission> = new.permissions.iter().collect();
    let (mut changes, mut spoken_of) = (Vec::new(), BTreeSet::new());
    for permission in after.difference(&before) {
        let to = (*permission).clone();
        let wider = before.iter().find(|old| asks_within(old, permission));
        let narrower = before.iter().filter(|old| asks_within(permission, old));
        match wider {
            // A bare permission is granted by scopes, so a scope that is named for the first time is asked for anew.
            Some(from) if from.scope().is_some() => {
                spoken_of.insert(*from);
                changes.push(Change::PermissionNarrowed { from: (*from).clone(), to });
            }
            _ => {
                let narrower: Vec<_> = narrower.collect();
                if narrower.is_empty() {
                    changes.push(Change::PermissionAdded { permission: to.clone() });
                }
                for from in narrower {
                    spoken_of.insert(*from);
                    changes.push(Change::PermissionWidened { from: (*from).clone(), to: to.clone() });
                }
            }
        }
    }
    for permission in before.difference(&after).filter(|permission| !spoken_of.contains(*permission)) {
        changes.push(Change::PermissionRemoved { permission: (*permission).clone() });
    }
    changes
}

fn limits(old: &Manifest, new: &Manifest) -> impl Iterator<Item = Change> {
    let (old, new) = (old.resources, new.resources);
    Limit::ALL.into_iter().filter_map(move |limit| {
        let (from, to) = (old.shown(limit), new.shown(limit));
        match new.amount(limit).cmp(&old.amount(limit)) {
            std::cmp::Ordering::Greater => Some(Change::LimitRaised { limit, from, to }),
            std::cmp::Ordering::Less => Some(Change::LimitLowered { limit, from, to }),
            std::cmp::Ordering::Equal => None,
        }
    })
}

fn dependencies(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let find = |manifest: &Manifest, id: &str| {
        manifest.dependencies.iter().find(|other| other.id.as_str() == id).map(|other| other.version.clone())
    };
    let mut changes = Vec::new();
    for dependency in &new.dependencies {
        let (id, to) = (dependency.id.to_string(), dependency.version.clone());
        match find(old, &id) {
            None => changes.push(Change::DependencyAdded { id, versions: to }),
            Some(from) if from != to => changes.push(Change::DependencyChanged { id, from, to }),
            Some(_) => {}
        }
    }
    let gone = old.dependencies.iter().map(|dependency| dependency.id.to_string()).filter(|id| find(new, id).is_none());
    changes.extend(gone.map(|id| Change::DependencyRemoved { id }));
    changes
}

fn capabilities(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let of = |manifest: &Manifest| -> BTreeSet<String> {
        manifest.provides.iter().map(|provision| provision.capability.to_string()).collect()
    };
    let (before, after) = (of(old), of(new));
    let added = after.difference(&before).map(|name| Change::CapabilityAdded { capability: name.clone() });
    let removed = before.difference(&after).map(|name| Change::CapabilityRemoved { capability: name.clone() });
    added.chain(removed).collect()
}
