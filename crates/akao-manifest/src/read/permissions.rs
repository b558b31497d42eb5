//! `permissions:` of a manifest: bare names, one permission with its scope as a grant writes it, or a name with scopes.

mod scopes;

use super::bounded;
use crate::ManifestCode;
use akao_contract::manifest::Permissions;
use akao_contract::{HostScope, Permission, PortPattern};
use akao_document::{Path, Position, Reader, codes, kind_of, suggest, suggest::shown};
use akao_yaml::{Entry, Node, Value};
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLE: &str = "permissions: [{ network.http: { hosts: [\"api.example.com:443\"] } }]";
const PERMISSIONS_MAX: usize = 100;
const SCOPES_MAX: usize = 100;

/// Ports that all hosts together may name: each is listened on inside the sandbox.
const PORTS_MAX: usize = 32;

/// Reads the permissions; gives the place of each.
pub(super) fn read(
    reader: &mut Reader,
    node: &Node,
    at: &Path<'_>,
    into: &mut Permissions,
) -> BTreeMap<Permission, Position> {
    let mut list = List { reader, found: BTreeMap::new() };
    if let Some(entries) = node.entries() {
        let first = entries.first().map_or("network.http", |entry| entry.key.text.as_str());
        let suggestion = Some(format!("Put `- ` in front of each permission: `- {}: …`.", shown(first)));
        let message = "`permissions` must be a list, not a mapping";
        list.reader.problem(codes::WRONG_KIND, node.position, at, message, suggestion);
        return list.found;
    }
    for (index, item) in bounded(list.reader, node, at, "permissions", EXAMPLE, PERMISSIONS_MAX).iter().enumerate() {
        list.item(item, &at.index(index));
    }
    list.check_ports(node, at);
    let found = list.found;
    *into = found.keys().cloned().collect();
    found
}

struct List<'r> {
    reader: &'r mut Reader,
    found: BTreeMap<Permission, Position>,
}

impl List<'_> {
    fn item(&mut self, node: &Node, path: &Path<'_>) {
        match &node.value {
            Value::String(text, _) => match text.split_once('=') {
                Some((name, scope)) => {
                    if self.check_name(name, node, path)
                        && let Some(scope) = self.scope(name, scope, node, path)
                    {
                        self.add(name, Some(&scope), node, path);
                    }
                }
                None => self.bare(text, node, path),
            },
            Value::Mapping(entries) if entries.is_empty() => {
                let suggestion = Some("Write for example `- network.http`.".to_owned());
                self.reader.problem(codes::INVALID_VALUE, node.position, path, "a permission is empty", suggestion);
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    self.narrowed(entry, &path.key(&entry.key.text));
                }
            }
            _ => {
                let message = format!("a permission must be a name or a mapping, not {}", kind_of(node));
                let suggestion =
                    Some("Write for example `- network.http: { hosts: [\"api.example.com:443\"] }`.".to_owned());
                self.reader.problem(codes::WRONG_KIND, node.position, path, message, suggestion);
            }
        }
    }

    fn bare(&mut self, name: &str, node: &Node, path: &Path<'_>) {
        if !self.check_name(name, node, path) {
            return;
        }
        if name == "secrets" {
            let suggestion = Some("Name them: `- secrets: [CRM_TOKEN]`.".to_owned());
            let message = "`secrets` without names asks for none";
            return self.reader.problem(ManifestCode::InvalidPermission, node.position, path, message, suggestion);
        }
        self.add(name, None, node, path);
    }

    /// Whether there is a permission of this name.
    fn check_name(&mut self, name: &str, node: &Node, path: &Path<'_>) -> bool {
        if Permission::NAMES.contains(&name) {
            return true;
        }
        let message = format!("there is no permission `{}`", shown(name));
        let hint = match name {
            "network" | "net" | "http" | "https" | "internet" => Some("network.http"),
            "tcp" | "socket" | "network.socket" => Some("network.tcp"),
            "filesystem" | "fs" | "file" | "files" | "fs.read" | "read" => Some("filesystem.read"),
            "fs.write" | "write" => Some("filesystem.write"),
            "exec" | "process" | "shell" | "system" | "system.execute" => Some("system.exec"),
            "env" | "environment" | "credentials" => Some("secrets"),
            _ => None,
        };
        let suggestion = match hint {
            // Looking for what was meant costs more than everything else.
            _ if self.reader.problems.is_full() => None,
            Some(hint) => Some(format!("Did you mean `{hint}`?")),
            None => suggest::sentence(name, "permissions", Permission::NAMES),
        };
        self.reader.problem(ManifestCode::UnknownPermission, node.position, path, message, suggestion);
        false
    }

    /// A name with its scopes.
    fn narrowed(&mut self, entry: &Entry, path: &Path<'_>) {
        let name = entry.key.text.as_str();
        let key = Node { position: entry.key.position, value: Value::Null };
        if !self.check_name(name, &key, path) {
            return;
        }
        let Some(items) = self.scopes(name, &entry.node, path) else { return };
        if items.is_empty() {
            let message = format!("`{name}` names nothing");
            let suggestion = match name {
                "secrets" => "Name the secrets: `secrets: [CRM_TOKEN]`.".to_owned(),
                _ => format!("Write {}, or the bare name.", example(name)),
            };
            let position = entry.node.position;
            return self.reader.problem(ManifestCode::InvalidPermission, position, path, message, Some(suggestion));
        }
        let hosts = path.key("hosts");
        let list = if name.starts_with("network.") { &hosts } else { path };
        for (index, item) in items.iter().take(SCOPES_MAX).enumerate() {
            let path = list.index(index);
            let Some(text) = item.as_str() else {
                let message = format!("each item of `{name}` must be text, not {}", kind_of(item));
                let suggestion = Some(format!("Write for example {}.", example(name)));
                self.reader.problem(codes::WRONG_KIND, item.position, &path, message, suggestion);
                continue;
            };
            if let Some(scope) = self.scope(name, text, item, &path) {
                self.add(name, Some(&scope), item, &path);
            }
        }
    }

    /// The list of scopes, which stands under `hosts` for the network.
    fn scopes<'n>(&mut self, name: &str, node: &'n Node, path: &Path<'_>) -> Option<&'n [Node]> {
        let list = match (name.starts_with("network."), &node.value) {
            (true, Value::Mapping(entries)) => {
                for Entry { key, .. } in entries.iter().filter(|entry| entry.key.text != "hosts") {
                    let hint = matches!(key.text.as_str(), "ports" | "port")
                        .then_some("Write the port after the host: `api.example.com:443`.");
                    self.reader.unknown_key(key, path, name, ["hosts"], hint);
                }
                match node.get("hosts") {
                    Some(hosts) => hosts,
                    None if entries.is_empty() => return Some(&[]),
                    None => return None,
                }
            }
            (false, Value::Sequence(_)) => node,
            _ => {
                let wanted = if name.starts_with("network.") { "a mapping with `hosts`" } else { "a list" };
                let message = format!("`{name}` must be {wanted}, not {}", kind_of(node));
                let suggestion = Some(format!("Write {}, or the bare name.", example(name)));
                self.reader.problem(codes::WRONG_KIND, node.position, path, message, suggestion);
                return None;
            }
        };
        let items = self.reader.list(list, path, "hosts", "hosts: [\"api.example.com:443\"]")?;
        if items.len() > SCOPES_MAX {
            let message = format!("`{name}` has {} items, more than the {SCOPES_MAX} allowed", items.len());
            let suggestion =
                Some("Name a suffix such as `*.example.com:443`, or a folder that holds the others.".to_owned());
            self.reader.problem(ManifestCode::TooMany, list.position, path, message, suggestion);
        }
        Some(items)
    }

    /// The scope in its one spelling.
    fn scope(&mut self, name: &str, text: &str, node: &Node, path: &Path<'_>) -> Option<String> {
        let scope = match name {
            "network.http" | "network.tcp" => scopes::host(name, text),
            "filesystem.read" | "filesystem.write" => scopes::volume(text),
            "secrets" => scopes::secret(text),
            _ => scopes::program(text),
        };
        match scope {
            Ok(scope) => Some(scope),
            Err((message, suggestion)) => {
                self.reader.problem(ManifestCode::InvalidPermission, node.position, path, message, Some(suggestion));
                None
            }
        }
    }

    fn add(&mut self, name: &str, scope: Option<&str>, node: &Node, path: &Path<'_>) {
        let Ok(permission) = Permission::new(name, scope) else { return };
        let position = Position::from(node.position);
        if let Some(first) = self.found.get(&permission) {
            let message = format!("`{permission}` is asked for twice, first at line {}", first.line);
            let suggestion = Some("Remove one of the two.".to_owned());
            return self.reader.problem(ManifestCode::Duplicate, node.position, path, message, suggestion);
        }
        self.found.insert(permission, position);
    }

    /// Each port of all hosts is listened on inside the sandbox.
    fn check_ports(&mut self, node: &Node, path: &Path<'_>) {
        let hosts = self.found.keys().filter(|permission| permission.name().starts_with("network."));
        let scopes = hosts.filter_map(|permission| permission.scope()?.parse::<HostScope>().ok());
        let ports: BTreeSet<u16> = scopes
            .filter_map(|scope| if let PortPattern::One(port) = scope.port { Some(port) } else { None })
            .collect();
        if ports.len() > PORTS_MAX {
            let message = format!("the hosts name {} ports, more than the {PORTS_MAX} allowed", ports.len());
            let suggestion = Some("Split the package by what it reaches.".to_owned());
            self.reader.problem(ManifestCode::TooMany, node.position, path, message, suggestion);
        }
    }
}

/// How a permission with a scope is written.
fn example(name: &str) -> &'static str {
    match name {
        "network.http" => "`network.http: { hosts: [\"api.example.com:443\"] }`",
        "network.tcp" => "`network.tcp: { hosts: [\"db.example.com:5432\"] }`",
        "filesystem.read" => "`filesystem.read: [volume://orders]`",
        "filesystem.write" => "`filesystem.write: [volume://reports]`",
        "secrets" => "`secrets: [CRM_TOKEN]`",
        _ => "`system.exec: [jq]`",
    }
}
