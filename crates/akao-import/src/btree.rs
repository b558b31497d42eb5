//! btree trees in YAML, in the spellings that their documents, plans and older versions use.
//!
//! A bare tree is read with the meaning that it has there: an unknown name is empty text, Parallel waits for all its
//! children, RunOnce keeps the first status. A file that already has Akao's header keeps its own meaning; only spellings
//! are put right.

mod keys;
mod props;
mod special;
mod tables;

use crate::document::{place, text, wrong};
use crate::names::{Names, file_stem, workflow_id};
use crate::report::{Place, Report, Verdict};
use crate::{ImportError, Source, build};
use akao_flow::{Definition, InputSchema, NodeDef, Settings, WORKFLOW_FORMAT};
use akao_yaml::Node;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Keys of a node that Akao's own files add to the family's.
const NODE_KEYS: [&str; 10] =
    ["needs", "if", "retry", "timeout", "on_failure", "pin", "run_on", "case", "default", "name"];

/// Whether a document is a tree, bare or under a header.
pub(crate) fn looks_like(document: &Node) -> bool {
    document.get("type").is_some() || document.get("root").is_some()
}

/// Reads the tree.
pub(crate) fn import(source: &Source<'_>, document: &Node, report: &mut Report) -> Result<Definition, ImportError> {
    let bare = document.get("root").is_none();
    let written = keys::written(document);
    let mut importer = Importer {
        node_types: source.node_types,
        report,
        bare,
        written,
        ids: Names::default(),
        used_ids: BTreeSet::new(),
        keys: Names::default(),
    };
    importer.ids.keep_valid(keys::ids(document));
    if !bare {
        return importer.with_header(source, document);
    }
    let root = importer.node(document, "root")?;
    Ok(Definition {
        akao: WORKFLOW_FORMAT,
        id: workflow_id(file_stem(source.name)),
        version: "0.1.0".to_owned(),
        name: text(document, "name").map(str::to_owned),
        description: None,
        inputs: InputSchema::default(),
        outputs: IndexMap::new(),
        settings: Settings::default(),
        trees: IndexMap::new(),
        root,
    })
}

struct Importer<'a> {
    node_types: &'a BTreeSet<String>,
    report: &'a mut Report,
    /// Whether the tree has no header, and so the family's meaning.
    bare: bool,
    /// Keys that some node of the file writes.
    written: BTreeSet<String>,
    ids: Names,
    used_ids: BTreeSet<String>,
    keys: Names,
}

impl Importer<'_> {
    /// A workflow file of ours: the header stays, the trees are gone through.
    fn with_header(mut self, source: &Source<'_>, document: &Node) -> Result<Definition, ImportError> {
        let mut header = Map::new();
        for entry in document.entries().unwrap_or_default() {
            let value = match entry.key.text.as_str() {
                "root" => serde_json::to_value(self.node(&entry.node, "root")?),
                "trees" => serde_json::to_value(self.trees(&entry.node)?),
                _ => Ok(entry.node.to_value()),
            };
            header.insert(entry.key.text.clone(), value.unwrap_or_default());
        }
        header.entry("akao").or_insert(json!(WORKFLOW_FORMAT));
        header.entry("id").or_insert(json!(workflow_id(file_stem(source.name))));
        header.entry("version").or_insert(json!("0.1.0"));
        serde_json::from_value(Value::Object(header))
            .map_err(|error| wrong("root", document, format!("the header does not fit: {error}")))
    }

    fn trees(&mut self, trees: &Node) -> Result<IndexMap<String, NodeDef>, ImportError> {
        let entries = trees.entries().ok_or_else(|| wrong("trees", trees, "a mapping of name to tree is expected"))?;
        entries
            .iter()
            .map(|entry| Ok((entry.key.text.clone(), self.node(&entry.node, &format!("trees.{}", entry.key.text))?)))
            .collect()
    }

    fn node(&mut self, node: &Node, path: &str) -> Result<NodeDef, ImportError> {
        let at = place(path, node);
        let Some(old_type) = text(node, "type") else {
            return Err(wrong(path, node, "a node needs a `type`"));
        };
        let slot = self.report.open(&at, old_type);
        let mut notes = Vec::new();
        let canonical = tables::canonical(old_type);
        let props = self.props(node, canonical, &at, &mut notes);
        let mut made = NodeDef { props, ..build::node(canonical) };
        self.common(node, path, &at, &mut made)?;
        let children = self.children(node, path)?;
        match self.settle(&mut made, old_type, &mut notes) {
            Ok(()) => {
                made.children = children;
                self.report.close(slot, &notes);
            }
            Err(reason) => {
                let stand_in = build::placeholder(old_type, &reason, children);
                made =
                    NodeDef { node_type: stand_in.node_type, children: stand_in.children, props: Map::new(), ..made };
                self.report.settle(slot, Verdict::Placeholder, reason);
            }
        }
        Ok(made)
    }

    fn children(&mut self, node: &Node, path: &str) -> Result<Vec<NodeDef>, ImportError> {
        let children = crate::document::list(node, "children", path)?;
        children
            .iter()
            .enumerate()
            .map(|(index, child)| self.node(child, &format!("{path}.children[{index}]")))
            .collect()
    }

    /// What does not depend on the type: id, name and the keys of our own files.
    fn common(&mut self, node: &Node, path: &str, at: &Place, made: &mut NodeDef) -> Result<(), ImportError> {
        let mut fields = Map::from_iter([("type".to_owned(), json!(made.node_type))]);
        for entry in node.entries().unwrap_or_default() {
            match entry.key.text.as_str() {
                "type" | "props" | "children" | "id" => {}
                // The header's own keys stand beside the root of a bare tree.
                "description" | "akao" => {
                    self.report.add(at, &made.node_type, Verdict::Dropped, format!("`{}`", entry.key.text))
                }
                key if NODE_KEYS.contains(&key) => {
                    fields.insert(key.to_owned(), entry.node.to_value());
                }
                key => self.report.add(at, &made.node_type, Verdict::Dropped, format!("a node has no `{key}`")),
            }
        }
        let parsed: NodeDef = serde_json::from_value(Value::Object(fields))
            .map_err(|error| wrong(path, node, format!("the node does not fit: {error}")))?;
        *made = NodeDef { props: std::mem::take(&mut made.props), ..parsed };
        made.needs = made.needs.iter().map(|id| self.ids.rename(id).0).collect();
        if let Some(id) = text(node, "id") {
            made.id = self.id(id, at, &made.node_type);
        }
        Ok(())
    }

    fn id(&mut self, old: &str, at: &Place, node_type: &str) -> Option<String> {
        let (id, changed) = self.ids.rename(old);
        if changed {
            self.report.add(at, node_type, Verdict::Renamed, format!("the id `{old}` is `{id}` now"));
        }
        if self.used_ids.insert(id.clone()) {
            return Some(id);
        }
        self.report.add(at, node_type, Verdict::Dropped, format!("another node has the id `{old}` already"));
        None
    }
}
