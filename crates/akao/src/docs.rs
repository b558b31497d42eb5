//! The reference documents, made from what the code declares: a page for each node type with an index, the command line,
//! and the schemas of workflow files and of manifests. The same input gives the same bytes.

mod command_line;
mod node;

use crate::catalogue::{category_name, node_types};
use akao_contract::NodeType;
pub(crate) use node::page as node_page;
use std::{collections::BTreeMap, fmt::Write as _};

/// Every generated document, by its path below `docs/`.
pub(crate) fn documents() -> BTreeMap<String, String> {
    let types = node_types();
    let mut documents = BTreeMap::new();
    for node_type in &types {
        documents.insert(format!("nodes/{}.md", node_type.name), node_page(node_type));
    }
    documents.insert("nodes/README.md".to_owned(), index(&types));
    documents.insert("cli-reference.md".to_owned(), command_line::page());
    let manifest = akao_contract::manifest::manifest_schema();
    documents.insert("manifest-schema.json".to_owned(), format!("{manifest:#}\n"));
    documents.insert("workflow-schema.json".to_owned(), format!("{:#}\n", akao_flow::workflow_schema(&types)));
    documents.insert("openapi.json".to_owned(), format!("{:#}\n", akao_api::openapi_document()));
    documents
}

/// The index of node types, by category.
fn index(types: &[NodeType]) -> String {
    let mut sorted: Vec<&NodeType> = types.iter().collect();
    sorted.sort_by_key(|node_type| node_type.category);
    let mut page =
        "# Node types\n\nGenerated from the declarations in the code by `cargo xtask generate`.\n".to_owned();
    let mut category = String::new();
    for node_type in sorted {
        let name = category_name(node_type);
        if name != category {
            let _ = write!(page, "\n## {}\n\n| type | does |\n|---|---|\n", capitalised(&name));
            category = name;
        }
        let _ = writeln!(page, "| [{0}]({0}.md) | {1} |", node_type.name, node::cell(&node_type.summary));
    }
    page
}

/// The text with a capital at its start.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
