//! `akao list-nodes`: the node types that workflows may use, and how the packages are that installed ones come from. Custom nodes of this
//! machine are among them.

mod health;
pub(super) mod own;
mod there;

use crate::{
    catalogue::{category_name, node_types},
    cli::Context,
    exit::Exit,
    failure::Failure,
    linked::Linked,
    output::{Output, Style, plain_line, table},
    site::Site,
    wiring,
};
use akao_contract::{Digest, NodeType};
use akao_install::{Installed, Places, Record};
use health::{Clinic, Health, runtime_of};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Arguments of `akao list-nodes`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this category: composite, decorator, waiting, condition, data, file, network or test.
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
}

/// Prints the node types, by category and name; linked ones among them.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if let Some(remote) = Site::server_of(context)? {
        return there::run(args.category.as_deref(), &remote, context);
    }
    let output = &context.output;
    let mut types = node_types();
    let (linked_types, linked) = linked(context)?;
    types.extend(linked_types);
    let packages = Packages::look_at(context)?;
    types.extend(packages.types());
    let own = own::newest(context)?;
    types.extend(own.iter().cloned());
    types.sort_by_key(|node_type| node_type.category);
    if let Some(wanted) = &args.category {
        let known: Vec<String> = categories(&types);
        if !known.contains(wanted) {
            return Err(Failure::usage(format!("there is no category `{wanted}`"))
                .hint(format!("The categories are {}.", known.join(", "))));
        }
        types.retain(|node_type| category_name(node_type) == *wanted);
    }
    let unreadable = || packages.unreadable().filter(|_| args.category.is_none());
    if output.json {
        let mut list: Vec<Value> = types.iter().map(|node_type| summary(node_type, &linked, &packages, &own)).collect();
        list.extend(unreadable().map(|(name, package)| {
            json!({"package": package.document(), "type": name, "version": package.record.active, "category": null})
        }));
        output.document(&json!({ "nodes": list }))?;
        return Ok(Exit::Success);
    }
    let mut rows: Vec<_> = types.iter().map(|node_type| row(node_type, &linked, &packages, &own, output)).collect();
    rows.extend(unreadable().map(|(name, package)| {
        let health = output.out(Style::Bad, &package.health.to_string());
        vec![name, String::new(), package.from(), health, package.source(), String::new()]
    }));
    output.text(&table(&["TYPE", "CATEGORY", "FROM", "HEALTH", "SOURCE", "DOES"], &rows))?;
    packages.0.iter().filter_map(Package::news).for_each(|news| output.note(&news));
    Ok(Exit::Success)
}

/// The nodes of linked packages. What cannot be read among them is told.
fn linked(context: &Context) -> Result<(Vec<NodeType>, Linked), Failure> {
    let linked = match wiring::data_dir(context) {
        Ok(folder) => Linked::read(&folder)?,
        Err(_) => Linked::default(),
    };
    let mut types = Vec::new();
    for found in linked.node_types() {
        match found {
            Ok(node_type) => types.push(node_type),
            Err((id, error)) => context.output.always(&format!(
                "{} the linked package `{id}` cannot be read: {error}. {}",
                context.output.err(Style::Warning, "warning:"),
                error.suggestion()
            )),
        }
    }
    Ok((types, linked))
}

fn categories(sorted: &[NodeType]) -> Vec<String> {
    let mut names: Vec<String> = sorted.iter().map(category_name).collect();
    names.dedup();
    names
}

/// Records that can be used; `akao verify` tells of the others.
fn records(places: &Places) -> Vec<Record> {
    let all = Installed::of(places).all().unwrap_or_default();
    all.into_iter().filter_map(|(_, record)| record.ok()).collect()
}

fn types_of(record: &Record, places: &Places) -> Vec<NodeType> {
    let Some(active) = record.active_version() else { return Vec::new() };
    let Ok(folder) = akao_manifest::read_folder(&places.store().path(&active.content)) else { return Vec::new() };
    let manifest = folder.manifest();
    manifest.nodes.iter().map(|node| node.to_node_type(manifest)).collect()
}

/// The installed packages as they are now.
#[derive(Default)]
pub(super) struct Packages(Vec<Package>);

/// One of them.
pub(super) struct Package {
    pub(super) record: Record,
    pub(super) types: Vec<NodeType>,
    pub(super) health: Health,
}

impl Packages {
    pub(super) fn look_at(context: &Context) -> Result<Self, Failure> {
        let Ok(folder) = wiring::data_dir(context) else { return Ok(Self(Vec::new())) };
        let places = Places::new(&folder);
        let records = records(&places);
        if records.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let clinic = Clinic::open(context)?;
        // Several packages may be one content.
        let mut known: BTreeMap<Digest, Health> = BTreeMap::new();
        let look_at = |record: Record| {
            let content = record.active_version()?.content;
            let examine = || clinic.examine(&content, runtime_of(&places.store().path(&content)));
            let health = known.entry(content).or_insert_with(examine).clone();
            Some(Package { types: types_of(&record, &places), record, health })
        };
        Ok(Self(records.into_iter().filter_map(look_at).collect()))
    }

    pub(super) fn types(&self) -> impl Iterator<Item = NodeType> {
        self.0.iter().flat_map(|package| package.types.iter().cloned())
    }

    /// Nodes whose package's manifest cannot be read, by what the record says.
    fn unreadable(&self) -> impl Iterator<Item = (String, &Package)> {
        let silent = self.0.iter().filter(|package| package.types.is_empty());
        silent.flat_map(|package| {
            let nodes = package.record.active_version().map(|active| active.nodes.as_slice()).unwrap_or_default();
            nodes.iter().map(move |node| (node.to_string(), package))
        })
    }

    /// The package of this id.
    pub(super) fn called(&self, id: &str) -> Option<&Package> {
        self.0.iter().find(|package| package.record.id.as_str() == id)
    }

    pub(super) fn of(&self, node_type: &NodeType) -> Option<&Package> {
        self.0.iter().find(|package| package.types.iter().any(|known| known.name == node_type.name))
    }
}

impl Package {
    /// Where its active version came from.
    pub(super) fn source(&self) -> String {
        self.record.active_version().map(|active| plain_line(&active.source.to_string())).unwrap_or_default()
    }

    /// In which version it is installed, with what keeps it from being used.
    fn from(&self) -> String {
        format!("{} {}", status(&self.record), self.record.active)
    }

    /// What its repository said of it, as a sentence.
    fn news(&self) -> Option<String> {
        let Record { id, active, offered, .. } = &self.record;
        let newer = self.record.update().map(|newest| format!("{newest} is there; `akao update {id}` takes it"));
        let warning = offered.as_ref()?.warning.as_ref().map(|text| format!("it is deprecated: {}", plain_line(text)));
        let news: Vec<String> = warning.into_iter().chain(newer).collect();
        (!news.is_empty()).then(|| format!("{id} {active}: {}.", news.join("; ").trim_end_matches('.')))
    }

    pub(super) fn document(&self) -> Value {
        let record = &self.record;
        json!({
            "id": record.id, "status": status(record), "version": record.active,
            "source": record.active_version().map(|version| version.source.to_string()),
            "versions": record.versions.iter().map(|version| &version.version).collect::<Vec<_>>(),
            "health": self.health, "update": record.update(),
            "deprecated": record.offered.as_ref().and_then(|offered| offered.warning.as_ref()),
        })
    }
}

pub(super) fn status(record: &Record) -> &'static str {
    match (&record.disabled, record.active_version().and_then(|version| version.blocked.as_ref())) {
        (_, Some(_)) => "blocked",
        (Some(_), _) => "disabled",
        (None, None) => "installed",
    }
}

/// Whether a node type is one of the custom nodes, whose names no others have.
fn is_own(node_type: &NodeType, own: &[NodeType]) -> bool {
    own.iter().any(|custom| custom.name == node_type.name)
}

fn row(node_type: &NodeType, linked: &Linked, packages: &Packages, own: &[NodeType], output: &Output) -> Vec<String> {
    let package = packages.of(node_type);
    let from = match package {
        _ if linked.folder_of(&node_type.name).is_some() => "linked".to_owned(),
        Some(package) => package.from(),
        None if is_own(node_type, own) => format!("custom {}", node_type.version),
        None => "built in".to_owned(),
    };
    let health = package.map(|package| {
        let style = if package.health.is_ok() { Style::Good } else { Style::Bad };
        output.out(style, &package.health.to_string())
    });
    let name = node_type.name.clone();
    let source = package.map(Package::source).unwrap_or_default();
    vec![name, category_name(node_type), from, health.unwrap_or_default(), source, plain_line(&node_type.summary)]
}

fn summary(node_type: &NodeType, linked: &Linked, packages: &Packages, own: &[NodeType]) -> Value {
    json!({
        "package": packages.of(node_type).map(Package::document),
        "type": node_type.name, "aliases": node_type.aliases, "version": node_type.version,
        "category": node_type.category, "summary": node_type.summary,
        "folder": linked.folder_of(&node_type.name), "custom": is_own(node_type, own),
    })
}
