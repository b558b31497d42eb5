//! What a node would see and may do, given its manifest, what was granted and what the operator allows. It is computed,
//! not tried: the sandbox gets the same manifest, grants and caps.

use akao_contract::manifest::{Limit, Manifest, ResourceCaps, Resources};
use akao_contract::{HostScope, Permission, PortPattern, VolumeScope};
use akao_document::Position;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where a package's folder stands inside its sandbox.
const PACKAGE_PLACE: &str = "/package";

/// Where volumes stand inside a sandbox, each in a folder of its name.
const VOLUMES_PLACE: &str = "/volumes";

/// What a node would see and may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The package's id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What runs it.
    pub runtime: &'static str,
    /// The command with its arguments.
    pub command: Vec<String>,
    /// The nodes it holds.
    pub nodes: Vec<String>,
    /// The parts of the file system that are there; nothing else is.
    pub sees: Vec<Seen>,
    /// Hosts with ports that it may connect to; none means no network at all.
    pub reaches: Vec<String>,
    /// Secrets that it may read.
    pub secrets: Vec<String>,
    /// Programs that it may run besides its command and what interprets it.
    pub runs: Vec<String>,
    /// Each permission it asks for, with what became of it.
    pub asks: Vec<Asked>,
    /// Grants that give nothing that is asked for.
    pub unused_grants: Vec<Permission>,
    /// The limits that hold.
    pub limits: Vec<LimitHeld>,
}

/// A part of the file system inside the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Its path inside.
    pub path: String,
    /// Whether it may be written.
    pub writable: bool,
    /// What it is, as a fragment.
    pub what: String,
}

/// A permission that the manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The permission.
    pub permission: Permission,
    /// Where the manifest asks for it; none when the manifest did not come from a text.
    pub position: Option<Position>,
    /// What of it is granted, each as narrow as both sides say; empty when nothing is.
    pub granted: Vec<Permission>,
    /// Whether all that it asks for is granted.
    pub complete: bool,
    /// The option that grants the rest; none when it is complete.
    pub grant: Option<String>,
}

/// A limit that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitHeld {
    /// Which.
    pub limit: Limit,
    /// What the manifest asks for.
    pub asked: String,
    /// What holds.
    pub held: String,
    /// Whether the operator's cap is what holds.
    pub capped: bool,
}

/// Explains a manifest. `positions` says where its permissions are asked for, as [`crate::Parsed`] has them.
pub fn explain(
    manifest: &Manifest,
    positions: &BTreeMap<Permission, Position>,
    grants: &[Permission],
    caps: &ResourceCaps,
) -> Explanation {
    let asks: Vec<Asked> =
        manifest.permissions.iter().map(|permission| asked(permission, positions.get(permission), grants)).collect();
    let given = |name: &str| {
        let mut scopes: Vec<&str> = asks
            .iter()
            .flat_map(|asked| &asked.granted)
            .filter(|permission| permission.name() == name)
            .filter_map(Permission::scope)
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut reaches: Vec<String> = given("network.http").iter().flat_map(|scope| with_ports(scope)).collect();
    reaches.extend(given("network.tcp"));
    reaches.sort();
    reaches.dedup();
    let meets = |grant: &Permission, asked: &Permission| {
        let same = grant.name() == asked.name();
        same && (asked.scope().is_none() || grant.covers(asked) || asked.covers(grant))
    };
    let unused = |grant: &&Permission| !manifest.permissions.iter().any(|asked| meets(grant, asked));
    let command = std::iter::once(format!("{PACKAGE_PLACE}/{}", manifest.runtime.command));
    let held = manifest.resources.capped_by(caps);
    Explanation {
        id: manifest.id.as_str().to_owned(),
        version: manifest.version.clone(),
        runtime: manifest.runtime.kind.as_str(),
        command: command.chain(manifest.runtime.args.iter().cloned()).collect(),
        nodes: manifest.nodes.iter().map(|node| node.id.as_str().to_owned()).collect(),
        sees: sees(&held, &given("filesystem.read"), &given("filesystem.write")),
        reaches,
        secrets: given("secrets"),
        runs: given("system.exec"),
        unused_grants: grants.iter().filter(unused).cloned().collect(),
        limits: Limit::ALL.map(|limit| limit_held(limit, &manifest.resources, &held)).into(),
        asks,
    }
}

fn limit_held(limit: Limit, asked: &Resources, held: &Resources) -> LimitHeld {
    LimitHeld {
        limit,
        asked: asked.shown(limit),
        held: held.shown(limit),
        capped: held.amount(limit) < asked.amount(limit),
    }
}

/// What became of one permission. A bare one gets whatever is granted under its name.
fn asked(permission: &Permission, position: Option<&Position>, grants: &[Permission]) -> Asked {
    let of_name = || grants.iter().filter(|grant| grant.name() == permission.name());
    let (granted, complete) = match permission.scope() {
        None => (of_name().cloned().collect::<Vec<_>>(), of_name().next().is_some()),
        Some(_) if of_name().any(|grant| grant.covers(permission)) => (vec![permission.clone()], true),
        // A grant within what is asked for gives that much.
        Some(_) => {
            (of_name().filter(|grant| grant.scope().is_some() && permission.covers(grant)).cloned().collect(), false)
        }
    };
    let grant = (!complete).then(|| how_to_grant(permission));
    Asked { permission: permission.clone(), position: position.copied(), granted, complete, grant }
}

/// The option of `akao run` that grants a permission.
fn how_to_grant(permission: &Permission) -> String {
    match (permission.name(), permission.scope()) {
        ("secrets", Some(name)) => format!("--grant secrets={name} --secret {name}=env:{name}"),
        (_, Some(_)) => format!("--grant {permission}"),
        ("network.http", None) => "--grant network.http=HOST:443".to_owned(),
        ("network.tcp", None) => "--grant network.tcp=HOST:PORT".to_owned(),
        ("system.exec", None) => "--grant system.exec=PROGRAM".to_owned(),
        (name, None) => format!("--grant {name}=volume://NAME"),
    }
}

/// A host without a port is reached at the two ports of the web.
fn with_ports(scope: &str) -> Vec<String> {
    match scope.parse::<HostScope>() {
        Ok(host) if host.port == PortPattern::Default => {
            [80, 443].map(|port| HostScope { port: PortPattern::One(port), ..host.clone() }.to_string()).into()
        }
        _ => vec![scope.to_owned()],
    }
}

/// The view of the file system: the base, the package, the temporary space, the volumes.
fn sees(held: &Resources, read: &[String], written: &[String]) -> Vec<Seen> {
    let seen = |path: &str, writable: bool, what: &str| Seen { path: path.to_owned(), writable, what: what.to_owned() };
    let space = format!("temporary space of {}, empty at the start of each process", held.shown(Limit::Disk));
    let mut list = vec![
        seen("/usr", false, "the machine's programs and libraries"),
        seen("/etc", false, "made for the sandbox: names, certificates, an empty list of hosts"),
        seen(PACKAGE_PLACE, false, "the package's folder"),
        seen("/workspace", true, &space),
        seen("/tmp", true, "temporary space, part of the same amount"),
    ];
    let mut volumes: BTreeMap<String, (bool, String)> = BTreeMap::new();
    for (scopes, writable) in [(read, false), (written, true)] {
        for scope in scopes {
            let Ok(volume) = scope.parse::<VolumeScope>() else { continue };
            let below = if volume.path.is_empty() { String::new() } else { format!("/{}", volume.path) };
            let path = format!("{VOLUMES_PLACE}/{}{below}", volume.volume);
            let entry = volumes.entry(path).or_insert((false, volume.to_string()));
            entry.0 |= writable;
        }
    }
    list.extend(volumes.into_iter().map(|(path, (writable, what))| Seen { path, writable, what }));
    list
}
